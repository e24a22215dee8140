"""Which pictures of a table lie near each other, without spelling out every pair of equal hashes."""

from __future__ import annotations

from array import array
from functools import partial
from itertools import accumulate, chain, combinations, compress, count, product
from operator import not_
from typing import TYPE_CHECKING

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.phash import PHASH_BITS, PHash
from airflow_provider_imagekit.similarity.pairs.pairs import (
    CROWD,
    DistinctHashes,
    Pairs,
    sorted_positions,
    use_numpy,
)
from airflow_provider_imagekit.similarity.pairs.search import join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["NeighbourGraph"]


class NeighbourGraph:
    """
    Pictures, by position, joined by their hashes within a radius.

    Pictures of equal hash share a *node*. Old pictures are only compared with new ones, never among
    themselves; their nodes follow those of the new ones. Pairs of two *crowded* nodes (see
    :data:`~airflow_provider_imagekit.similarity.pairs.pairs.CROWD`) are not kept, but found by a scan when
    :meth:`near` asks for them.

    :param new: 64-bit hashes of the new pictures, at positions 0 and up.
    :param old: 64-bit hashes of the old pictures, at the positions behind.
    :param radius: the largest distance.
    :param max_pairs: refuse to keep more pairs of distinct hashes, or to list more pairs of pictures.
    :param search: finds the pairs, as :func:`~airflow_provider_imagekit.similarity.pairs.search.join` does.
    :raises ImageKitInputError: if there are too many pairs of distinct hashes.
    """

    def __init__(
        self,
        new: Sequence[int],
        old: Sequence[int],
        *,
        radius: int,
        max_pairs: int,
        search: Callable[..., Pairs] = join,
    ) -> None:
        self._max_pairs = max_pairs
        self._radius = radius
        self._old_begin = len(new)
        self._new, self._old = DistinctHashes(new), DistinctHashes(old)
        self._new_nodes = len(self._new)
        self._tallies = self._new.tally(of_new=True), self._old.tally(of_new=False)
        self._counts = [0] * (PHASH_BITS + 1)
        self._counts[0] = sum(count * (count - 1) // 2 for count in self._tallies[0].carriers)
        new_tally, old_tally = self._tallies
        search = partial(search, radius=radius, max_pairs=max_pairs, counts=self._counts)
        self._among = search(self._new.hashes, tallies=(new_tally, new_tally))
        self._across = search(self._new.hashes, self._old.hashes, tallies=(new_tally, old_tally))
        self._crowded = array("q", (node for node, near in enumerate(self._near_counts()) if near > CROWD))
        self._crowded_hashes = array("Q", map(self._hash, self._crowded))
        self._arcs = self._all_arcs()

    def _near_counts(self) -> Iterator[int]:
        return chain.from_iterable(tally.near for tally in self._tallies)

    def _all_arcs(self) -> _Arcs:
        arcs = _Arcs(len(self._new) + len(self._old))
        arcs.add(self._among, 0)
        arcs.add(self._across, len(self._new))
        crowded = frozenset(self._crowded)
        arcs.sort(without=crowded)  # those between crowded nodes of which one became so by the other search
        return arcs

    def is_crowded(self, node: int) -> bool:
        """Return whether more than ``CROWD`` pictures are near each one of a node."""
        new, old = self._tallies
        return new.is_crowded(node) if node < len(self._new) else old.is_crowded(node - len(self._new))

    def crowded_positions(self) -> Iterator[int]:
        """Yield the positions of the pictures of crowded nodes."""
        for node in self._crowded:
            yield from self.pictures(node)

    def nodes(self) -> Iterator[int]:
        """Yield the nodes that have near pictures, in their own or another node."""
        yield from (node for node, near in enumerate(self._near_counts()) if near)

    def pictures(self, node: int) -> Sequence[int]:
        """Return the positions of the pictures of a node."""
        if node < self._new_nodes:
            return self._new.carriers(node)
        return [position + self._old_begin for position in self._old.carriers(node - self._new_nodes)]

    def near(self, node: int) -> Iterator[tuple[int, int]]:
        """Yield the nodes near a node, and their distances; a node of new pictures is near itself."""
        if node < len(self._new):
            yield node, 0
        yield from self._arcs.of(node)
        if self.is_crowded(node):
            bits, are_new = self._hash(node), node < len(self._new)
            for index in self._scan(bits):
                other = self._crowded[index]
                if other != node and (are_new or other < len(self._new)):
                    yield other, (bits ^ self._crowded_hashes[index]).bit_count()

    def _hash(self, node: int) -> int:
        return self._new.hashes[node] if node < len(self._new) else self._old.hashes[node - len(self._new)]

    def _scan(self, bits: int) -> list[int]:
        """Return the places of the crowded hashes within the radius."""
        if use_numpy():
            import numpy as np

            distances = np.bitwise_count(np.asarray(self._crowded_hashes) ^ np.uint64(bits))
            return list(map(int, (distances <= self._radius).nonzero()[0]))
        differing = map(int.bit_count, map(bits.__xor__, self._crowded_hashes))
        return [index for index, distance in enumerate(differing) if distance <= self._radius]

    def distance_counts(self) -> list[int]:
        """Return how many pairs of pictures lie at each distance from 0 to the radius, crowded or not."""
        return self._counts[: self._radius + 1]

    def pairs(self) -> Iterator[tuple[int, int, int]]:
        """
        Yield positions and distance of every pair of pictures that are not both crowded; equal hashes first.

        :raises ImageKitInputError: if there are more than ``max_pairs``.
        """
        for number, pair in enumerate(self._pairs(), start=1):
            if number > self._max_pairs:
                raise self._too_many()
            yield pair

    def _pairs(self) -> Iterator[tuple[int, int, int]]:
        tally = self._tallies[0]
        for node in compress(count(), map((1).__lt__, tally.carriers)):
            if not self.is_crowded(node):
                for position, other in combinations(self.pictures(node), 2):
                    yield position, other, 0
        crowded = frozenset(self._crowded)
        for shift, pairs in ((0, self._among), (len(self._new), self._across)):
            for first, second, distance in pairs:
                if crowded and first in crowded and second + shift in crowded:
                    continue
                for position, other in product(self.pictures(first), self.pictures(second + shift)):
                    yield position, other, distance

    def _too_many(self) -> ImageKitInputError:
        often = max(range(len(self._new)), key=self._new.count)
        return ImageKitInputError(
            f"{sum(self.distance_counts()):,} pairs of pictures lie within {self._radius} bits; max_pairs "
            f"allows {self._max_pairs:,}.",
            help=f"The most frequent hash, {PHash(self._new.hashes[often])}, is that of "
            f"{self._new.count(often):,} pictures: if they are flat, list it as low-information. Or lower "
            "the radius, take the groups instead of the pairs, or raise max_pairs.",
        )


class _Arcs:
    """
    The near nodes of each node.

    :param nodes: how many nodes there are.
    """

    def __init__(self, nodes: int) -> None:
        self._nodes = nodes
        self._ends, self._others, self._distances = array("q"), array("q"), array("B")
        self._starts = array("q")

    def add(self, pairs: Pairs, shift: int) -> None:
        """Add pairs in both directions; the second node of each is that many farther."""
        second = array("q", map(shift.__add__, pairs.second)) if shift else pairs.second
        self._ends += pairs.first + second
        self._others += second + pairs.first
        self._distances += pairs.distance + pairs.distance

    def sort(self, *, without: frozenset[int]) -> None:
        """Put the arcs in order, without those between two of some nodes."""
        if without:
            both = (a in without and b in without for a, b in zip(self._ends, self._others, strict=True))
            kept = bytes(map(not_, both))
            self._ends, self._others = (array("q", compress(one, kept)) for one in (self._ends, self._others))
            self._distances = array("B", compress(self._distances, kept))
        order = sorted_positions(self._ends)
        counts = array("q", bytes(8 * (self._nodes + 1)))
        for end in self._ends:
            counts[end + 1] += 1
        self._starts = array("q", accumulate(counts))
        self._others = array("q", map(self._others.__getitem__, order))
        self._distances = array("B", map(self._distances.__getitem__, order))
        del self._ends

    def of(self, node: int) -> Iterator[tuple[int, int]]:
        """Yield the nodes near a node, and their distances."""
        arcs = slice(self._starts[node], self._starts[node + 1])
        return zip(self._others[arcs], self._distances[arcs], strict=True)
