"""What a search for near pairs takes and gives: hashes, each once, and columns of pairs."""

from __future__ import annotations

from array import array
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from itertools import compress, islice, repeat
from operator import ne, sub
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.progress import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

__all__ = [
    "CROWD",
    "MAX_PAIRS",
    "DistinctHashes",
    "Pairs",
    "Tally",
    "packed",
    "picked",
    "places_in",
    "sorted_positions",
    "too_many_pairs",
    "use_numpy",
    "where",
    "without_numpy",
]

_may_use_numpy: ContextVar[bool] = ContextVar("may_use_numpy", default=True)

#: More pairs than this are refused unless asked for: the radius is too wide, or flat pictures are among the
#: hashes. They take some 100 MB.
MAX_PAIRS = 5_000_000

#: A picture with more near ones than this is crowded. A pair of two crowded pictures is counted, not kept:
#: thousands of pictures of one layout make millions of these.
CROWD = 100


@dataclass(frozen=True, slots=True)
class Pairs:
    """
    Pairs of near hashes as three columns of equal length, sorted by the positions.

    :param first: position of a hash.
    :param second: position of the hash near it.
    :param distance: 0 to 64.
    """

    first: array[int]
    second: array[int]
    distance: array[int]

    def __len__(self) -> int:
        return len(self.distance)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.first, self.second, self.distance, strict=True)


@dataclass(frozen=True, slots=True)
class Tally:
    """
    How many pictures carry each distinct hash, and how many others a search has found near each of them.

    :param carriers: pictures that carry a hash.
    :param near: other pictures within the radius of such a picture; a search adds what it finds.
    """

    carriers: array[int]
    near: array[int]

    def is_crowded(self, number: int) -> bool:
        """Return whether the hash of this number has more than :data:`CROWD` near pictures."""
        return self.near[number] > CROWD


class DistinctHashes:
    """
    Hashes sorted, each once, and which pictures carry them.

    Equal hashes are grouped before anything is searched: a hash that is there 3,600 times makes 6 million
    pairs, but one group.

    :param hashes: the 64 bits of each hash.
    """

    def __init__(self, hashes: Sequence[int]) -> None:
        find_runs = _runs_with_numpy if use_numpy() else _runs
        self._order, self._starts, self.hashes = find_runs(hashes)

    def tally(self, *, of_new: bool) -> Tally:
        """Return a tally before a search; among new pictures, those of equal hash are near each other."""
        if use_numpy():
            import numpy as np

            counts = np.diff(np.asarray(self._starts))
            near_counts = counts - 1 if of_new else np.zeros_like(counts)
            return Tally(packed("q", counts), packed("q", near_counts))
        carriers = array("q", map(sub, self._starts[1:], self._starts))
        near = map(sub, carriers, repeat(1)) if of_new else repeat(0, len(carriers))
        return Tally(carriers, array("q", near))

    def __len__(self) -> int:
        return len(self.hashes)

    def carriers(self, number: int) -> array[int]:
        """Return the positions, ascending, that carry the distinct hash of this number."""
        return self._order[self._starts[number] : self._starts[number + 1]]

    def counts(self, numbers: Any) -> Any:
        """Return how many carry each distinct hash of these numbers, as a NumPy array."""
        import numpy as np

        starts = np.asarray(self._starts)
        return starts[numbers + 1] - starts[numbers]

    def carriers_at(self, numbers: Any, places: Any) -> Any:
        """Return for each number the carrier at a place, 0 for its first, as a NumPy array."""
        import numpy as np

        return np.asarray(self._order)[np.asarray(self._starts)[numbers] + places]

    def all_carriers(self, numbers: Any) -> Any:
        """Return the positions that carry the distinct hashes of these numbers, as a NumPy array."""
        import numpy as np

        counts = self.counts(numbers)
        places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.carriers_at(np.repeat(numbers, counts), places)

    def count(self, number: int) -> int:
        """Return how many carry the distinct hash of this number."""
        return self._starts[number + 1] - self._starts[number]


def too_many_pairs(max_pairs: int, radius: int) -> ImageKitInputError:
    """Return the error for more pairs than allowed."""
    return ImageKitInputError(
        f"More than {counted(max_pairs, 'pair')} found within {counted(radius, 'bit')}.",
        help="Lower the radius, list the hashes of flat pictures as low-information, or raise max_pairs.",
    )


def _runs(hashes: Sequence[int]) -> tuple[array[int], array[int], array[int]]:
    """Return positions sorted by hash, where each distinct hash begins in them, and the distinct hashes."""
    order = sorted_positions(hashes)
    ascending = array("Q", map(hashes.__getitem__, order))
    differs = map(ne, ascending, islice(ascending, 1, None))
    starts = array("q", [0, *compress(range(1, len(ascending)), differs)] if ascending else [])
    distinct = array("Q", map(ascending.__getitem__, starts))
    starts.append(len(ascending))
    return order, starts, distinct


def _runs_with_numpy(hashes: Sequence[int]) -> tuple[array[int], array[int], array[int]]:
    import numpy as np

    every = np.asarray(hashes, dtype=np.uint64)
    order = np.argsort(every, kind="stable")
    ascending = every.take(order)
    positions = packed("q", order)
    del order
    differs = np.concatenate(([True], ascending[1:] != ascending[:-1], [True]))[: len(every) + 1]
    starts = np.flatnonzero(differs)
    starts[-1] = len(every)
    return positions, packed("q", starts), packed("Q", ascending.take(starts[:-1]))


def packed(typecode: str, values: Any) -> array[int]:
    """Return a NumPy array as one of Python's."""
    import numpy as np

    whole = array(typecode)
    whole.frombytes(np.ascontiguousarray(values, dtype=typecode).view(np.uint8).data)
    return whole


def sorted_positions(keys: Sequence[int]) -> array[int]:
    """Return the positions of whole numbers in their order; equals stay in theirs."""
    if not use_numpy():
        return array("q", sorted(range(len(keys)), key=keys.__getitem__))
    import numpy as np

    return packed("q", np.argsort(np.asarray(keys), kind="stable"))


def picked(values: array[int], positions: Sequence[int]) -> array[int]:
    """Return the values at some positions."""
    if not use_numpy():
        return array(values.typecode, map(values.__getitem__, positions))
    import numpy as np

    return packed(values.typecode, np.asarray(values).take(np.asarray(positions, dtype=np.int64)))


def where(values: array[int], bound: int) -> array[int]:
    """Return the positions of the values above a bound."""
    if not use_numpy():
        return array("q", compress(range(len(values)), map(bound.__lt__, values)))
    import numpy as np

    return packed("q", np.flatnonzero(np.asarray(values) > bound))


def places_in(hashes: array[int], wanted: Collection[int]) -> list[int]:
    """Return the places of hashes that are among some."""
    if use_numpy():
        import numpy as np

        few = np.array(sorted(wanted), dtype=np.uint64)
        places: list[int] = np.flatnonzero(np.isin(np.asarray(hashes), few)).tolist()
        return places
    return [place for place, bits in enumerate(hashes) if bits in wanted]


@contextmanager
def without_numpy() -> Iterator[None]:
    """Compute without NumPy in this context; all answers are the same."""
    token = _may_use_numpy.set(False)
    try:
        yield
    finally:
        _may_use_numpy.reset(token)


def use_numpy() -> bool:
    """Return whether to compute with NumPy: if it is installed and new enough to count bits (2.0)."""
    return _may_use_numpy.get() and _has_numpy()


@cache
def _has_numpy() -> bool:
    try:
        import numpy as np
    except ImportError:
        return False
    return hasattr(np, "bitwise_count")
