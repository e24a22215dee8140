"""Groups around a picture to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_imagekit.io.progress import track
from airflow_provider_imagekit.similarity.origins import AllPictures, Origin
from airflow_provider_imagekit.similarity.pairs.pairs import use_numpy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from airflow_provider_imagekit.similarity.pairs.neighbours import NeighbourGraph
    from airflow_provider_imagekit.similarity.records import HashRecord
    from airflow_provider_imagekit.similarity.survivors import SurvivorPolicy

__all__ = ["Cluster", "Group", "GroupChunk", "Member", "Origin", "group_around_keepers"]


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
    ids: Sequence[str]
    bits: Sequence[int]
    distances: Sequence[int]
    origins: Sequence[Origin]
    values: Mapping[str, Sequence[Any]]

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


class Cluster(NamedTuple):
    """
    A group of pictures by their numbers.

    :param keeper: number of the picture to keep.
    :param members: numbers of the others, nearest first.
    :param distances: of the members from the keeper, in bits.
    :param reason: as of :class:`Group`.
    """

    keeper: int
    members: Sequence[int]
    distances: Sequence[int]
    reason: str


class _Ranking:
    """What a policy makes of the pictures that have near ones."""

    def __init__(self, pictures: AllPictures, candidates: Sequence[int], policy: SurvivorPolicy) -> None:
        self._policy = policy
        self._ids = pictures.ids
        pictures.load(policy.properties, candidates)
        columns = policy.values(lambda name: pictures.values(name, candidates))
        self._place = {number: place for place, number in enumerate(candidates)}
        self._columns = columns
        self.order = self._order(pictures, candidates)

    def _order(self, pictures: AllPictures, candidates: Sequence[int]) -> list[int]:
        """Return the candidates: references first, then by the rules, then by name."""
        is_reference = [pictures.origin(number) is not Origin.REFERENCE for number in candidates]
        kept = [pictures.ids[number] not in self._policy.kept for number in candidates]
        columns = [is_reference, kept, *self._columns]
        places = sorted(
            range(len(candidates)), key=[pictures.ids[number] for number in candidates].__getitem__
        )
        if use_numpy():
            import numpy as np

            by_name = np.array(places, dtype=np.int64)
            keys = [np.array(column, dtype=np.float64)[by_name] for column in reversed(columns)]
            places = by_name[np.lexsort(keys)].tolist()
        else:
            places.sort(key=list(zip(*columns, strict=True)).__getitem__)
        return [candidates[place] for place in places]

    def reason(self, keeper: int, members: Sequence[int]) -> str:
        best, *others = (
            [column[self._place[number]] for column in self._columns] for number in (keeper, *members)
        )
        return self._policy.reason_of(self._ids[keeper], best, others)


def group_around_keepers(
    pictures: AllPictures,
    members: Sequence[int],
    graph: NeighbourGraph,
    policy: SurvivorPolicy,
    not_duplicates: Collection[frozenset[str]],
) -> list[Cluster]:
    """
    Group near pictures around those to keep.

    The best picture by the policy that is in no group yet becomes a keeper and takes all that are near it
    and in no group yet; and so on. References come first, and no group takes them.

    :param pictures: the pictures.
    :param members: the number of the picture at each position of the graph.
    :param graph: which of them are near each other.
    :param policy: which picture is the best.
    :param not_duplicates: pairs of names that must not share a group as keeper and member.
    :return: groups, the largest first.
    """
    free = {node: [members[position] for position in graph.pictures(node)] for node in graph.nodes()}
    node_of = {number: node for node, numbers in free.items() for number in numbers}
    ranking = _Ranking(pictures, sorted(node_of), policy)
    for node, numbers in free.items():
        if any(pictures.origin(number) is Origin.REFERENCE for number in numbers):
            free[node] = [number for number in numbers if pictures.origin(number) is not Origin.REFERENCE]
    taken: set[int] = set()
    ids, clusters = pictures.ids, []
    for keeper in track("Grouping", ranking.order, len(ranking.order), unit="pictures", stride=1024):
        if keeper in taken:
            continue
        taken.add(keeper)  # alone or not: all that are near it are in groups now, or no duplicates of it
        joined: list[tuple[int, str, int]] = []
        for node, distance in graph.near(node_of[keeper]):
            near = [number for number in free[node] if number not in taken]
            strangers = _strangers(keeper, near, ids, not_duplicates) if not_duplicates and near else ()
            joining = [number for number in near if number not in strangers] if strangers else near
            joined += [(distance, ids[number], number) for number in joining]
            taken.update(joining)
            free[node] = list(strangers)
        if joined:
            joined.sort()
            numbers, distances = [number for *_, number in joined], [distance for distance, *_ in joined]
            is_reference = pictures.origin(keeper) is Origin.REFERENCE
            reason = "reference" if is_reference else ranking.reason(keeper, numbers)
            clusters.append(Cluster(keeper, numbers, distances, reason))
    clusters.sort(key=lambda cluster: (-len(cluster.members), ids[cluster.keeper]))
    return clusters


def _strangers(
    keeper: int, near: Sequence[int], ids: Sequence[str], not_duplicates: Collection[frozenset[str]]
) -> list[int]:
    return [number for number in near if frozenset((ids[keeper], ids[number])) in not_duplicates]
