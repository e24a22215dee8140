"""Input and output of a search for near pairs: distinct hashes, and columns of pairs."""

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

#: Default maximum number of pairs, which take some 100 MB. More pairs usually mean that the radius is too
#: wide, or that the hashes of flat pictures are included.
MAX_PAIRS = 5_000_000

#: A picture with more near pictures than this is crowded. A pair of two crowded pictures is counted but not
#: stored, because thousands of pictures of one layout form millions of such pairs.
CROWD = 100


@dataclass(frozen=True, slots=True)
class Pairs:
    """
    Pairs of near hashes as three columns of equal length, sorted by the positions.

    :param first: position of a hash.
    :param second: position of the hash near it.
    :param distance: 0 to 64 bits.
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
    The number of pictures with each distinct hash, and the number of others found near each of them.

    :param carriers: pictures that have the hash.
    :param near: other pictures within the radius of such a picture; a search adds the ones that it finds.
    """

    carriers: array[int]
    near: array[int]

    def is_crowded(self, number: int) -> bool:
        """Return whether the hash with this number has more than :data:`CROWD` near pictures."""
        return self.near[number] > CROWD


class DistinctHashes:
    """
    Sorted distinct hashes, and the pictures that have them (their carriers).

    Equal hashes are grouped before the search. A hash that occurs 3,600 times forms 6 million pairs, but
    one group.

    :param hashes: the 64 bits of each hash.
    """

    def __init__(self, hashes: Sequence[int]) -> None:
        find_runs = _runs_with_numpy if use_numpy() else _runs
        self._order, self._starts, self.hashes = find_runs(hashes)

    def tally(self, *, of_new: bool) -> Tally:
        """Return the tally before a search; new pictures of equal hash already count as near each other."""
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
        """Return the positions, ascending, of the pictures with the distinct hash of this number."""
        return self._order[self._starts[number] : self._starts[number + 1]]

    def counts(self, numbers: Any) -> Any:
        """Return the number of carriers of each of these distinct hashes, as a NumPy array."""
        import numpy as np

        starts = np.asarray(self._starts)
        return starts[numbers + 1] - starts[numbers]

    def carriers_at(self, numbers: Any, places: Any) -> Any:
        """Return one carrier of each of these hashes, at a place from 0, as a NumPy array."""
        import numpy as np

        return np.asarray(self._order)[np.asarray(self._starts)[numbers] + places]

    def all_carriers(self, numbers: Any) -> Any:
        """Return the positions of all carriers of these distinct hashes, as a NumPy array."""
        import numpy as np

        counts = self.counts(numbers)
        places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.carriers_at(np.repeat(numbers, counts), places)

    def count(self, number: int) -> int:
        """Return the number of carriers of the distinct hash of this number."""
        return self._starts[number + 1] - self._starts[number]


def too_many_pairs(max_pairs: int, radius: int) -> ImageKitInputError:
    """Return the error for more pairs than allowed."""
    return ImageKitInputError(
        f"More than {counted(max_pairs, 'pair')} found within {counted(radius, 'bit')}.",
        help="Lower the radius, list the hashes of flat pictures as low-information, or raise max_pairs.",
    )


def _runs(hashes: Sequence[int]) -> tuple[array[int], array[int], array[int]]:
    """Return the positions sorted by hash, where each distinct hash begins in them, and these hashes."""
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
    """Convert a NumPy array to a Python array."""
    import numpy as np

    result = array(typecode)
    result.frombytes(np.ascontiguousarray(values, dtype=typecode).view(np.uint8).data)
    return result


def sorted_positions(keys: Sequence[int]) -> array[int]:
    """Return the positions of integers in ascending order of the integers; the sort is stable."""
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
    """Return the places of the hashes that are among the wanted ones."""
    if use_numpy():
        import numpy as np

        wanted_hashes = np.array(sorted(wanted), dtype=np.uint64)
        places: list[int] = np.flatnonzero(np.isin(np.asarray(hashes), wanted_hashes)).tolist()
        return places
    return [place for place, bits in enumerate(hashes) if bits in wanted]


@contextmanager
def without_numpy() -> Iterator[None]:
    """Compute without NumPy in this context; the results are the same."""
    token = _may_use_numpy.set(False)
    try:
        yield
    finally:
        _may_use_numpy.reset(token)


def use_numpy() -> bool:
    """Return whether to use NumPy: it is installed and new enough to count bits (2.0)."""
    return _may_use_numpy.get() and _has_numpy()


@cache
def _has_numpy() -> bool:
    try:
        import numpy as np
    except ImportError:
        return False
    return hasattr(np, "bitwise_count")
