"""Which pictures of a table lie near each other, without spelling out every pair of equal hashes."""

from __future__ import annotations

from array import array
from itertools import combinations, product
from typing import TYPE_CHECKING

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.pairs.pairs import DistinctHashes, Pairs
from airflow_provider_imagekit.similarity.pairs.search import join

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["NeighbourGraph"]

# A neighbour is kept as one integer: its node, and 7 bits for a distance up to 64.
_DISTANCE_BITS = 7


class NeighbourGraph:
    """
    Pictures, by position, joined by their hashes within a radius.

    Pictures of equal hash share a *node*. Old pictures are only compared with new ones, never among
    themselves; their nodes follow those of the new ones.

    :param new: 64-bit hashes of the new pictures, at positions 0 and up.
    :param old: 64-bit hashes of the old pictures, at the positions behind.
    :param radius: the largest distance.
    :param max_pairs: refuse to find more pairs of distinct hashes, or to list more pairs of pictures.
    :param numpy: whether to use NumPy; ``None`` uses it if it is there.
    :raises ImageKitInputError: if there are too many pairs of distinct hashes.
    """

    def __init__(
        self, new: Sequence[int], old: Sequence[int], *, radius: int, max_pairs: int, numpy: bool | None
    ) -> None:
        self._max_pairs = max_pairs
        self._radius = radius
        self._old_begin = len(new)
        self._new, self._old = DistinctHashes(new, numpy=numpy), DistinctHashes(old, numpy=numpy)
        self._among = join(self._new.hashes, radius=radius, max_pairs=max_pairs, numpy=numpy)
        self._across = join(
            self._new.hashes, self._old.hashes, radius=radius, max_pairs=max_pairs, numpy=numpy
        )
        self._near: dict[int, array[int]] = {}
        self._add(self._among, shift=0)
        self._add(self._across, shift=len(self._new))

    def _add(self, pairs: Pairs, shift: int) -> None:
        for first, second, distance in pairs:
            for node, other in ((first, second + shift), (second + shift, first)):
                self._near.setdefault(node, array("q")).append(other << _DISTANCE_BITS | distance)

    def nodes(self) -> Iterator[int]:
        """Yield the nodes that have near pictures, in their own or another node."""
        for node in range(len(self._new) + len(self._old)):
            if node in self._near or (node < len(self._new) and self._new.count(node) > 1):
                yield node

    def pictures(self, node: int) -> list[int]:
        """Return the positions of the pictures of a node."""
        if node < len(self._new):
            return list(self._new.carriers(node))
        return [position + self._old_begin for position in self._old.carriers(node - len(self._new))]

    def near(self, node: int) -> Iterator[tuple[int, int]]:
        """Yield the nodes near a node, and their distances; a node of new pictures is near itself."""
        if node < len(self._new):
            yield node, 0
        for packed in self._near.get(node, ()):
            yield packed >> _DISTANCE_BITS, packed & ((1 << _DISTANCE_BITS) - 1)

    def distance_counts(self) -> list[int]:
        """Return how many pairs of pictures lie at each distance from 0 to the radius."""
        counts = [0] * (self._radius + 1)
        counts[0] = sum(count * (count - 1) // 2 for count in map(self._new.count, range(len(self._new))))
        for pairs, others in ((self._among, self._new), (self._across, self._old)):
            for first, second, distance in pairs:
                counts[distance] += self._new.count(first) * others.count(second)
        return counts

    def pairs(self) -> Iterator[tuple[int, int, int]]:
        """
        Yield the positions and the distance of every pair of pictures once; equal hashes first.

        :raises ImageKitInputError: if there are more than ``max_pairs``.
        """
        count = sum(self.distance_counts())
        if count > self._max_pairs:
            raise self._too_many(count)
        for node in range(len(self._new)):
            for position, other in combinations(self.pictures(node), 2):
                yield position, other, 0
        for shift, pairs in ((0, self._among), (len(self._new), self._across)):
            for first, second, distance in pairs:
                for position, other in product(self.pictures(first), self.pictures(second + shift)):
                    yield position, other, distance

    def _too_many(self, count: int) -> ImageKitInputError:
        often = max(range(len(self._new)), key=self._new.count)
        return ImageKitInputError(
            f"{count:,} pairs of pictures lie within {self._radius} bits, more than the "
            f"{self._max_pairs:,} allowed.",
            help=f"The hash {PHash(self._new.hashes[often])} alone is that of {self._new.count(often):,} "
            "pictures: if they are flat, list it as low-information. Or lower the radius, take the groups "
            "instead of the pairs, or raise max_pairs.",
        )
