"""What a search for near pairs takes and gives: hashes, each once, and columns of pairs."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_imagekit.exceptions import ImageKitInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["MAX_PAIRS", "DistinctHashes", "Pairs", "too_many_pairs"]

#: More pairs than this are refused unless asked for: the radius is too wide, or flat pictures are among the
#: hashes. They take some 100 MB.
MAX_PAIRS = 5_000_000


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


class DistinctHashes:
    """
    Hashes sorted, each once, and who carries them.

    Equal hashes are grouped before anything is searched: a hash that is there 3,600 times makes 6 million
    pairs, but one group.

    :param hashes: the 64 bits of each hash.
    """

    def __init__(self, hashes: Sequence[int]) -> None:
        self.hashes = array("Q")
        self._order = array("q", sorted(range(len(hashes)), key=hashes.__getitem__))
        self._starts = array("q")
        last = None
        for place, position in enumerate(self._order):
            if hashes[position] != last:
                last = hashes[position]
                self.hashes.append(last)
                self._starts.append(place)
        self._starts.append(len(self._order))

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
