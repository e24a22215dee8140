"""Groups around a picture to keep."""

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

# Pictures of groups that are looked at together; and keepers between two looks at the clock.
_PICTURES = 20_000
_STRIDE = 1024


@dataclass(frozen=True, slots=True)
class Member:
    """
    A picture of a group.

    :param record: the picture.
    :param origin: where it comes from.
    :param distance: how far it is from the group's keeper, in bits.
    """

    record: HashRecord
    origin: Origin
    distance: int


@dataclass(frozen=True, slots=True)
class Group:
    """
    A picture to keep, and those that are its near-duplicates.

    Every member is within the radius of the keeper, so a chain of small steps never joins what is unlike;
    what is near a member but not near the keeper is not in the group.

    :param keeper: the suggested survivor.
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

    :param sizes: pictures of each group.
    :param reasons: why each keeper is suggested.
    :param ids: names of the pictures.
    :param bits: their hashes.
    :param distances: how far they are from the keeper.
    :param origins: where they come from.
    :param values: properties of them, under ImageKit's names or the table's.
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
        """Return groups as one chunk."""
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
    Groups of pictures by their numbers, the largest first.

    :param sizes: pictures of each group.
    :param reasons: of each group, as of :class:`Group`.
    :param numbers: of all pictures; the keeper of each group first, then the others, nearest first.
    :param distances: of all pictures from their keepers, in bits.
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

        :param limit: the number of groups; all unless given.
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
        """Yield keeper, member and distance of each member of a group."""
        begin = 0
        for size in self.sizes:
            for place in range(begin + 1, begin + size):
                yield self.numbers[begin], self.numbers[place], self.distances[place]
            begin += size


class _Ranking:
    """
    What a policy makes of candidates, which are numbered through here.

    :param pictures: the pictures.
    :param numbers: of each candidate, the number of its picture.
    :param policy: which picture is the best.
    """

    def __init__(self, pictures: AllPictures, numbers: Sequence[int], policy: SurvivorPolicy) -> None:
        self._columns = policy.values(lambda name: pictures.values(name, numbers))
        self._policy = policy
        names = taken(pictures.ids, numbers)
        #: The candidates by their names; and the place of each among them.
        self.by_name = sorted_places(names)
        self.place: Sequence[int] = sorted_positions(self.by_name)
        self._names = listed(names) if policy.kept else []
        self.is_reference = [origin is Origin.REFERENCE for origin in pictures.origins(numbers)]
        #: The candidates, the best first: references, then by the rules, then by name.
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
        """Return why the first candidate of each group is kept rather than the others of it."""
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
    strangers: Mapping[int, Collection[int]],
    properties: Iterable[str] = (),
) -> Clusters:
    """
    Group near pictures around those to keep.

    The best picture by the policy that is in no group yet becomes a keeper and takes all that are near it
    and in no group yet; and so on. References come first, and no group takes them.

    :param pictures: the pictures.
    :param members: the number of the picture at each position of the graph.
    :param graph: which of them are near each other.
    :param policy: which picture is the best.
    :param strangers: for some pictures, the others that must not share a group with it as keeper and member.
    :param properties: what will be asked of the pictures of groups, to read it along.
    :return: groups, the largest first.
    """
    positions, node_of, begins = graph.candidates()
    numbers = picked(members, positions)
    pictures.load((*policy.properties, *properties), numbers)
    ranking = _Ranking(pictures, numbers, policy)
    taking = _Taking(graph, node_of, begins, ranking.is_reference)
    if strangers:
        taking.part(numbers, strangers)
    taking.all(ranking.order)
    arranged = _arranged_with_numpy if use_numpy() else _arranged
    sizes, candidates, distances = arranged(taking, ranking.place)
    return Clusters(sizes, ranking.reasons(sizes, candidates), picked(numbers, candidates), distances)


class _Taking:
    """
    Keepers that take, one after the other, the candidates near them that are still free.

    :param graph: which nodes are near each other.
    :param node_of: the node of each candidate.
    :param begins: for each node, the number of candidates before it; those of a node stand together.
    :param is_reference: whether a candidate is never taken.
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
        self._gone = bytearray(is_reference)  # in a group, or never a member of one
        # What is left of each node of which a keeper may take only some candidates.
        self._free: dict[int, Sequence[int]] = {}
        for node in graph.old_nodes():
            if begins[node + 1] - begins[node] > 1:
                self._split(node)
        self._strangers: Mapping[int, Collection[int]] = {}
        #: Those that took, or are alone; and behind the last run of each, how many numbers of runs there are.
        self.keepers, self.ends = array("q"), array("q")
        #: Of each run of neighbouring candidates: the first, how many they are, how far from the keeper.
        self.runs = array("q")

    def _split(self, node: int) -> None:
        self._free[node] = range(self._begins[node], self._begins[node + 1])

    def part(self, numbers: Sequence[int], strangers: Mapping[int, Collection[int]]) -> None:
        """Let no keeper take a stranger; both are given by the numbers of the pictures."""
        marked = {number: candidate for candidate, number in enumerate(numbers) if number in strangers}
        self._strangers = {
            candidate: {marked[other] for other in strangers[number] if other in marked}
            for number, candidate in marked.items()
        }
        for candidate in self._strangers:
            self._split(self._node_of[candidate])

    def all(self, order: Sequence[int]) -> None:
        """
        Let all take.

        :param order: the candidates, the best first.
        """
        gone, is_reference, keepers, ends = self._gone, self._is_reference, self.keepers, self.ends
        slices = [order[begin : begin + _STRIDE] for begin in range(0, len(order), _STRIDE)]
        for part in track("Grouping", slices, len(order), unit="pictures", size=len):
            for keeper in part:
                if not gone[keeper] or is_reference[keeper]:
                    self._take(keeper)
                    keepers.append(keeper)
                    ends.append(len(self.runs))

    def _take(self, keeper: int) -> None:
        gone, begins, free, own = self._gone, self._begins, self._free, self._node_of[keeper]
        if not self._graph.is_new(own):
            self._add(keeper, 1, 0)
        for node, distance in self._graph.near(own):
            if node in free:
                self._take_some(keeper, node, distance)
            elif not gone[first := begins[node]]:
                self._add(first, begins[node + 1] - first, distance)

    def _take_some(self, keeper: int, node: int, distance: int) -> None:
        strangers, gone = self._strangers.get(keeper, ()), self._gone
        left = [one for one in self._free[node] if not gone[one]]
        for one in left:
            if one not in strangers:
                self._add(one, 1, distance)
        self._free[node] = [one for one in left if not gone[one]]

    def _add(self, first: int, count: int, distance: int) -> None:
        self._gone[first : first + count] = b"\x01" * count
        self.runs.extend((first, count, distance))


