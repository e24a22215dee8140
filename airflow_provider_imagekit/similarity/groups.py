"""Groups around a picture to keep."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING

from airflow_provider_imagekit.io.progress import track
from airflow_provider_imagekit.io.text_columns import Column, listed, sorted_places, taken
from airflow_provider_imagekit.similarity.origins import AllPictures, Origin
from airflow_provider_imagekit.similarity.pairs.pairs import picked, sorted_positions, use_numpy

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
        pictures.load(policy.properties, numbers)
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
    :return: groups, the largest first.
    """
    positions, node_of, begins = graph.candidates()
    numbers = picked(members, positions)
    ranking = _Ranking(pictures, numbers, policy)
    taking = _Taking(graph, node_of, begins, ranking)
    if strangers:
        taking.part(numbers, strangers)
    stars = taking.all(ranking.order)
    sizes = [len(joined) for _, joined in stars]
    order = sorted(range(len(stars)), key=lambda star: (-sizes[star], ranking.place[stars[star][0]]))
    sizes = [sizes[star] for star in order]
    keys = array("q", chain.from_iterable(stars[star][1] for star in order))
    places, distances = _split(keys, len(numbers))
    candidates = picked(array("q", ranking.by_name), places)
    return Clusters(sizes, ranking.reasons(sizes, candidates), picked(numbers, candidates), distances)


def _split(keys: array[int], count: int) -> tuple[array[int], array[int]]:
    if use_numpy():
        import numpy as np

        distances, places = np.divmod(np.asarray(keys), count) if count else (np.asarray(keys),) * 2
        return array("q", places.tobytes()), array("B", distances.astype(np.uint8).tobytes())
    return array("q", (key % count for key in keys)), array("B", (key // count for key in keys))


class _Taking:
    """
    Keepers that take, one after the other, the candidates near them that are still free.

    :param graph: which nodes are near each other.
    :param node_of: the node of each candidate.
    :param begins: for each node, the number of candidates before it; those of a node stand together.
    :param ranking: of the candidates.
    """

    def __init__(
        self, graph: NeighbourGraph, node_of: Sequence[int], begins: Sequence[int], ranking: _Ranking
    ) -> None:
        self._graph = graph
        self._node_of = node_of
        self._begins = begins
        self._is_plain = graph.plain_nodes(begins)
        self._place = ranking.place
        self._is_reference = ranking.is_reference
        self._gone = bytearray(ranking.is_reference)  # in a group, or never a member of one
        self._free: dict[int, list[int]] = {}  # what is left of nodes that were looked at
        self._strangers: Mapping[int, Collection[int]] = {}

    def part(self, numbers: Sequence[int], strangers: Mapping[int, Collection[int]]) -> None:
        """Let no keeper take a stranger; both are given by the numbers of the pictures."""
        marked = {number: candidate for candidate, number in enumerate(numbers) if number in strangers}
        self._strangers = {
            candidate: {marked[other] for other in strangers[number] if other in marked}
            for number, candidate in marked.items()
        }

    def all(self, order: Sequence[int]) -> list[tuple[int, list[int]]]:
        """
        Return keepers, each with its group: a member as its distance times the number of candidates plus its
        place by name, so that their order is that of the group; the keeper is its first member.

        :param order: the candidates, the best first.
        """
        gone, is_reference, place = self._gone, self._is_reference, self._place
        stars = []
        slices = [order[begin : begin + _STRIDE] for begin in range(0, len(order), _STRIDE)]
        for part in track("Grouping", slices, len(order), unit="pictures", size=len):
            for keeper in part:
                if not gone[keeper] or is_reference[keeper]:
                    # Alone or not: all that are near it are in groups now, or no duplicates of it.
                    gone[keeper] = 1
                    if joined := self._take(keeper):
                        joined.sort()
                        stars.append((keeper, [place[keeper], *joined]))
        return stars

    def _take(self, keeper: int) -> list[int]:
        gone, place, begins, count = self._gone, self._place, self._begins, len(self._gone)
        strangers = self._strangers.get(keeper, ())
        joined, own = [], self._node_of[keeper]
        if self._is_plain[own] and not strangers:
            for node, distance in self._graph.arcs.of(own):
                one = begins[node]
                if not gone[one]:
                    gone[one] = 1
                    joined.append(distance * count + place[one])
            return joined
        for node, distance in self._graph.near(own):
            free = self._free.get(node, range(begins[node], begins[node + 1]))
            left = [one for one in free if not gone[one]]
            near = [one for one in left if one not in strangers] if strangers else left
            for one in near:
                gone[one] = 1
                joined.append(distance * count + place[one])
            if len(free) > 1:
                self._free[node] = [one for one in left if not gone[one]]
        return joined
