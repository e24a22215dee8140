"""The pictures of all tables of a search, and the table that each comes from."""

from __future__ import annotations

from array import array
from bisect import bisect
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.text_columns import (
    Column,
    concatenated,
    is_arrow,
    listed,
    places_of,
    text_data,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from airflow_provider_imagekit.similarity.picture_columns import Pictures
    from airflow_provider_imagekit.similarity.records import HashRecord

__all__ = ["AllPictures", "Origin"]


class Origin(StrEnum):
    """The table that a picture comes from."""

    NEW = "new"
    KNOWN = "known"
    REFERENCE = "reference"


class AllPictures:
    """
    The pictures of several tables, with consecutive numbers.

    :param tables: the tables. If a name is in several of them, the picture of the first one is used.
    """

    def __init__(self, *tables: tuple[Origin, Pictures]) -> None:
        self._origins = [origin for origin, _ in tables]
        self._tables = [pictures for _, pictures in tables]
        self._begins = [0]
        for pictures in self._tables:
            self._begins.append(self._begins[-1] + len(pictures))
        filled = [table for table, pictures in enumerate(self._tables) if len(pictures)]
        self._only = filled[0] if len(filled) == 1 else None
        #: Names and hashes by number; the hash is 0 for a picture without one.
        self.ids = concatenated([self._tables[table].ids for table in filled])
        self.bits = sum((pictures.bits for pictures in self._tables), start=array("Q"))
        self.without = {
            begin + number
            for begin, pictures in zip(self._begins, self._tables, strict=False)
            for number in pictures.without
        }

    def numbers(self) -> Sequence[int]:
        """
        Return the number of each name's picture, ascending.

        :raises ImageKitInputError: if a name occurs in its table twice.
        """
        if _are_distinct(self.ids):
            return range(len(self.ids))
        first: dict[str, int] = {}
        for number, name in enumerate(listed(self.ids)):
            if self.origin(first.setdefault(name, number)) is self.origin(number) and first[name] != number:
                raise ImageKitInputError(
                    f"The {self.origin(number)} picture {name!r:.200} occurs twice in its table.",
                    help="Name a column whose values are unique, or keep one version of each file.",
                )
        return array("q", first.values())

    def bounds(self, origin: Origin) -> tuple[int, int]:
        """Return the first number of the pictures of an origin, and the number after the last."""
        table = self._origins.index(origin)
        return self._begins[table], self._begins[table + 1]

    def separated(self, not_duplicates: Collection[frozenset[str]]) -> dict[int, set[int]]:
        """Return for each picture of a marked pair the pictures that it is paired with, by number."""
        number_of = places_of(self.ids, set(chain.from_iterable(not_duplicates))) if not_duplicates else {}
        separated: dict[int, set[int]] = {}
        for pair in not_duplicates:
            for name in pair & number_of.keys():
                others = {number_of[other] for other in pair if other != name and other in number_of}
                separated.setdefault(number_of[name], set()).update(others)
        return separated

    def _table(self, number: int) -> int:
        return bisect(self._begins, number) - 1

    def origin(self, number: int) -> Origin:
        """Return the table that a picture comes from."""
        return self._origins[self._table(number)]

    def origins(self, numbers: Sequence[int]) -> list[Origin]:
        """Return the tables that pictures come from."""
        if self._only is not None:
            return [self._origins[self._only]] * len(numbers)
        return list(map(self.origin, numbers))

    def records(self, numbers: Sequence[int]) -> list[HashRecord]:
        """Return the records of pictures, with the attributes that are loaded."""
        records: list[HashRecord] = self._gather(numbers, lambda pictures, own: pictures.records(own))
        return records

    def load(self, properties: Iterable[str], numbers: Sequence[int]) -> None:
        """Load properties of some pictures, unless they are loaded."""
        names = tuple(properties)
        for pictures, own, _ in self._split(numbers):
            pictures.load(names, own)

    def values(self, name: str, numbers: Sequence[int]) -> Column:
        """Return a loaded property of some pictures as a column; ``None`` where it is absent or blank."""
        return self._gather(numbers, lambda pictures, own: pictures.values(name, own))

    def _gather(self, numbers: Sequence[int], read: Callable[[Pictures, Sequence[int]], Column]) -> Any:
        """Return the values that ``read`` returns for each table, in the order of the numbers."""
        values: list[Any] = [None] * len(numbers)
        for pictures, own, places in self._split(numbers):
            if len(own) == len(numbers):
                return read(pictures, own)
            for place, value in zip(places, listed(read(pictures, own)), strict=True):
                values[place] = value
        return values

    def _split(self, numbers: Sequence[int]) -> Iterable[tuple[Pictures, Sequence[int], Sequence[int]]]:
        """Yield each table, the numbers of its pictures in it, and their places in ``numbers``."""
        if self._only is not None:
            yield self._tables[self._only], numbers, range(len(numbers))
            return
        places: dict[int, list[int]] = {}
        for place, number in enumerate(numbers):
            places.setdefault(self._table(number), []).append(place)
        for table, own in places.items():
            begin = self._begins[table]
            yield self._tables[table], [numbers[place] - begin for place in own], own


def _are_distinct(names: Column) -> bool:
    if not is_arrow(names):
        return len(set(names)) == len(names)
    if _have_distinct_digests(names):
        return True
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    distinct = len(pc.unique(names))  # takes half the time of count_distinct
    pa.default_memory_pool().release_unused()
    return distinct == len(names)


def _have_distinct_digests(names: Any) -> bool:
    """Return whether names of equal length, such as file ids, are surely distinct; five times faster."""
    import numpy as np
    import pyarrow.compute as pc

    data, count = text_data(names), len(names)
    words = len(data) // (8 * count) if count else 0
    if not words or set(pc.min_max(pc.binary_length(names)).as_py().values()) != {8 * words}:
        return False
    digests = np.zeros(count, np.uint64)
    for word in np.frombuffer(data, np.uint64).reshape(count, words).T:
        digests = (digests ^ word) * np.uint64(0x9E3779B97F4A7C15)
        digests ^= digests >> np.uint64(32)
    digests.sort()
    return bool((digests[1:] != digests[:-1]).all())
