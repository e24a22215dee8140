"""Groups around a picture to keep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow_provider_imagekit.similarity.pairs.neighbours import NeighbourGraph
    from airflow_provider_imagekit.similarity.records import HashRecord
    from airflow_provider_imagekit.similarity.survivors import SurvivorPolicy

__all__ = ["Group", "Member", "Origin", "group_around_keepers"]


class Origin(StrEnum):
    """Where a picture comes from."""

    NEW = "new"
    KNOWN = "known"
    REFERENCE = "reference"


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


def group_around_keepers(
    entries: Sequence[tuple[HashRecord, Origin]],
    table: NeighbourGraph,
    policy: SurvivorPolicy,
    not_duplicates: Collection[frozenset[str]],
) -> list[Group]:
    """
    Group near pictures around those to keep.

    The best picture by the policy that is in no group yet becomes a keeper and takes all that are near it
    and in no group yet; and so on. References come first, and no group takes them.

    :param entries: the pictures, at their positions in the table.
    :param table: which of them are near each other.
    :param policy: which picture is the best.
    :param not_duplicates: pairs of names that must not share a group as keeper and member.
    :return: groups, the largest first.
    """
    pictures = {node: table.pictures(node) for node in table.nodes()}
    node_of = {position: node for node, positions in pictures.items() for position in positions}
    free = {
        node: [position for position in positions if entries[position][1] is not Origin.REFERENCE]
        for node, positions in pictures.items()
    }
    order = sorted(
        node_of, key=lambda at: (entries[at][1] is not Origin.REFERENCE, policy.rank(entries[at][0]))
    )
    taken: set[int] = set()
    groups = []
    for position in order:
        if position in taken:
            continue
        taken.add(position)  # alone or not: all that are near it are in groups now, or no duplicates of it
        keeper, origin = entries[position]
        members = []
        for node, distance in table.near(node_of[position]):
            near = [other for other in free[node] if other not in taken]
            strangers = [
                other for other in near if frozenset((keeper.id, entries[other][0].id)) in not_duplicates
            ]
            joining = [other for other in near if other not in strangers] if strangers else near
            members += [Member(*entries[other], distance) for other in joining]
            taken.update(joining)
            free[node] = strangers
        if members:
            groups.append(_group(Member(keeper, origin, 0), members, policy))
    groups.sort(key=lambda group: (-len(group.members), group.keeper.record.id))
    return groups


def _group(keeper: Member, members: list[Member], policy: SurvivorPolicy) -> Group:
    members.sort(key=lambda member: (member.distance, member.record.id))
    if keeper.origin is Origin.REFERENCE:
        return Group(keeper, tuple(members), "reference")
    return Group(keeper, tuple(members), policy.reason(keeper.record, [member.record for member in members]))
