"""What a search for near pairs takes and gives: hashes, each once, and columns of pairs."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import compress, islice
from operator import ne
from typing import TYPE_CHECKING

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.similarity.pairs.engine import use_numpy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["CROWD", "MAX_PAIRS", "DistinctHashes", "Pairs", "Tally", "too_many_pairs"]

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
    Hashes sorted, each once, and who carries them.

    Equal hashes are grouped before anything is searched: a hash that is there 3,600 times makes 6 million
    pairs, but one group.

    :param hashes: the 64 bits of each hash.
    :param numpy: whether to use NumPy; ``None`` uses it if it is there.
    """

    def __init__(self, hashes: Sequence[int], *, numpy: bool | None = None) -> None:
        self._order = _sorted_positions(hashes, use_numpy(numpy))
        ascending = array("Q", map(hashes.__getitem__, self._order))
        differs = map(ne, ascending, islice(ascending, 1, None))
        self._starts = array("q", [0, *compress(range(1, len(ascending)), differs)] if ascending else [])
        self.hashes = array("Q", map(ascending.__getitem__, self._starts))
        self._starts.append(len(ascending))

    def tally(self, *, of_new: bool) -> Tally:
        """Return a tally before a search; among new pictures, those of equal hash are near each other."""
        carriers = array("q", map(self.count, range(len(self))))
        return Tally(carriers, array("q", (count - 1 if of_new else 0 for count in carriers)))

    def __len__(self) -> int:
        return len(self.hashes)

    def carriers(self, number: int) -> array[int]:
        """Return the positions, ascending, that carry the distinct hash of this number."""
        return self._order[self._starts[number] : self._starts[number + 1]]

    def count(self, number: int) -> int:
        """Return how many carry the distinct hash of this number."""
        return self._starts[number + 1] - self._starts[number]


def too_many_pairs(max_pairs: int, radius: int) -> ImageKitInputError:
    """Return the error for more pairs than allowed."""
    return ImageKitInputError(
        f"More than {max_pairs:,} pairs lie within {radius} bits.",
        help="Lower the radius, list the hashes of flat pictures as low-information, or raise max_pairs.",
    )


def _sorted_positions(hashes: Sequence[int], numpy: bool) -> array[int]:
    if not numpy:
        return array("q", sorted(range(len(hashes)), key=hashes.__getitem__))
    import numpy as np

    order = np.argsort(np.asarray(hashes, dtype=np.uint64), kind="stable")
    return array("q", order.astype(np.int64).tobytes())
