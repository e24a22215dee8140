"""Two ways to search a bank that give the same answer: a scan with NumPy, and an index without."""

from __future__ import annotations

from array import array
from heapq import nsmallest
from itertools import accumulate, chain, combinations, compress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["NumpyScan", "PythonIndex"]


class NumpyScan:
    """
    Compare with all: a million take two milliseconds.

    :param hashes: 64-bit hashes.
    """

    def __init__(self, hashes: array[int]) -> None:
        import numpy as np

        self._hashes = np.frombuffer(hashes, dtype=np.uint64) if hashes else np.empty(0, np.uint64)

    def _distances(self, bits: int) -> Any:
        import numpy as np

        return np.bitwise_count(self._hashes ^ np.uint64(bits))

    def nearest(self, bits: int) -> tuple[int, int]:
        """Return distance and position of the nearest hash, the first of several."""
        distances = self._distances(bits)
        position = int(distances.argmin())
        return int(distances[position]), position

    def within(self, bits: int, radius: int, limit: int) -> tuple[list[tuple[int, int]], int]:
        """Return distance and position of the nearest hashes within the radius, and how many are within."""
        import numpy as np

        distances = self._distances(bits)
        counts = np.bincount(distances, minlength=65)[: radius + 1]
        up_to = counts.cumsum()
        # The last distance of which some are returned; of what is nearer, all are.
        last = int(np.searchsorted(up_to, limit)) if limit < up_to[-1] else radius
        positions = (distances < last).nonzero()[0].tolist()
        equal = (distances == last).nonzero()[0][: max(limit - len(positions), 0)].tolist()
        hits = [(int(distances[position]), position) for position in [*positions, *equal]]
        return sorted(hits)[:limit], int(up_to[-1])


_WIDTH = 16
_VALUES = 1 << _WIDTH
_SHIFTS = range(0, 64, _WIDTH)
_MASKS = [
    [sum(1 << position for position in flips) for flips in combinations(range(_WIDTH), count)]
    for count in range(6)
]
#: Below this size, to compare with all is as fast as to look into buckets.
_SMALL = 5_000
_PART = 50_000


class PythonIndex:
    """
    Look into the buckets where near hashes must lie, nearest buckets first (multi-index hashing).

    The hashes are sorted by each of their four 16-bit chunks. Each step looks into the buckets whose value
    of one chunk differs in one more bit. After ``n`` steps every hash at a distance below ``n`` has been
    seen, by the principle that :mod:`~airflow_provider_imagekit.similarity.pairs.chunks` explains.

    :param hashes: 64-bit hashes.
    """

    def __init__(self, hashes: array[int]) -> None:
        self._hashes = hashes
        self._indexes = [_Buckets(hashes, shift) for shift in _SHIFTS] if len(hashes) > _SMALL else []

    def nearest(self, bits: int) -> tuple[int, int]:
        """Return distance and position of the nearest hash, the first of several."""
        best = (65, -1)
        for complete_below, distances, positions in self._steps(bits):
            if distances and (distance := min(distances)) <= best[0]:
                first = min(compress(positions, map(distance.__eq__, distances)))
                best = min(best, (distance, first))
            if best[0] < complete_below:
                break
        return best

    def within(self, bits: int, radius: int, limit: int) -> tuple[list[tuple[int, int]], int]:
        """Return distance and position of the nearest hashes within the radius, and how many are within."""
        count = 0

        def hits() -> Iterator[tuple[int, int]]:
            nonlocal count
            seen = bytearray(len(self._hashes))  # a hash can lie in a bucket of each of its chunks
            for complete_below, distances, positions in self._steps(bits):
                if distances and min(distances) <= radius:
                    for distance, position in zip(distances, positions, strict=True):
                        if distance <= radius and not seen[position]:
                            seen[position] = 1
                            count += 1
                            yield distance, position
                if radius < complete_below:
                    break

        nearest = nsmallest(max(limit, 1), hits())  # for none it would not count
        return nearest[:limit], count

    def _steps(self, bits: int) -> Iterator[tuple[int, list[int], Sequence[int]]]:
        """Yield distances with positions, and below which distance all have been yielded then."""
        complete_below = 0
        for masks in _MASKS if self._indexes else []:
            for index in self._indexes:
                hashes, positions = index.look(bits, masks)
                yield from _in_parts(bits, hashes, positions, complete_below)
                complete_below += 1
                yield complete_below, [], []
        yield from _in_parts(bits, self._hashes, range(len(self._hashes)), complete_below)
        yield 65, [], []


class _Buckets:
    """Hashes, and their positions, sorted by the chunk that begins at a bit."""

    def __init__(self, hashes: array[int], shift: int) -> None:
        self._shift = shift
        buckets: list[list[int]] = [[] for _ in range(_VALUES)]
        for position, bits in enumerate(hashes):
            buckets[bits >> shift & (_VALUES - 1)].append(position)
        self._starts = array("I", accumulate(map(len, buckets), initial=0))
        self._positions = array("I", chain.from_iterable(buckets))
        self._hashes = array("Q", map(hashes.__getitem__, self._positions))

    def look(self, bits: int, masks: list[int]) -> tuple[array[int], array[int]]:
        """Return hashes and positions in the buckets that differ by one of the masks."""
        value = bits >> self._shift & (_VALUES - 1)
        hashes, positions = array("Q"), array("I")
        for mask in masks:
            begin, end = self._starts[value ^ mask], self._starts[(value ^ mask) + 1]
            if begin != end:
                hashes += self._hashes[begin:end]
                positions += self._positions[begin:end]
        return hashes, positions


def _in_parts(
    bits: int, hashes: array[int], positions: Sequence[int], complete_below: int
) -> Iterator[tuple[int, list[int], Sequence[int]]]:
    """Yield the steps of many hashes in parts, between which other threads have their turn."""
    for begin in range(0, len(hashes), _PART):
        part = slice(begin, begin + _PART)
        yield complete_below, _distances(bits, hashes[part]), positions[part]


def _distances(bits: int, hashes: array[int]) -> list[int]:
    # Chained maps run without a step of the interpreter: twice as fast as a comprehension.
    return list(map(int.bit_count, map(bits.__xor__, hashes)))
