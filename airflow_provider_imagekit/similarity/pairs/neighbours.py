"""Graph of the pictures that are near each other, in which pictures of equal hash share a node."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from functools import partial
from itertools import accumulate, chain, combinations, compress, islice, product, repeat
from operator import not_
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.progress import counted
from airflow_provider_imagekit.phash import PHASH_BITS, PHash
from airflow_provider_imagekit.similarity.pairs.pairs import (
    CROWD,
    DistinctHashes,
    Pairs,
    packed,
    picked,
    sorted_positions,
    use_numpy,
    where,
)
from airflow_provider_imagekit.similarity.pairs.search import join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["NeighbourGraph"]

# Pairs of pictures that are produced at once.
_PAIRS = 20_000


class NeighbourGraph:
    """
    Pictures, by position, connected if their hashes are within a radius.

    Pictures of equal hash share a *node*. Old pictures are only compared with new ones, not with each other;
    their nodes follow those of the new ones. Pairs of two *crowded* nodes (see
    :data:`~airflow_provider_imagekit.similarity.pairs.pairs.CROWD`) are not stored; :meth:`near` finds them
    by a scan.

    :param new: 64-bit hashes of the new pictures, at positions 0 and up.
    :param old: 64-bit hashes of the old pictures, at the positions after them.
    :param radius: maximum distance, in bits.
    :param max_pairs: maximum number of pairs, both of distinct hashes to store and of pictures to list.
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
        new_tally, old_tally = self._tallies
        several = map(self._new.count, where(new_tally.carriers, 1))
        self._counts[0] = sum(count * (count - 1) // 2 for count in several)
        search = partial(search, radius=radius, max_pairs=max_pairs, counts=self._counts)
        self._among = search(self._new.hashes, tallies=(new_tally, new_tally))
        self._across = search(self._new.hashes, self._old.hashes, tallies=(new_tally, old_tally))
        near = new_tally.near + old_tally.near
        # No arc connects crowded nodes, even if one of them became crowded only through the other search.
        self._crowded = array("q", where(near, CROWD))
        self._crowd = frozenset(self._crowded)
        self._crowded_hashes = array("Q", map(self._hash, self._crowded))
        self.arcs = _Arcs((self._among, self._across), self._new_nodes, len(near), self._crowd)
        self._nodes = where(near, 0)

    def is_crowded(self, node: int) -> bool:
        """Return whether more than ``CROWD`` pictures are near each picture of a node."""
        return node in self._crowd

    def crowded_positions(self) -> Iterator[int]:
        """Yield the positions of the pictures of crowded nodes."""
        for node in self._crowded:
            yield from self.pictures(node)

    def pictures(self, node: int) -> Sequence[int]:
        """Return the positions of the pictures of a node."""
        if node < self._new_nodes:
            return self._new.carriers(node)
        return [position + self._old_begin for position in self._old.carriers(node - self._new_nodes)]

    def nodes(self) -> Sequence[int]:
        """Return the nodes whose pictures have near pictures, in the same or another node."""
        return self._nodes

    def candidates(self) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
        """
        Return the pictures that have near pictures: their positions, in the order of their nodes; the node
        of each; and the number of them before each node, with the total at the end.
        """
        carriers = self._tallies[0].carriers + self._tallies[1].carriers
        if use_numpy():
            import numpy as np

            nodes, counts = np.asarray(self._nodes), np.zeros(len(carriers) + 1, np.int64)
            counts[nodes + 1] = np.asarray(carriers)[nodes]
            old = int(np.searchsorted(nodes, self._new_nodes))
            new = self._new.all_carriers(nodes[:old])
            others = self._old.all_carriers(nodes[old:] - self._new_nodes) + self._old_begin
            columns = np.concatenate((new, others)), np.repeat(nodes, counts[nodes + 1]), counts.cumsum()
            positions, node_of, begins = (packed("q", column) for column in columns)
            return positions, node_of, begins
        near = array("q", bytes(8 * len(carriers)))
        for node in self._nodes:
            near[node] = carriers[node]
        positions = array("q", chain.from_iterable(map(self.pictures, self._nodes)))
        node_of = array("q", chain.from_iterable(repeat(node, near[node]) for node in self._nodes))
        return positions, node_of, array("q", accumulate(near, initial=0))

    def is_new(self, node: int) -> bool:
        """Return whether the pictures of a node are new."""
        return node < self._new_nodes

    def old_nodes(self) -> Sequence[int]:
        """Return the nodes of old pictures that have near pictures."""
        return self._nodes[bisect_left(self._nodes, self._new_nodes) :]

    def near(self, node: int) -> Iterable[tuple[int, int]]:
        """Return the nodes near a node and their distances; a node of new pictures is near itself."""
        near = self.arcs.of(node)
        if self.is_new(node):
            near = chain(((node, 0),), near)
        return chain(near, self._near_in_crowd(node)) if self.is_crowded(node) else near

    def _near_in_crowd(self, node: int) -> Iterator[tuple[int, int]]:
        bits, is_new = self._hash(node), self.is_new(node)
        for index in self._scan(bits):
            other = self._crowded[index]
            if other != node and (is_new or self.is_new(other)):
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
        """Return the number of pairs of pictures at each distance from 0 to the radius, crowded or not."""
        return self._counts[: self._radius + 1]

    def pairs(self) -> Iterator[tuple[int, int, int]]:
        """
        Yield positions and distance of every pair of pictures that are not both crowded; equal hashes first.

        :raises ImageKitInputError: if there are more than ``max_pairs``.
        """
        for columns in self.pair_columns():
            yield from zip(*columns, strict=True)

    def pair_columns(self) -> Iterator[tuple[Sequence[int], Sequence[int], Sequence[int]]]:
        """
        Yield the pairs of :meth:`pairs` as three columns, some thousand pairs at a time.

        :raises ImageKitInputError: if there are more than ``max_pairs``.
        """
        count = 0
        for columns in chain(_in_columns(self._equal_pairs()), self._unequal_pairs()):
            count += len(columns[0])
            if count > self._max_pairs:
                raise self._too_many()
            yield columns

    def _equal_pairs(self) -> Iterator[tuple[int, int, int]]:
        for node in where(self._tallies[0].carriers, 1):
            if not self.is_crowded(node):
                for position, other in combinations(self.pictures(node), 2):
                    yield position, other, 0

    def _unequal_pairs(self) -> Iterator[tuple[Sequence[int], Sequence[int], Sequence[int]]]:
        for shift, pairs in ((0, self._among), (self._new_nodes, self._across)):
            if not use_numpy():
                yield from _in_columns(self._spelled_out(pairs, shift))
                continue
            for begin in range(0, len(pairs), _PAIRS):
                yield self._expanded(pairs, slice(begin, begin + _PAIRS), shift)

    def _spelled_out(self, pairs: Pairs, shift: int) -> Iterator[tuple[int, int, int]]:
        for first, second, distance in pairs:
            if self.is_crowded(first) and self.is_crowded(second + shift):
                continue
            for position, other in product(self.pictures(first), self.pictures(second + shift)):
                yield position, other, distance

    def _expanded(self, pairs: Pairs, part: slice, shift: int) -> tuple[Any, Any, Any]:
        """Return the pairs of :meth:`_spelled_out` for a part of the pairs of nodes."""
        import numpy as np

        first, second, distance = (
            np.asarray(column)[part] for column in (pairs.first, pairs.second, pairs.distance)
        )
        if self._crowded:
            kept = ~(np.isin(first, self._crowded) & np.isin(second + shift, self._crowded))
            first, second, distance = first[kept], second[kept], distance[kept]
        others, old_begin = (self._old, self._old_begin) if shift else (self._new, 0)
        own_counts, other_counts = self._new.counts(first), others.counts(second)
        counts = own_counts * other_counts
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        own, other = np.divmod(place, np.repeat(other_counts, counts))
        return (
            self._new.carriers_at(np.repeat(first, counts), own),
            others.carriers_at(np.repeat(second, counts), other) + old_begin,
            np.repeat(distance, counts),
        )

    def _too_many(self) -> ImageKitInputError:
        often = max(range(len(self._new)), key=self._new.count)
        return ImageKitInputError(
            f"Found within {counted(self._radius, 'bit')}: {counted(sum(self.distance_counts()), 'pair')} of "
            f"pictures; max_pairs allows {self._max_pairs:,}.",
            help=f"The most frequent hash, {PHash(self._new.hashes[often])}, belongs to "
            f"{counted(self._new.count(often), 'picture')}. If they are flat, list it as low-information. "
            "Otherwise lower the radius, write groups instead of pairs, or raise max_pairs.",
        )


def _in_columns(
    pairs: Iterator[tuple[int, int, int]],
) -> Iterator[tuple[Sequence[int], Sequence[int], Sequence[int]]]:
    while part := list(islice(pairs, _PAIRS)):
        first, second, distance = zip(*part, strict=True)
        yield first, second, distance


class _Arcs:
    """
    The near nodes of each node.

    :param pairs: the pairs of two new nodes, and those of a new and an old node.
    :param new_nodes: number of new nodes; the old ones follow them.
    :param nodes: number of all nodes.
    :param without: nodes that no arc connects with each other.
    """

    def __init__(
        self, pairs: tuple[Pairs, Pairs], new_nodes: int, nodes: int, without: frozenset[int]
    ) -> None:
        among, across = pairs
        second = array("q", map(new_nodes.__add__, across.second))
        ends = among.first + among.second + across.first + second
        others = among.second + among.first + second + across.first
        distances = among.distance + among.distance + across.distance + across.distance
        if without:
            both = (a in without and b in without for a, b in zip(ends, others, strict=True))
            kept = bytes(map(not_, both))
            ends, others = (array("q", compress(one, kept)) for one in (ends, others))
            distances = array("B", compress(distances, kept))
        order = sorted_positions(ends)
        self._starts = _starts(ends, nodes)
        self._others, self._distances = picked(others, order), picked(distances, order)

    def of(self, node: int) -> Iterator[tuple[int, int]]:
        """Return the nodes near a node and their distances."""
        arcs = slice(self._starts[node], self._starts[node + 1])
        return zip(self._others[arcs], self._distances[arcs], strict=True)


def _starts(ends: array[int], nodes: int) -> array[int]:
    if use_numpy():
        import numpy as np

        return packed("q", np.bincount(np.asarray(ends) + 1, minlength=nodes + 1).cumsum())
    counts = array("q", bytes(8 * (nodes + 1)))
    for end in ends:
        counts[end + 1] += 1
    return array("q", accumulate(counts))
