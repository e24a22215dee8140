"""Near-duplicates in a table of pictures: pairs, and groups around a picture to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.phash import PHASH_BITS, PHash
from airflow_provider_imagekit.similarity.distance import check_radius
from airflow_provider_imagekit.similarity.groups import Group, Member, Origin, group_around_keepers
from airflow_provider_imagekit.similarity.pairs.neighbours import NeighbourGraph
from airflow_provider_imagekit.similarity.pairs.pairs import MAX_PAIRS
from airflow_provider_imagekit.similarity.survivors import SurvivorPolicy
from airflow_provider_imagekit.similarity.verdict import is_low_information

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from airflow_provider_imagekit.similarity.records import HashRecord

__all__ = [
    "GROUP_COLUMNS",
    "PAIR_COLUMNS",
    "Group",
    "Member",
    "NearDuplicates",
    "Origin",
    "find_near_duplicates",
]


#: Columns of the table of groups, one row a picture, and of the table of pairs.
GROUP_COLUMNS: Final[Mapping[str, type]] = {
    "group": int,
    "keeper_id": str,
    "id": str,
    "keep": bool,
    "reason": str,
    "distance": int,
    "similarity": float,
    "phash": str,
    "origin": str,
    "path": str,
    "url": str,
}
PAIR_COLUMNS: Final[Mapping[str, type]] = {
    "id": str,
    "other_id": str,
    "distance": int,
    "similarity": float,
    "phash": str,
    "other_phash": str,
    "other_origin": str,
}


@dataclass(frozen=True)
class NearDuplicates:
    """
    What a search for near-duplicates found.

    :param radius: the largest distance, in bits.
    :param compared: how many new pictures were compared.
    :param groups: groups, largest first.
    :param low_information: pictures set apart because their hashes say nothing.
    :param without_phash: pictures set apart because they have no hash.
    :param unmatched_preferences: preferred folders and formats that no picture has.
    """

    radius: int
    compared: int
    groups: list[Group]
    low_information: list[HashRecord]
    without_phash: list[HashRecord]
    unmatched_preferences: list[str]
    _members: list[tuple[HashRecord, Origin]]
    _table: NeighbourGraph
    _not_duplicates: Collection[frozenset[str]]

    def counts(self) -> dict[str, int]:
        """Return the sizes of everything, for XCom or a log."""
        return {
            "radius": self.radius,
            "compared": self.compared,
            "groups": len(self.groups),
            "duplicates": sum(len(group.members) for group in self.groups),
            "low_information": len(self.low_information),
            "without_phash": len(self.without_phash),
        }

    def group_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row of :data:`GROUP_COLUMNS` for every picture of every group, its keeper first."""
        for number, group in enumerate(self.groups, start=1):
            for member in (group.keeper, *group.members):
                keep = member is group.keeper
                yield {
                    "group": number,
                    "keeper_id": group.keeper.record.id,
                    "id": member.record.id,
                    "keep": keep,
                    "reason": group.reason if keep else "",
                    "distance": member.distance,
                    "similarity": 1 - member.distance / PHASH_BITS,
                    "phash": str(member.record.phash),
                    "origin": member.origin.value,
                    "path": _text(member.record.get("path")),
                    "url": _text(member.record.get("url")),
                }

    def pair_rows(self) -> Iterator[dict[str, Any]]:
        """
        Yield a row of :data:`PAIR_COLUMNS` for every pair within the radius, except those marked as no
        duplicates.

        Of two pictures that both have more than
        :data:`~airflow_provider_imagekit.similarity.pairs.pairs.CROWD` near ones, only the pairs of a keeper
        and a member of its group are listed.

        :raises ImageKitInputError: if there are more than ``max_pairs``.
        """
        for position, other_position, distance in self._table.pairs():
            (record, _), (other, origin) = self._members[position], self._members[other_position]
            if frozenset((record.id, other.id)) not in self._not_duplicates:
                yield _pair_row(record, other, origin, distance)
        crowded = {self._members[position][0].id for position in self._table.crowded_positions()}
        for group in self.groups if crowded else ():
            for member in group.members:
                if group.keeper.record.id in crowded and member.record.id in crowded:
                    new, other_one = sorted(
                        (group.keeper, member), key=lambda one: one.origin is not Origin.NEW
                    )
                    yield _pair_row(new.record, other_one.record, other_one.origin, member.distance)


