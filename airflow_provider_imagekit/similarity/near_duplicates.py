"""Near-duplicates in a table of pictures: pairs, and groups around a picture to keep."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from functools import cached_property
from itertools import accumulate, chain, count, islice, repeat
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.phash import PHASH_BITS, PHash
from airflow_provider_imagekit.similarity.distance import check_radius
from airflow_provider_imagekit.similarity.groups import (
    Cluster,
    Group,
    GroupChunk,
    Member,
    group_around_keepers,
)
from airflow_provider_imagekit.similarity.origins import AllPictures, Origin
from airflow_provider_imagekit.similarity.pairs.neighbours import NeighbourGraph
from airflow_provider_imagekit.similarity.pairs.pairs import MAX_PAIRS, Pairs
from airflow_provider_imagekit.similarity.pairs.search import join
from airflow_provider_imagekit.similarity.pictures import Pictures
from airflow_provider_imagekit.similarity.records import KNOWN_COLUMNS
from airflow_provider_imagekit.similarity.survivors import SurvivorPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_imagekit.similarity.records import HashRecord

__all__ = [
    "GROUP_COLUMNS",
    "PAIR_COLUMNS",
    "Group",
    "Member",
    "NearDuplicates",
    "Origin",
    "find_near_duplicates",
    "hashes_to_compare",
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


# Rows of a table that are written at once.
_ROWS = 20_000

_PHASH: Final = f"%0{PHASH_BITS // 4}x"
_SIMILARITY: Final = [1 - distance / PHASH_BITS for distance in range(PHASH_BITS + 1)]


class NearDuplicates:
    """
    What a search for near-duplicates found; see :func:`find_near_duplicates`.

    :param radius: the largest distance, in bits.
    :param compared: how many new pictures were compared.
    :param unmatched_preferences: preferred folders and formats that no picture has.
    """

    def __init__(
        self,
        *,
        radius: int,
        compared: int,
        unmatched_preferences: list[str],
        pictures: AllPictures,
        members: Sequence[int],
        graph: NeighbourGraph,
        clusters: list[Cluster],
        apart: tuple[list[int], list[int]],
        not_duplicates: Collection[frozenset[str]],
    ) -> None:
        self.radius = radius
        self.compared = compared
        self.unmatched_preferences = unmatched_preferences
        self._pictures = pictures
        self._members = members
        self._graph = graph
        self._clusters = clusters
        self._apart = apart
        self._not_duplicates = not_duplicates

    @cached_property
    def groups(self) -> list[Group]:
        """Groups, largest first, with records of all their pictures."""
        self._pictures.load(KNOWN_COLUMNS, _numbers_of(self._clusters))
        return [group for part in _in_parts(self._clusters) for group in self._groups(part)]

    def _groups(self, clusters: Sequence[Cluster]) -> Iterator[Group]:
        numbers = _numbers_of(clusters)
        records, origins = iter(self._pictures.records(numbers)), iter(self._pictures.origins(numbers))
        for _, others, distances, reason in clusters:
            keeper = Member(next(records), next(origins), 0)
            size = len(others)
            members = map(Member, islice(records, size), islice(origins, size), distances)
            yield Group(keeper, tuple(members), reason)

    def chunks(self, properties: Collection[str], limit: int | None = None) -> Iterator[GroupChunk]:
        """
        Yield the groups, largest first, some thousand pictures at a time.

        :param properties: properties to return, under ImageKit's names or the table's.
        :param limit: the number of groups; all unless given.
        """
        pictures, clusters = self._pictures, self._clusters[:limit]
        pictures.load(properties, _numbers_of(clusters))
        for part in _in_parts(clusters):
            numbers = _numbers_of(part)
            yield GroupChunk(
                [1 + len(one.members) for one in part],
                [one.reason for one in part],
                [pictures.ids[number] for number in numbers],
                [pictures.bits[number] for number in numbers],
                [distance for one in part for distance in (0, *one.distances)],
                pictures.origins(numbers),
                {name: pictures.values(name, numbers) for name in properties},
            )

    @property
    def low_information(self) -> list[HashRecord]:
        """Pictures set apart because their hashes say nothing."""
        return self._pictures.records(self._apart[0])

    @property
    def without_phash(self) -> list[HashRecord]:
        """Pictures set apart because they have no hash."""
        return self._pictures.records(self._apart[1])

    def counts(self) -> dict[str, int]:
        """Return the sizes of everything, for XCom or a log."""
        return {
            "radius": self.radius,
            "compared": self.compared,
            "groups": len(self._clusters),
            "duplicates": sum(len(cluster.members) for cluster in self._clusters),
            "low_information": len(self._apart[0]),
            "without_phash": len(self._apart[1]),
        }

    def group_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row of :data:`GROUP_COLUMNS` for every picture of every group, its keeper first."""
        return _rows(self.group_columns())

    def group_columns(self) -> Iterator[dict[str, Sequence[Any]]]:
        """Yield what :meth:`group_rows` does as columns, some thousand rows at a time."""
        first = 1
        for chunk in self.chunks(("path", "url")):
            sizes, keepers = chunk.sizes, accumulate(chunk.sizes[:-1], initial=0)
            yield {
                "group": list(_repeated(count(first), sizes)),
                "keeper_id": list(_repeated((chunk.ids[at] for at in keepers), sizes)),
                "id": chunk.ids,
                "keep": [keep for size in sizes for keep in (True, *[False] * (size - 1))],
                "reason": list(chain.from_iterable(map(_first, chunk.reasons, sizes))),
                "distance": chunk.distances,
                "similarity": [_SIMILARITY[distance] for distance in chunk.distances],
                "phash": [_PHASH % bits for bits in chunk.bits],
                "origin": [origin.value for origin in chunk.origins],
                "path": list(map(_text, chunk.values["path"])),
                "url": list(map(_text, chunk.values["url"])),
            }
            first += len(sizes)

    def _phashes(self, numbers: Iterable[int]) -> list[str]:
        return [_PHASH % self._pictures.bits[number] for number in numbers]

    def pair_rows(self) -> Iterator[dict[str, Any]]:
        """
        Yield a row of :data:`PAIR_COLUMNS` for every pair within the radius, except those marked as no
        duplicates.

        Of two pictures that both have more than
        :data:`~airflow_provider_imagekit.similarity.pairs.pairs.CROWD` near ones, only the pairs of a keeper
        and a member of its group are listed.

        :raises ImageKitInputError: if there are more than ``max_pairs``.
        """
        return _rows(self.pair_columns())

    def pair_columns(self) -> Iterator[dict[str, Sequence[Any]]]:
        """Yield what :meth:`pair_rows` does as columns, some thousand rows at a time."""
        pictures, pairs = self._pictures, self._pairs()
        while chunk := list(islice(pairs, _ROWS)):
            numbers, others, distances = zip(*chunk, strict=True)
            yield {
                "id": [pictures.ids[number] for number in numbers],
                "other_id": [pictures.ids[number] for number in others],
                "distance": distances,
                "similarity": [_SIMILARITY[distance] for distance in distances],
                "phash": self._phashes(numbers),
                "other_phash": self._phashes(others),
                "other_origin": [origin.value for origin in pictures.origins(others)],
            }

    def _pairs(self) -> Iterator[tuple[int, int, int]]:
        """Yield numbers and distance of the pairs to list; of two origins, the new picture's first."""
        members, strangers, ids = self._members, self._not_duplicates, self._pictures.ids
        for position, other, distance in self._graph.pairs():
            number, other_number = members[position], members[other]
            if not strangers or frozenset((ids[number], ids[other_number])) not in strangers:
                yield number, other_number, distance
        crowded = {members[position] for position in self._graph.crowded_positions()}
        for cluster in self._clusters if crowded else ():
            for member, distance in zip(cluster.members, cluster.distances, strict=True):
                if cluster.keeper in crowded and member in crowded:
                    one, other = sorted((cluster.keeper, member), key=self._is_old)
                    yield one, other, distance

    def _is_old(self, number: int) -> bool:
        return self._pictures.origin(number) is not Origin.NEW