def _arranged(taking: _Taking, place: Sequence[int]) -> tuple[list[int], array[int], array[int]]:
    """
    Return the sizes of the groups, the largest first, their candidates and the distances of these.

    :param place: of each candidate by its name.
    """
    groups = []
    for keeper, (begin, end) in zip(taking.keepers, pairwise((0, *taking.ends)), strict=True):
        runs = (taking.runs[column:end:3] for column in range(begin, begin + 3))
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


def _arranged_with_numpy(taking: _Taking, place: Sequence[int]) -> tuple[list[int], array[int], array[int]]:
    import numpy as np

    keepers, by_name = np.asarray(taking.keepers), np.asarray(place)
    firsts, counts, distances = np.asarray(taking.runs).reshape(-1, 3).T
    members = np.arange(counts.sum()) + np.repeat(firsts - (counts.cumsum() - counts), counts)
    distances = np.repeat(distances, counts)
    group_of = np.repeat(np.repeat(np.arange(len(keepers)), np.diff(taking.ends, prepend=0) // 3), counts)
    sizes = np.bincount(group_of, minlength=len(keepers))
    groups = np.lexsort((by_name[keepers], -sizes))
    ranks = np.empty_like(groups)
    ranks[groups] = np.arange(len(groups))
    order = np.lexsort((by_name[members], distances, members != keepers[group_of], ranks[group_of]))
    sizes = sizes[groups]
    sizes = sizes[sizes > 1]
    order = order[: sizes.sum()]  # without those that are alone
    return sizes.tolist(), packed("q", members[order]), packed("B", distances[order])