def find_near_duplicates(
    records: Iterable[HashRecord],
    *,
    radius: object = "near_duplicate",
    force: bool = False,
    known: Iterable[HashRecord] = (),
    reference: Iterable[HashRecord] = (),
    policy: SurvivorPolicy | None = None,
    not_duplicates: Collection[frozenset[str]] = frozenset(),
    low_information: Collection[PHash] = frozenset(),
    max_pairs: int = MAX_PAIRS,
    numpy: bool | None = None,
) -> NearDuplicates:
    """
    Find all near-duplicates: exact, nothing within the radius is missed.

    :param records: the pictures to compare among themselves and with those below.
    :param radius: the largest distance, in bits or by name.
    :param force: accept a radius at which unrelated pictures match.
    :param known: pictures that were compared before: compared with the new ones, not among themselves. One
        that is among the new ones too counts as new.
    :param reference: pictures that are only matched against: always kept, never a member of a group. One
        that is among the others too counts as a reference.
    :param policy: which picture of a group to keep; by default the one with most pixels, then the
        oldest, then the largest file.
    :param not_duplicates: pairs of names that somebody marked as no duplicates; they are never paired or
        grouped with each other.
    :param low_information: hashes besides zero that say nothing about likeness; their pictures are set apart.
    :param max_pairs: refuse more pairs than this.
    :param numpy: whether to use NumPy; ``None`` uses it if it is there. The answer is the same.
    :raises ImageKitInputError: for an unreadable or too large radius, a name that stands twice, or too many
        pairs.
    """
    number = check_radius(radius, "max_distance", force=force)
    everything = _by_name(records, known, reference)
    without_phash = [record for record, _ in everything if record.phash is None]
    flat = [
        record
        for record, _ in everything
        if record.phash and is_low_information(record.phash, low_information)
    ]
    apart = {record.id for record in (*without_phash, *flat)}
    members = [entry for entry in everything if entry[0].id not in apart]
    members.sort(key=lambda entry: entry[1] is not Origin.NEW)
    new = [record.phash.bits for record, origin in members if record.phash and origin is Origin.NEW]
    old = [record.phash.bits for record, origin in members if record.phash and origin is not Origin.NEW]
    table = NeighbourGraph(new, old, radius=number, max_pairs=max_pairs, numpy=numpy)
    policy = policy or SurvivorPolicy()
    groups = group_around_keepers(members, table, policy, not_duplicates)
    return NearDuplicates(
        radius=number,
        compared=len(new),
        groups=groups,
        low_information=flat,
        without_phash=without_phash,
        unmatched_preferences=policy.unmatched(record for record, _ in everything),
        _members=members,
        _table=table,
        _not_duplicates=not_duplicates,
    )


def _by_name(
    records: Iterable[HashRecord], known: Iterable[HashRecord], reference: Iterable[HashRecord]
) -> list[tuple[HashRecord, Origin]]:
    """Return each picture once: as a reference before new, as new before known."""
    entries: dict[str, tuple[HashRecord, Origin]] = {}
    for origin, table in ((Origin.REFERENCE, reference), (Origin.NEW, records), (Origin.KNOWN, known)):
        for record in table:
            there = entries.setdefault(record.id, (record, origin))
            if there[1] is origin and there[0] is not record:
                raise ImageKitInputError(
                    f"The {origin} picture {record.id!r:.200} stands in its table twice.",
                    help="Name a column that tells pictures apart, or keep one version of each file.",
                )
    return list(entries.values())


def _pair_row(record: HashRecord, other: HashRecord, origin: Origin, distance: int) -> dict[str, Any]:
    return {
        "id": record.id,
        "other_id": other.id,
        "distance": distance,
        "similarity": 1 - distance / PHASH_BITS,
        "phash": str(record.phash),
        "other_phash": str(other.phash),
        "other_origin": origin.value,
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