def find_near_duplicates(
    records: Iterable[HashRecord] | Pictures,
    *,
    radius: object = "near_duplicate",
    force: bool = False,
    known: Iterable[HashRecord] | Pictures = (),
    reference: Iterable[HashRecord] | Pictures = (),
    policy: SurvivorPolicy | None = None,
    not_duplicates: Collection[frozenset[str]] = frozenset(),
    low_information: Collection[PHash] = frozenset(),
    max_pairs: int = MAX_PAIRS,
    search: Callable[..., Pairs] = join,
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
    :param not_duplicates: pairs of names that a reviewer marked as no duplicates; they are never paired or
        grouped with each other.
    :param low_information: hashes besides zero that say nothing about likeness; their pictures are set apart.
    :param max_pairs: refuse more pairs than this.
    :param search: finds the pairs, as :func:`~airflow_provider_imagekit.similarity.pairs.search.join` does.
    :raises ImageKitInputError: for an unreadable or too large radius, a name that stands twice, or too many
        pairs.
    """
    number = check_radius(radius, "max_distance", force=force)
    pictures = _all_pictures(records, known, reference)
    members, begin_of_old, apart = _to_compare(pictures, low_information)
    new, old = _hashes(pictures, members, begin_of_old)
    graph = NeighbourGraph(new, old, radius=number, max_pairs=max_pairs, search=search)
    policy = policy or SurvivorPolicy()
    clusters = group_around_keepers(pictures, members, graph, policy, not_duplicates)
    return NearDuplicates(
        radius=number,
        compared=begin_of_old,
        unmatched_preferences=_unmatched(pictures, policy),
        pictures=pictures,
        members=members,
        graph=graph,
        clusters=clusters,
        apart=apart,
        not_duplicates=not_duplicates,
    )


def hashes_to_compare(
    records: Iterable[HashRecord] | Pictures,
    *,
    known: Iterable[HashRecord] | Pictures = (),
    reference: Iterable[HashRecord] | Pictures = (),
    low_information: Collection[PHash] = frozenset(),
) -> tuple[array[int], array[int]]:
    """
    Return the hashes that :func:`find_near_duplicates` searches: of the new pictures, and of the others.

    :param records: as :func:`find_near_duplicates` takes it, and so are the others.
    :param known: likewise.
    :param reference: likewise.
    :param low_information: likewise.
    """
    pictures = _all_pictures(records, known, reference)
    members, begin_of_old, _ = _to_compare(pictures, low_information)
    return _hashes(pictures, members, begin_of_old)


def _all_pictures(*tables: Iterable[HashRecord] | Pictures) -> AllPictures:
    new, known, reference = (
        table if isinstance(table, Pictures) else Pictures.of_records(table) for table in tables
    )
    return AllPictures((Origin.REFERENCE, reference), (Origin.NEW, new), (Origin.KNOWN, known))


def _hashes(
    pictures: AllPictures, members: Sequence[int], begin_of_old: int
) -> tuple[array[int], array[int]]:
    hashes = array("Q", map(pictures.bits.__getitem__, members))
    return hashes[:begin_of_old], hashes[begin_of_old:]


def _to_compare(
    pictures: AllPictures, low_information: Collection[PHash]
) -> tuple[Sequence[int], int, tuple[list[int], list[int]]]:
    """Return the numbers of the pictures to compare, new ones first; how many are new; others."""
    numbers = pictures.numbers()
    low = {0, *(phash.bits for phash in low_information)}
    doubtful = [number for number in numbers if pictures.bits[number] in low]
    without = [number for number in doubtful if number in pictures.without]
    flat = [number for number in doubtful if number not in pictures.without]
    apart = set(doubtful)
    rest = [number for number in numbers if number not in apart] if apart else numbers
    begin, end = (bisect_left(rest, bound) for bound in pictures.bounds(Origin.NEW))
    return array("q", chain(rest[begin:end], rest[:begin], rest[end:])), end - begin, (flat, without)


def _unmatched(pictures: AllPictures, policy: SurvivorPolicy) -> list[str]:
    preferences = policy.preferences()
    numbers = pictures.numbers() if preferences else ()
    pictures.load(("path", "format"), numbers)
    for begin in range(0, len(numbers), _ROWS):
        if not preferences:
            break
        part = numbers[begin : begin + _ROWS]
        preferences.look(pictures.values("path", part), pictures.values("format", part))
    return preferences.texts()


def _numbers_of(clusters: Iterable[Cluster]) -> list[int]:
    return [number for one in clusters for number in (one.keeper, *one.members)]


def _in_parts(clusters: list[Cluster]) -> Iterator[list[Cluster]]:
    """Yield the clusters some thousand pictures at a time."""
    begin, rows = 0, 0
    for end, cluster in enumerate(clusters, start=1):
        rows += len(cluster.members) + 1
        if rows >= _ROWS or end == len(clusters):
            yield clusters[begin:end]
            begin, rows = end, 0


def _first(text: str, size: int) -> tuple[str, ...]:
    return (text, *[""] * (size - 1))


def _repeated(values: Iterable[Any], times: Iterable[int]) -> Iterator[Any]:
    return chain.from_iterable(map(repeat, values, times))


def _rows(chunks: Iterable[dict[str, Sequence[Any]]]) -> Iterator[dict[str, Any]]:
    for chunk in chunks:
        yield from (dict(zip(chunk, row, strict=True)) for row in zip(*chunk.values(), strict=True))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
