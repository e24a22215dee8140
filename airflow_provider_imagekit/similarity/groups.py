"""Group near-duplicates around the pictures to keep."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING

from airflow_provider_imagekit.io.progress import track
from airflow_provider_imagekit.io.text_columns import Column, listed, sorted_places, taken
from airflow_provider_imagekit.similarity.origins import AllPictures, Origin
from airflow_provider_imagekit.similarity.pairs.pairs import packed, picked, sorted_positions, use_numpy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_imagekit.similarity.pairs.neighbours import NeighbourGraph
    from airflow_provider_imagekit.similarity.records import HashRecord
    from airflow_provider_imagekit.similarity.survivors import SurvivorPolicy

__all__ = ["Clusters", "Group", "GroupChunk", "Member", "Origin", "group_around_keepers"]

# Pictures of groups that are handled at once, and keepers between two updates of the progress.
_PICTURES = 20_000
_STRIDE = 1024


@dataclass(frozen=True, slots=True)
class Member:
    """
    A picture of a group.

    :param record: the picture.
    :param origin: the table that it comes from.
    :param distance: its distance from the group's keeper, in bits.
    """

    record: HashRecord
    origin: Origin
    distance: int


@dataclass(frozen=True, slots=True)
class Group:
    """
    A picture to keep (the keeper) and its near-duplicates.

    Every member is within the radius of the keeper, so a chain of small steps never joins different pictures.
    A picture that is near a member but not near the keeper is not in the group.

    :param keeper: the picture that is suggested to be kept.
    :param members: the others, nearest first.
    :param reason: why the keeper is suggested; blank if only the names differ.
    """

    keeper: Member
    members: tuple[Member, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class GroupChunk:
    """
    Some groups as columns of their pictures, the keeper of each group first.

    :param sizes: number of pictures of each group.
    :param reasons: why each keeper is suggested.
    :param ids: names of the pictures.
    :param bits: their hashes.
    :param distances: their distances from the keeper, in bits.
    :param origins: the tables that they come from.
    :param values: their properties, under ImageKit's names or the table's.
    """

    sizes: Sequence[int]
    reasons: Sequence[str]
    ids: Column
    bits: Sequence[int]
    distances: Sequence[int]
    origins: Sequence[Origin]
    values: Mapping[str, Column]

    @classmethod
    def of_groups(cls, groups: Iterable[Group], properties: Iterable[str]) -> GroupChunk:
        """Convert groups to one chunk."""
        groups = list(groups)
        members = [member for group in groups for member in (group.keeper, *group.members)]
        records = [member.record for member in members]
        return cls(
            [1 + len(group.members) for group in groups],
            [group.reason for group in groups],
            [record.id for record in records],
            [record.phash.bits if record.phash else 0 for record in records],
            [member.distance for member in members],
            [member.origin for member in members],
            {name: [record.get(name) for record in records] for name in properties},
        )


class Clusters:
    """
    Groups, largest first, as columns of picture numbers.

    :param sizes: number of pictures of each group.
    :param reasons: reason of each group, as in :class:`Group`.
    :param numbers: numbers of all pictures: the keeper of each group first, then its members, nearest first.
    :param distances: distance of each picture from its keeper, in bits.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        reasons: Sequence[str],
        numbers: Sequence[int],
        distances: Sequence[int],
    ) -> None:
        self.sizes = sizes
        self.reasons = reasons
        self.numbers = numbers
        self.distances = distances

    def __len__(self) -> int:
        return len(self.sizes)

    def parts(self, limit: int | None = None) -> Iterator[Clusters]:
        """
        Yield the first groups, some thousand pictures at a time.

        :param limit: maximum number of groups; ``None`` for all.
        """
        sizes = self.sizes[:limit]
        begin, first, end = 0, 0, 0
        for last, size in enumerate(sizes, start=1):
            end += size
            if end - begin >= _PICTURES or last == len(sizes):
                rows = self.numbers[begin:end], self.distances[begin:end]
                yield Clusters(self.sizes[first:last], self.reasons[first:last], *rows)
                begin, first = end, last

    def stars(self) -> Iterator[tuple[int, int, int]]:
        """Yield keeper, member and distance for each member of each group."""
        begin = 0
        for size in self.sizes:
            for place in range(begin + 1, begin + size):
                yield self.numbers[begin], self.numbers[place], self.distances[place]
            begin += size


