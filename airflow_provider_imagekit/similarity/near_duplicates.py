"""Find near-duplicates in a table of pictures, as pairs and as groups around a picture to keep."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from functools import cached_property
from itertools import accumulate, chain, compress, count, islice, repeat
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.io.text_columns import (
    Column,
    as_text,
    coded,
    hash_texts,
    listed,
    taken,
    text_column,
)
from airflow_provider_imagekit.phash import PHASH_BITS, PHash
from airflow_provider_imagekit.similarity.distance import check_radius
from airflow_provider_imagekit.similarity.groups import (
    Clusters,
    Group,
    GroupChunk,
    Member,
    group_around_keepers,
)
from airflow_provider_imagekit.similarity.origins import AllPictures, Origin
from airflow_provider_imagekit.similarity.pairs.neighbours import NeighbourGraph
from airflow_provider_imagekit.similarity.pairs.pairs import MAX_PAIRS, Pairs, picked, places_in
from airflow_provider_imagekit.similarity.pairs.search import join
from airflow_provider_imagekit.similarity.picture_columns import Pictures
from airflow_provider_imagekit.similarity.records import KNOWN_COLUMNS
from airflow_provider_imagekit.similarity.survivors import SurvivorPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_imagekit.similarity.records import HashRecord

    #: Numbers of the first pictures, numbers of the second ones, and distances.
    _PairColumns = tuple[Sequence[int], Sequence[int], Sequence[int]]

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


#: Columns of the table of groups, one row per picture, and of the table of pairs.
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


# Maximum rows that are handled at once.
_ROWS = 20_000

_ORIGINS: Final = [origin.value for origin in Origin]
_PLACES: Final = {origin: place for place, origin in enumerate(Origin)}
_DISTANCES: Final = range(PHASH_BITS + 1)
_SIMILARITY: Final = [1 - distance / PHASH_BITS for distance in range(PHASH_BITS + 1)]


class NearDuplicates:
    """
    Result of a search for near-duplicates; see :func:`find_near_duplicates`.

    :param radius: maximum distance, in bits.
    :param compared: number of new pictures that were compared.
    :param unmatched_preferences: preferred folders and formats that no picture matches.
    """

    def __init__(
        self,
        *,
        radius: int,
        compared: int,
        unmatched_preferences: list[str],
        pictures: AllPictures,
        members: array[int],
        graph: NeighbourGraph,
        clusters: Clusters,
        excluded: tuple[list[int], list[int]],
        separated: Mapping[int, Collection[int]],
    ) -> None:
        self.radius = radius
        self.compared = compared
        self.unmatched_preferences = unmatched_preferences
        self._pictures = pictures
        self._members = members
        self._graph = graph
        self._clusters = clusters
        self._excluded = excluded
        self._separated = separated

    @cached_property
    def groups(self) -> list[Group]:
        """Groups, largest first, with the records of all their pictures."""
        self._pictures.load(KNOWN_COLUMNS, self._clusters.numbers)
        return [group for part in self._clusters.parts() for group in self._groups(part)]

    def _groups(self, part: Clusters) -> Iterator[Group]:
        records, origins = self._pictures.records(part.numbers), self._pictures.origins(part.numbers)
        members = map(Member, records, origins, part.distances)
        for size, reason in zip(part.sizes, part.reasons, strict=True):
            keeper, *others = islice(members, size)
            yield Group(keeper, tuple(others), reason)

    def chunks(self, properties: Collection[str], limit: int | None = None) -> Iterator[GroupChunk]:
        """
        Yield the groups, largest first, some thousand pictures at a time.

        :param properties: properties to return, under ImageKit's names or the table's.
        :param limit: maximum number of groups; ``None`` for all.
        """
        pictures, clusters = self._pictures, self._clusters
        pictures.load(properties, clusters.numbers[: sum(clusters.sizes[:limit])])
        for part in clusters.parts(limit):
            numbers = part.numbers
            yield GroupChunk(
                part.sizes,
                part.reasons,
                taken(pictures.ids, numbers),
                picked(pictures.bits, numbers),
                part.distances,
                pictures.origins(numbers),
                {name: pictures.values(name, numbers) for name in properties},
            )

    @property
    def low_information(self) -> list[HashRecord]:
        """Pictures excluded because of a low-information hash."""
        return self._pictures.records(self._excluded[0])

    @property
    def without_phash(self) -> list[HashRecord]:
        """Pictures excluded because they have no hash."""
        return self._pictures.records(self._excluded[1])

    def counts(self) -> dict[str, int]:
        """Return the numbers of groups, duplicates and excluded pictures, for XCom or a log."""
        return {
            "radius": self.radius,
            "compared": self.compared,
            "groups": len(self._clusters),
            "duplicates": len(self._clusters.numbers) - len(self._clusters),
            "low_information": len(self._excluded[0]),
            "without_phash": len(self._excluded[1]),
        }

    def group_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row of :data:`GROUP_COLUMNS` for every picture of every group, its keeper first."""
        return _rows(self.group_columns())

    def group_columns(self) -> Iterator[dict[str, Column]]:
        """Yield the rows of :meth:`group_rows` as columns, some thousand rows at a time."""
        first = 1
        for chunk in self.chunks(("path", "url")):
            sizes, keepers, like = chunk.sizes, accumulate(chunk.sizes[:-1], initial=0), chunk.ids
            yield {
                "group": list(_repeated(count(first), sizes)),
                "keeper_id": taken(chunk.ids, list(_repeated(keepers, sizes))),
                "id": chunk.ids,
                "keep": coded((False, True), _first(repeat(1), sizes, 0), like=like),
                "reason": text_column(_first(chunk.reasons, sizes, ""), like=like),
                "distance": coded(_DISTANCES, chunk.distances, like=like),
                "similarity": coded(_SIMILARITY, chunk.distances, like=like),
                "phash": hash_texts(chunk.bits, like=like),
                "origin": _origins(chunk.origins, like),
                "path": as_text(chunk.values["path"], like=like, absent=None),
                "url": as_text(chunk.values["url"], like=like, absent=None),
            }
            first += len(sizes)

    def pair_rows(self) -> Iterator[dict[str, Any]]:
        """
        Yield a row of :data:`PAIR_COLUMNS` for every pair within the radius, except those marked as not
        duplicates.

        If both pictures of a pair have more than
        :data:`~airflow_provider_imagekit.similarity.pairs.pairs.CROWD` near pictures, the pair is listed only
        if it is a keeper and a member of its group.

        :raises ImageKitInputError: if there are more than ``max_pairs``.
        """
        return _rows(self.pair_columns())

    def pair_columns(self) -> Iterator[dict[str, Column]]:
        """Yield the rows of :meth:`pair_rows` as columns, some thousand rows at a time."""
        pictures, like = self._pictures, self._pictures.ids
        for numbers, others, distances in chain(self._pairs(), self._pairs_of_crowds()):
            yield {
                "id": taken(pictures.ids, numbers),
                "other_id": taken(pictures.ids, others),
                "distance": coded(_DISTANCES, distances, like=like),
                "similarity": coded(_SIMILARITY, distances, like=like),
                "phash": hash_texts(picked(pictures.bits, numbers), like=like),
                "other_phash": hash_texts(picked(pictures.bits, others), like=like),
                "other_origin": _origins(pictures.origins(others), like),
            }

    def _pairs(self) -> Iterator[_PairColumns]:
        """Yield numbers and distances of the pairs to list; of two origins, the new picture is first."""
        separated = self._separated
        for positions, other_positions, distances in self._graph.pair_columns():
            numbers, others = picked(self._members, positions), picked(self._members, other_positions)
            if separated:
                pairs = zip(numbers, others, strict=True)
                kept = [one not in separated or other not in separated[one] for one, other in pairs]
                numbers, others = (array("q", compress(one, kept)) for one in (numbers, others))
                yield numbers, others, list(compress(distances, kept))
            else:
                yield numbers, others, distances

    def _pairs_of_crowds(self) -> Iterator[_PairColumns]:
        crowded = {self._members[position] for position in self._graph.crowded_positions()}
        pairs = (
            (*sorted((keeper, member), key=self._is_old), distance)
            for keeper, member, distance in (self._clusters.stars() if crowded else ())
            if keeper in crowded and member in crowded
        )
        while part := list(islice(pairs, _ROWS)):
            numbers, others, distances = zip(*part, strict=True)
            yield numbers, others, distances

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
    properties: Iterable[str] = (),
) -> NearDuplicates:
    """
    Find all near-duplicates. The search is exact: no pair within the radius is missed.

    :param records: the new pictures, which are compared with each other and with those below.
    :param radius: maximum distance, in bits or by name.
    :param force: accept a radius at which unrelated pictures match.
    :param known: pictures of earlier searches, which are compared with the new ones but not with each other.
        A picture that is also among the new ones counts as new.
    :param reference: pictures that others are only compared with: always kept, never a member of a group. A
        picture that is also among the others counts as a reference.
    :param policy: which picture of a group to keep; by default the one with the most pixels, then the
        oldest, then the largest file.
    :param not_duplicates: pairs of names that a reviewer marked as not duplicates; they are never paired or
        grouped with each other.
    :param low_information: low-information hashes in addition to zero; their pictures are excluded.
    :param max_pairs: maximum number of pairs.
    :param search: finds the pairs, as :func:`~airflow_provider_imagekit.similarity.pairs.search.join` does.
    :param properties: properties of grouped pictures that are needed later, so that a table is read once.
    :raises ImageKitInputError: for an invalid or too large radius, a name that occurs twice, or too many
        pairs.
    """
    number = check_radius(radius, "max_distance", force=force)
    pictures = _all_pictures(records, known, reference)
    members, begin_of_old, excluded = _to_compare(pictures, low_information)
    new, old = _hashes(pictures, members, begin_of_old)
    graph = NeighbourGraph(new, old, radius=number, max_pairs=max_pairs, search=search)
    policy, separated = policy or SurvivorPolicy(), pictures.separated(not_duplicates)
    clusters = group_around_keepers(pictures, members, graph, policy, separated, properties)
    return NearDuplicates(
        radius=number,
        compared=begin_of_old,
        unmatched_preferences=_unmatched(pictures, policy),
        pictures=pictures,
        members=members,
        graph=graph,
        clusters=clusters,
        excluded=excluded,
        separated=separated,
    )


