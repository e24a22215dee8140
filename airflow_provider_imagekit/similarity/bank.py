"""A bank of hashes: find the picture nearest to a given one, and all pictures within a radius."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from heapq import nsmallest
from itertools import accumulate, chain, combinations, compress
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.io.text_columns import filtered, listed, taken
from airflow_provider_imagekit.phash import PHASH_BITS, PHash
from airflow_provider_imagekit.similarity.pairs.pairs import places_in, use_numpy
from airflow_provider_imagekit.similarity.picture_columns import Pictures
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.verdict import Decision, is_low_information

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from airflow_provider_imagekit.similarity.distance import DistanceBounds

__all__ = ["MAX_MATCHES", "BankVerdict", "Match", "PHashBank", "judge_against"]

#: Default maximum of matches that a verdict lists.
MAX_MATCHES = 100


@dataclass(frozen=True, slots=True)
class Match:
    """
    A picture of the bank and its distance from the picture that was compared.

    :param id: its name in the bank.
    :param phash: its hash.
    :param distance: 0 to 64 bits.
    """

    id: str
    phash: PHash
    distance: int

    def as_dict(self) -> dict[str, Any]:
        """Return the match as plain JSON."""
        return {"id": self.id, "phash": str(self.phash), "distance": self.distance}


class PHashBank:
    """
    Hashes that pictures are compared with, such as banned pictures, approved masters or the catalogue.

    The search is exact. A million hashes take 8 MB plus the names. With NumPy, a lookup scans them all in
    2 milliseconds. Without NumPy, an index that takes another 16 MB is as fast within a small radius.

    :param records: the pictures; those without a hash or with a low-information hash are left out and
        counted in ``skipped``.
    :param low_information: hashes to leave out, in addition to zero.
    """

    def __init__(
        self,
        records: Iterable[HashRecord] | Pictures,
        *,
        low_information: Collection[PHash] = frozenset(),
    ) -> None:
        pictures = records if isinstance(records, Pictures) else Pictures.of_records(records)
        # Pictures without a hash are stored as zero.
        low = places_in(pictures.bits, {0, *(phash.bits for phash in low_information)})
        self.skipped = len(low)
        self._ids, self._hashes = pictures.ids, pictures.bits
        if low:
            useful = bytearray(b"\x01") * len(pictures)
            for place in low:
                useful[place] = 0
            self._ids = filtered(pictures.ids, useful)
            self._hashes = array("Q", compress(pictures.bits, useful))
        search = _NumpyScan if use_numpy() else _PythonIndex
        self._search: _NumpyScan | _PythonIndex = search(self._hashes)

    @classmethod
    def of(cls, phashes: Iterable[str], **options: Any) -> PHashBank:
        """
        Create a bank from hashes alone; each hash is also the picture's name.

        :param phashes: hashes in any form that :meth:`PHash.parse` accepts.
        :param options: as for the class.
        """
        parsed = (PHash.parse(text) for text in phashes)
        return cls((HashRecord(str(phash), phash) for phash in parsed), **options)

    def __len__(self) -> int:
        return len(self._hashes)

    def nearest(self, phash: PHash) -> Match | None:
        """Return the nearest picture, the first one of a tie; ``None`` if the bank is empty."""
        if not self._hashes:
            return None
        distance, position = self._search.nearest(phash.bits)
        return self._match(distance, position)

    def within(self, phash: PHash, radius: int, *, limit: int | None = None) -> tuple[list[Match], int]:
        """
        Find all pictures within a radius.

        :param phash: the hash to compare with the bank.
        :param radius: maximum distance, in bits.
        :param limit: maximum number of matches to return.
        :return: the matches, nearest first and then in the bank's order, and the total number of matches.
        """
        if not self._hashes or radius < 0:
            return [], 0
        hits, count = self._search.within(phash.bits, radius, len(self) if limit is None else limit)
        return [self._match(*hit) for hit in hits], count

    def _match(self, distance: int, position: int) -> Match:
        return Match(listed(taken(self._ids, [position]))[0], PHash(self._hashes[position]), distance)


@dataclass(frozen=True, slots=True)
class BankVerdict:
    """
    Result of comparing a picture with a bank.

    :param decision: similar if the nearest picture of the bank is similar, else different; or undecidable.
    :param matched: whether the nearest picture's distance is within the bounds; false if undecidable.
    :param best: the nearest picture; ``None`` if undecidable or if the bank is empty.
    :param matches: the similar pictures, nearest first, up to ``max_matches``.
    :param match_count: the total number of similar pictures.
    :param phash: hash of the picture; ``None`` if it has none.
    :param reason: one sentence for the log.
    """

    decision: Decision
    matched: bool
    best: Match | None
    matches: tuple[Match, ...]
    match_count: int
    phash: PHash | None
    reason: str

    def as_xcom(self) -> dict[str, Any]:
        """Return the verdict on the nearest picture, its name and all matches as plain JSON."""
        best = self.best
        return {
            "matched": self.matched,
            "distance": best.distance if best else None,
            "similarity": 1 - best.distance / PHASH_BITS if best else None,
            "phash": str(self.phash) if self.phash else None,
            "reference_phash": str(best.phash) if best else None,
            "reference_id": best.id if best else None,
            "matches": [match.as_dict() for match in self.matches],
            "match_count": self.match_count,
        }


def judge_against(
    phash: PHash | None,
    bank: PHashBank,
    bounds: DistanceBounds,
    *,
    low_information: Collection[PHash] = frozenset(),
    max_matches: int = MAX_MATCHES,
) -> BankVerdict:
    """
    Compare a picture with every picture of a bank and judge it by the nearest one.

    ``max_distance`` matches a picture that is in the bank; ``min_distance`` alone matches one that is not.

    :param phash: hash of the picture; ``None`` if it has none.
    :param bank: the pictures to compare it with. No picture is similar to an empty bank.
    :param bounds: the distances that match.
    :param low_information: hashes that are undecidable, in addition to zero.
    :param max_matches: maximum number of matches to list.
    """
    if phash is None or is_low_information(phash, low_information):
        doubt = "has no pHash" if phash is None else f"has the pHash {phash} of a flat picture"
        return BankVerdict(Decision.UNDECIDABLE, False, None, (), 0, phash, f"The picture {doubt}.")  # noqa: FBT003
    best = bank.nearest(phash)
    if best is None:
        far = bounds.max_distance is None
        return BankVerdict(Decision.DIFFERENT, far, None, (), 0, phash, "The bank is empty.")
    matches, count = bank.within(phash, bounds.radius, limit=max_matches)
    matched = bounds.contains(best.distance)
    return BankVerdict(
        decision=Decision.SIMILAR if best.distance <= bounds.radius else Decision.DIFFERENT,
        matched=matched,
        best=best,
        matches=tuple(matches),
        match_count=count,
        phash=phash,
        reason=f"The nearest of {len(bank):,}, {best.id}, is {best.distance} of 64 bits away, "
        f"{'within' if matched else 'outside'} the bounds ({bounds}).",
    )


class _NumpyScan:
    """
    Compares a hash with all hashes; a million take two milliseconds.

    :param hashes: 64-bit hashes.
    """

    def __init__(self, hashes: array[int]) -> None:
        import numpy as np

        self._hashes = np.frombuffer(hashes, dtype=np.uint64) if hashes else np.empty(0, np.uint64)

    def _distances(self, bits: int) -> Any:
        import numpy as np

        return np.bitwise_count(self._hashes ^ np.uint64(bits))

    def nearest(self, bits: int) -> tuple[int, int]:
        """Return distance and position of the nearest hash, the first one of a tie."""
        distances = self._distances(bits)
        position = int(distances.argmin())
        return int(distances[position]), position

    def within(self, bits: int, radius: int, limit: int) -> tuple[list[tuple[int, int]], int]:
        """Return distance and position of the nearest hashes within the radius, and the total within it."""
        import numpy as np

        distances = self._distances(bits)
        counts = np.bincount(distances, minlength=65)[: radius + 1]
        up_to = counts.cumsum()
        # All hashes nearer than this distance are returned, and some at this distance.
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
#: Up to this number of hashes, comparing all is as fast as an index.
_SMALL = 5_000
_PART = 50_000


class _PythonIndex:
    """
    Searches the buckets that can hold near hashes, nearest buckets first (multi-index hashing).

    The hashes are sorted by each of their four 16-bit chunks. Each step searches the buckets whose value of
    one chunk differs in one more bit. After ``n`` steps every hash at a distance below ``n`` has been found;
    :mod:`~airflow_provider_imagekit.similarity.pairs.chunks` explains why.

    :param hashes: 64-bit hashes.
    """

    def __init__(self, hashes: array[int]) -> None:
        self._hashes = hashes
        self._indexes = [_Buckets(hashes, shift) for shift in _SHIFTS] if len(hashes) > _SMALL else []

    def nearest(self, bits: int) -> tuple[int, int]:
        """Return distance and position of the nearest hash, the first one of a tie."""
        best = (65, -1)
        for complete_below, distances, positions in self._steps(bits):
            if distances and (distance := min(distances)) <= best[0]:
                first = min(compress(positions, map(distance.__eq__, distances)))
                best = min(best, (distance, first))
            if best[0] < complete_below:
                break
        return best

    def within(self, bits: int, radius: int, limit: int) -> tuple[list[tuple[int, int]], int]:
        """Return distance and position of the nearest hashes within the radius, and the total within it."""
        count = 0

        def hits() -> Iterator[tuple[int, int]]:
            nonlocal count
            seen = bytearray(len(self._hashes))  # a hash can be found through each of its chunks
            for complete_below, distances, positions in self._steps(bits):
                if distances and min(distances) <= radius:
                    for distance, position in zip(distances, positions, strict=True):
                        if distance <= radius and not seen[position]:
                            seen[position] = 1
                            count += 1
                            yield distance, position
                if radius < complete_below:
                    break

        nearest = nsmallest(max(limit, 1), hits())  # a limit of 0 would leave the count at 0
        return nearest[:limit], count

    def _steps(self, bits: int) -> Iterator[tuple[int, list[int], Sequence[int]]]:
        """Yield distances and positions, and the distance below which all hashes have been yielded."""
        complete_below = 0
        for masks in _MASKS if self._indexes else []:
            for index in self._indexes:
                hashes, positions = index.lookup(bits, masks)
                yield from _in_parts(bits, hashes, positions, complete_below)
                complete_below += 1
                yield complete_below, [], []
        yield from _in_parts(bits, self._hashes, range(len(self._hashes)), complete_below)
        yield 65, [], []


class _Buckets:
    """Hashes and their positions, sorted by the chunk that begins at the bit ``shift``."""

    def __init__(self, hashes: array[int], shift: int) -> None:
        self._shift = shift
        buckets: list[list[int]] = [[] for _ in range(_VALUES)]
        for position, bits in enumerate(hashes):
            buckets[bits >> shift & (_VALUES - 1)].append(position)
        self._starts = array("I", accumulate(map(len, buckets), initial=0))
        self._positions = array("I", chain.from_iterable(buckets))
        self._hashes = array("Q", map(hashes.__getitem__, self._positions))

    def lookup(self, bits: int, masks: list[int]) -> tuple[array[int], array[int]]:
        """Return hashes and positions of the buckets whose value differs by one of the masks."""
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
    """Yield the distances of many hashes in parts, so that other threads can run in between."""
    for begin in range(0, len(hashes), _PART):
        part = slice(begin, begin + _PART)
        yield complete_below, _distances(bits, hashes[part]), positions[part]


def _distances(bits: int, hashes: array[int]) -> list[int]:
    # Chained maps run in C, twice as fast as a comprehension.
    return list(map(int.bit_count, map(bits.__xor__, hashes)))