class _Ranking:
    """
    Ranks candidates by a policy; candidates are numbered from 0.

    :param pictures: the pictures.
    :param numbers: the number of each candidate's picture.
    :param policy: decides which picture is the best.
    """

    def __init__(self, pictures: AllPictures, numbers: Sequence[int], policy: SurvivorPolicy) -> None:
        self._columns = policy.values(lambda name: pictures.values(name, numbers))
        self._policy = policy
        names = taken(pictures.ids, numbers)
        #: The candidates sorted by name, and the place of each in that order.
        self.by_name = sorted_places(names)
        self.place: Sequence[int] = sorted_positions(self.by_name)
        self._names = listed(names) if policy.kept else []
        self.is_reference = [origin is Origin.REFERENCE for origin in pictures.origins(numbers)]
        #: The candidates, best first: references, then by the rules, then by name.
        self.order = self._order()

    def _order(self) -> Sequence[int]:
        ranks: list[Sequence[float]] = list(self._columns)
        if self._names:
            ranks.insert(0, [name not in self._policy.kept for name in self._names])
        if any(self.is_reference):
            ranks.insert(0, [not reference for reference in self.is_reference])
        if use_numpy():
            import numpy as np

            by_name = np.asarray(self.by_name, dtype=np.int64)
            keys = [np.array(column, dtype=np.float64)[by_name] for column in reversed(ranks)]
            return by_name[np.lexsort(keys)].tolist() if keys else self.by_name
        return sorted(self.by_name, key=list(zip(*ranks, strict=True)).__getitem__) if ranks else self.by_name

    def reasons(self, sizes: Sequence[int], candidates: Sequence[int]) -> list[str]:
        """Return why the first candidate of each group is kept instead of the others."""
        begins = list(accumulate(sizes, initial=0))
        policy, names, columns = self._policy, self._names, self._columns
        if use_numpy() and columns:
            reasons = policy.reasons_of(columns, candidates, sizes)
        else:
            rows = list(zip(*columns, strict=True)) if columns else [()] * len(self.place)
            groups = (candidates[begin:end] for begin, end in pairwise(begins))
            reasons = [policy.reason_of(*(rows[one] for one in group)) for group in groups]
        keepers = [candidates[begin] for begin in begins[:-1]]
        for group, keeper in enumerate(keepers if names or any(self.is_reference) else ()):
            if self.is_reference[keeper]:
                reasons[group] = "reference"
            elif names and names[keeper] in policy.kept:
                reasons[group] = "chosen"
        return reasons


def group_around_keepers(
    pictures: AllPictures,
    members: array[int],
    graph: NeighbourGraph,
    policy: SurvivorPolicy,
    separated: Mapping[int, Collection[int]],
    properties: Iterable[str] = (),
) -> Clusters:
    """
    Group near pictures around the ones to keep.

    The best picture by the policy that is not in a group becomes a keeper. All pictures near it that are not
    in a group become its members. This repeats until no picture is left. References are first in this order
    and never become members.

    :param pictures: the pictures.
    :param members: the number of the picture at each position of the graph.
    :param graph: which of them are near each other.
    :param policy: decides which picture is the best.
    :param separated: for each picture of a marked pair, the pictures that it must not share a group with as
        keeper and member.
    :param properties: properties of the grouped pictures that are needed later; they are loaded together.
    :return: the groups, largest first.
    """
    positions, node_of, begins = graph.candidates()
    numbers = picked(members, positions)
    pictures.load((*policy.properties, *properties), numbers)
    ranking = _Ranking(pictures, numbers, policy)
    grouping = _Grouping(graph, node_of, begins, ranking.is_reference)
    if separated:
        grouping.separate(numbers, separated)
    grouping.run(ranking.order)
    arranged = _arranged_with_numpy if use_numpy() else _arranged
    sizes, candidates, distances = arranged(grouping, ranking.place)
    return Clusters(sizes, ranking.reasons(sizes, candidates), picked(numbers, candidates), distances)