def hashes_to_compare(
    records: Iterable[HashRecord] | Pictures,
    *,
    known: Iterable[HashRecord] | Pictures = (),
    reference: Iterable[HashRecord] | Pictures = (),
    low_information: Collection[PHash] = frozenset(),
) -> tuple[array[int], array[int]]:
    """
    Return the hashes that :func:`find_near_duplicates` searches: those of the new pictures and of the others.

    :param records: as for :func:`find_near_duplicates`.
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
    hashes = picked(pictures.bits, members)
    return hashes[:begin_of_old], hashes[begin_of_old:]


def _to_compare(
    pictures: AllPictures, low_information: Collection[PHash]
) -> tuple[array[int], int, tuple[list[int], list[int]]]:
    """
    Return the numbers of the pictures to compare, new ones first; how many of them are new; and the numbers
    of those excluded for a flat picture's hash and for no hash.
    """
    numbers = array("q", pictures.numbers())
    low = {0, *(phash.bits for phash in low_information)}
    doubtful = [numbers[place] for place in places_in(picked(pictures.bits, numbers), low)]
    without = [number for number in doubtful if number in pictures.without]
    flat = [number for number in doubtful if number not in pictures.without]
    excluded = set(doubtful)
    rest = array("q", (number for number in numbers if number not in excluded)) if excluded else numbers
    begin, end = (bisect_left(rest, bound) for bound in pictures.bounds(Origin.NEW))
    old = rest[:begin] + rest[end:]
    del rest[end:], rest[:begin]
    return rest + old if old else rest, end - begin, (flat, without)


def _unmatched(pictures: AllPictures, policy: SurvivorPolicy) -> list[str]:
    preferences = policy.preferences()
    if not preferences:
        return []
    numbers = pictures.numbers()
    pictures.load(("path", "format"), numbers)
    for begin in range(0, len(numbers), _ROWS):
        if not preferences:
            break
        part = numbers[begin : begin + _ROWS]
        preferences.discard_matched(*(listed(pictures.values(name, part)) for name in ("path", "format")))
    return preferences.texts()


def _first(values: Iterable[Any], sizes: Iterable[int], other: Any) -> list[Any]:
    """Return each group's value for its first row, and ``other`` for its other rows."""
    return [one for value, size in zip(values, sizes, strict=False) for one in (value, *[other] * (size - 1))]


def _origins(origins: Iterable[Origin], like: Column) -> Column:
    return coded(_ORIGINS, list(map(_PLACES.__getitem__, origins)), like=like)


def _repeated(values: Iterable[Any], times: Iterable[int]) -> Iterator[Any]:
    return chain.from_iterable(map(repeat, values, times))


def _rows(chunks: Iterable[dict[str, Column]]) -> Iterator[dict[str, Any]]:
    for chunk in chunks:
        rows = zip(*map(listed, chunk.values()), strict=True)
        yield from (dict(zip(chunk, row, strict=True)) for row in rows)