class _Grouping:
    """
    Forms one group after the other: a keeper and the candidates near it that are not in a group yet.

    :param graph: which nodes are near each other.
    :param node_of: the node of each candidate.
    :param begins: for each node, the number of candidates before it; those of a node are adjacent.
    :param is_reference: whether a candidate is a reference, which never becomes a member.
    """

    def __init__(
        self,
        graph: NeighbourGraph,
        node_of: Sequence[int],
        begins: Sequence[int],
        is_reference: Sequence[bool],
    ) -> None:
        self._graph = graph
        self._node_of = node_of
        self._begins = begins
        self._is_reference = is_reference
        self._assigned = bytearray(is_reference)  # in a group already, or never a member of one
        # The free candidates of each node that may be divided between groups.
        self._free: dict[int, Sequence[int]] = {}
        for node in graph.old_nodes():
            if begins[node + 1] - begins[node] > 1:
                self._split(node)
        self._separated: Mapping[int, Collection[int]] = {}
        #: The keepers, including those without members, and the length of ``runs`` after each one's last run.
        self.keepers, self.ends = array("q"), array("q")
        #: For each run of adjacent candidates: the first one, their number, their distance from the keeper.
        self.runs = array("q")

    def _split(self, node: int) -> None:
        self._free[node] = range(self._begins[node], self._begins[node + 1])

    def separate(self, numbers: Sequence[int], separated: Mapping[int, Collection[int]]) -> None:
        """Exclude these pictures from each other's groups; all are given by their picture numbers."""
        marked = {number: candidate for candidate, number in enumerate(numbers) if number in separated}
        self._separated = {
            candidate: {marked[other] for other in separated[number] if other in marked}
            for number, candidate in marked.items()
        }
        for candidate in self._separated:
            self._split(self._node_of[candidate])

    def run(self, order: Sequence[int]) -> None:
        """
        Form all groups.

        :param order: the candidates, best first.
        """
        assigned, is_reference, keepers, ends = self._assigned, self._is_reference, self.keepers, self.ends
        slices = [order[begin : begin + _STRIDE] for begin in range(0, len(order), _STRIDE)]
        for part in track("Grouping", slices, len(order), unit="pictures", size=len):
            for keeper in part:
                if not assigned[keeper] or is_reference[keeper]:
                    self._form_group(keeper)
                    keepers.append(keeper)
                    ends.append(len(self.runs))

    def _form_group(self, keeper: int) -> None:
        assigned, begins, free, own = self._assigned, self._begins, self._free, self._node_of[keeper]
        if not self._graph.is_new(own):
            self._add(keeper, 1, 0)
        for node, distance in self._graph.near(own):
            if node in free:
                self._add_free(keeper, node, distance)
            elif not assigned[first := begins[node]]:
                self._add(first, begins[node + 1] - first, distance)

    def _add_free(self, keeper: int, node: int, distance: int) -> None:
        separated, assigned = self._separated.get(keeper, ()), self._assigned
        left = [one for one in self._free[node] if not assigned[one]]
        for one in left:
            if one not in separated:
                self._add(one, 1, distance)
        self._free[node] = [one for one in left if not assigned[one]]

    def _add(self, first: int, count: int, distance: int) -> None:
        self._assigned[first : first + count] = b"\x01" * count
        self.runs.extend((first, count, distance))


def _arranged(grouping: _Grouping, place: Sequence[int]) -> tuple[list[int], array[int], array[int]]:
    """
    Return the sizes of the groups, largest first, their candidates, and the distances of the candidates.

    :param place: the place of each candidate in the order of names.
    """
    groups = []
    for keeper, (begin, end) in zip(grouping.keepers, pairwise((0, *grouping.ends)), strict=True):
        runs = (grouping.runs[column:end:3] for column in range(begin, begin + 3))
        group = [
            (one != keeper, distance, place[one], one)
            for first, size, distance in zip(*runs, strict=True)
            for one in range(first, first + size)
        ]
        if len(group) > 1:
            groups.append(sorted(group))
    groups.sort(key=lambda group: (-len(group), group[0][2]))
    members = list(chain.from_iterable(groups))
    candidates, distances = array("q", (one[3] for one in members)), array("B", (one[1] for one in members))
    return list(map(len, groups)), candidates, distances


def _arranged_with_numpy(
    grouping: _Grouping, place: Sequence[int]
) -> tuple[list[int], array[int], array[int]]:
    import numpy as np

    keepers, by_name = np.asarray(grouping.keepers), np.asarray(place)
    firsts, counts, distances = np.asarray(grouping.runs).reshape(-1, 3).T
    members = np.arange(counts.sum()) + np.repeat(firsts - (counts.cumsum() - counts), counts)
    distances = np.repeat(distances, counts)
    group_of = np.repeat(np.repeat(np.arange(len(keepers)), np.diff(grouping.ends, prepend=0) // 3), counts)
    sizes = np.bincount(group_of, minlength=len(keepers))
    groups = np.lexsort((by_name[keepers], -sizes))
    ranks = np.empty_like(groups)
    ranks[groups] = np.arange(len(groups))
    order = np.lexsort((by_name[members], distances, members != keepers[group_of], ranks[group_of]))
    sizes = sizes[groups]
    sizes = sizes[sizes > 1]
    order = order[: sizes.sum()]  # without keepers that have no members
    return sizes.tolist(), packed("q", members[order]), packed("B", distances[order])
