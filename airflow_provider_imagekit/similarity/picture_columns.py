"""Pictures as columns: names and hashes of all pictures, and attributes of selected ones on demand."""

from __future__ import annotations

import sys
from array import array
from binascii import unhexlify
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, Protocol

from airflow_provider_imagekit.io.text_columns import (
    Column,
    are_blank,
    concatenated,
    filtered,
    has_blanks,
    is_arrow,
    last_places,
    listed,
    names_of,
    taken,
    text_data,
    without_blanks,
)
from airflow_provider_imagekit.phash import PHASH_BITS, PHash
from airflow_provider_imagekit.similarity.pairs.pairs import picked
from airflow_provider_imagekit.similarity.records import (
    ALIASES,
    HashRecord,
    check_columns,
    nameless,
    parse_phash,
    usual_columns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    Columns = Callable[[Sequence[str]], Collection[str]]

__all__ = ["Attributes", "KeptColumns", "Pictures", "Table", "TakenAttributes", "read_pictures"]

_DIGITS: Final = PHASH_BITS // 4
_NO_HASH: Final = "0" * _DIGITS


class Attributes(Protocol):
    """Columns of pictures other than names and hashes, by the number of the picture."""

    def load(self, names: Collection[str], numbers: Sequence[int]) -> None:
        """Load columns of some pictures, unless they are loaded."""

    def values(self, name: str, numbers: Sequence[int]) -> Column:
        """Return a column of pictures for which it was loaded; ``None`` where there is no value."""

    def loaded(self) -> Collection[str]:
        """Return the columns that are available."""


class Table(Protocol):
    """A table that can be read by columns, as ``io.object_storage.StoredTable`` is."""

    @property
    def can_take(self) -> bool:
        """Return whether columns of selected rows can be read later."""

    def columns(self, columns: Columns) -> Iterator[dict[str, Column]]:
        """Yield rows as columns."""

    def take(self, names: Iterable[str], rows: Any) -> Any:
        """Return columns of selected rows."""


class Pictures:
    """
    Pictures of one table.

    :param ids: their names, as a column.
    :param bits: their hashes; 0 for those without one.
    :param without: numbers of the pictures without a hash.
    :param attributes: their other columns.
    """

    def __init__(
        self, ids: Column, bits: array[int], without: Collection[int], attributes: Attributes
    ) -> None:
        self.ids = ids
        self.bits = bits
        self.without = without
        self.attributes = attributes

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of_records(cls, records: Iterable[HashRecord]) -> Pictures:
        """Convert records to pictures."""
        records = list(records)
        return cls(
            [record.id for record in records],
            array("Q", (record.phash.bits if record.phash else 0 for record in records)),
            {number for number, record in enumerate(records) if record.phash is None},
            _OfRecords(records),
        )

    def values(self, name: str, numbers: Sequence[int]) -> Column:
        """
        Return a property of some pictures.

        :param name: ``path``, ``created``, ``size``, or any column; it must be loaded.
        :param numbers: the pictures.
        :return: its values as a column; ``None`` where it is absent or blank.
        """
        there = [column for column in ALIASES.get(name, (name,)) if column in self.attributes.loaded()]
        columns = [self.attributes.values(column, numbers) for column in there]
        if len(columns) == 1 and is_arrow(columns[0]):
            return without_blanks(columns[0])
        values: list[Any] = [None] * len(numbers)
        for others in map(listed, columns):
            values = [
                (None if other == "" else other) if value is None else value
                for value, other in zip(values, others, strict=True)
            ]
        return values

    def load(self, properties: Iterable[str], numbers: Sequence[int]) -> None:
        """Load properties of some pictures, unless they are loaded."""
        names = {column for name in properties for column in ALIASES.get(name, (name,))}
        self.attributes.load(names, numbers)

    def phash(self, number: int) -> PHash | None:
        """Return the hash of a picture."""
        return None if number in self.without else PHash(self.bits[number])

    def records(self, numbers: Sequence[int]) -> list[HashRecord]:
        """Return the records of pictures, with the attributes that are loaded."""
        if isinstance(self.attributes, _OfRecords):
            return list(map(self.attributes.records.__getitem__, numbers))
        names = list(self.attributes.loaded())
        columns = [listed(self.attributes.values(name, numbers)) for name in names]
        rows = zip(*columns, strict=True) if columns else repeat((), len(numbers))
        ids = listed(taken(self.ids, numbers))
        return [
            HashRecord(name, self.phash(number), dict(zip(names, row, strict=True)))
            for name, number, row in zip(ids, numbers, rows, strict=True)
        ]

    def not_in(self, known: Pictures) -> Pictures:
        """Return the pictures that are not among known ones, or have a different hash there."""
        place = last_places(known.ids, self.ids)
        numbers = array("q", (n for n, at in enumerate(place) if at < 0 or known.phash(at) != self.phash(n)))
        without = {place for place, number in enumerate(numbers) if number in self.without}
        ids, bits = taken(self.ids, numbers), picked(self.bits, numbers)
        return Pictures(ids, bits, without, _Renumbered(self.attributes, numbers))


class _Renumbered:
    def __init__(self, attributes: Attributes, numbers: array[int]) -> None:
        self._attributes = attributes
        self._numbers = numbers
        self.loaded = attributes.loaded

    def load(self, names: Collection[str], numbers: Sequence[int]) -> None:
        self._attributes.load(names, picked(self._numbers, numbers))

    def values(self, name: str, numbers: Sequence[int]) -> Column:
        return self._attributes.values(name, picked(self._numbers, numbers))


class _OfRecords:
    def __init__(self, records: list[HashRecord]) -> None:
        self.records = records
        self._names: dict[str, None] = {}

    def load(self, names: Collection[str], numbers: Sequence[int]) -> None:  # noqa: ARG002
        self._names |= dict.fromkeys(names)

    def values(self, name: str, numbers: Sequence[int]) -> list[Any]:
        return [self.records[number].attributes.get(name) for number in numbers]

    def loaded(self) -> Collection[str]:
        return self._names


class KeptColumns:
    """Columns of all pictures, in memory."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {}
        self._count = 0

    def add(self, chunk: Mapping[str, Column], kept: bytes) -> None:
        """Add columns of further rows; ``kept`` has a 1 for each row that is a picture."""
        for name, values in chunk.items():
            column = self._columns.setdefault(name, [])
            column += [None] * (self._count - len(column))
            column += listed(filtered(values, kept))
        self._count += kept.count(1)

    def load(self, names: Collection[str], numbers: Sequence[int]) -> None:
        """Do nothing: all columns are in memory."""

    def values(self, name: str, numbers: Sequence[int]) -> list[Any]:
        """Return a column of some pictures."""
        column = self._columns[name]
        column += [None] * (self._count - len(column))
        return list(map(column.__getitem__, numbers))

    def loaded(self) -> Collection[str]:
        """Return the columns that are available."""
        return self._columns


class TakenAttributes:
    """
    Columns of selected pictures, which are read from the table on demand; needs NumPy.

    :param table: the table, which stays open.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._is_picture: Any = []  # bytes for each batch; later, the row of each picture
        self._taken: dict[str, Any] = {}
        self._absent = set[str]()  # columns that the table lacks
        self._last: tuple[Any, Any] = (None, None)  # the last requested pictures, and their rows

    def add(self, chunk: Mapping[str, Column], kept: bytes) -> None:  # noqa: ARG002
        """Record which of further rows are pictures."""
        self._is_picture.append(kept)

    def _rows(self, numbers: Sequence[int]) -> Any:
        """Return the rows of pictures in the table."""
        import numpy as np

        if numbers is self._last[0]:  # one column after the other is read for the same pictures
            return self._last[1]
        if isinstance(self._is_picture, list):
            self._is_picture = np.flatnonzero(np.frombuffer(b"".join(self._is_picture), bool))
        self._last = numbers, self._is_picture[np.asarray(numbers, dtype=np.int64)]
        return self._last[1]

    def load(self, names: Collection[str], numbers: Sequence[int]) -> None:
        """Read the columns that are not loaded for these pictures."""
        import numpy as np

        rows = np.sort(self._rows(numbers))
        covering = {taken for taken in {*self._taken.values()} if taken.cover(rows)}
        missing = {name for name in names if self._taken.get(name) not in covering} - self._absent
        for name in missing:
            self._taken.pop(name, None)
        if missing and len(rows):
            taken = self._table.take(missing, rows)
            self._taken |= dict.fromkeys(taken.names, taken)
            self._absent |= missing.difference(taken.names)

    def values(self, name: str, numbers: Sequence[int]) -> Column:
        """Return a column of some pictures."""
        return self._taken[name].values(name, self._rows(numbers))

    def loaded(self) -> Collection[str]:
        """Return the columns that were read."""
        return self._taken


def read_pictures(
    chunks: Iterable[Mapping[str, Column]],
    attributes: KeptColumns | TakenAttributes,
    *,
    id_column: str = "",
    phash_column: str = "",
) -> Pictures:
    """
    Read pictures from a table's columns; rows with a ``deleted_at`` are skipped.

    :param chunks: the rows as columns.
    :param attributes: receives the other columns.
    :param id_column: as for :func:`~airflow_provider_imagekit.similarity.records.read_records`.
    :param phash_column: likewise.
    :raises ImageKitInputError: if a column is missing, a name is blank or a hash is malformed; names the row.
    """
    ids: list[Column] = []
    bits, without, first = array("Q"), set[int](), 1
    for chunk in chunks:
        if first == 1:
            id_column, phash_column = usual_columns(chunk, id_column, phash_column)
            check_columns(chunk, id_column, phash_column)
        if not chunk:  # all rows are empty objects
            raise nameless(first, id_column, chunk)
        rows = len(next(iter(chunk.values())))
        names, hashes = (chunk.get(column, [None] * rows) for column in (id_column, phash_column))
        kept = are_blank(chunk["deleted_at"]) if "deleted_at" in chunk else b"\x01" * rows
        values = filtered(hashes, kept)
        parsed = None if has_blanks(names) else _parse_all(values)
        if parsed is None:
            each = zip(listed(names), listed(hashes), kept, strict=True)
            parsed = _parse_each(each, first, id_column, chunk), _blanks(listed(values))
        without.update(len(bits) + place for place in parsed[1])
        bits += parsed[0]
        ids.append(names_of(filtered(names, kept)))
        others = {name: column for name, column in chunk.items() if name not in (id_column, phash_column)}
        attributes.add(others, kept)
        first += rows
    return Pictures(concatenated(ids), bits, without, attributes)


def _parse_all(values: Column) -> tuple[array[int], list[int]] | None:
    """Return hashes of 16 digits and the places of absent ones; ``None`` if any hash has another form."""
    if is_arrow(values):
        return _parse_array(values)
    blanks = _blanks(values)
    if blanks:
        values = [_NO_HASH if value is None or value == "" else value for value in values]
    try:
        digits = "".join(values)
        packed = bytes.fromhex(digits) if set(map(len, values)) <= {_DIGITS} else b""
    except (TypeError, ValueError):
        return None
    # bytes.fromhex skips white space between digits.
    return (_unpacked(packed), blanks) if 2 * len(packed) == len(digits) else None


def _blanks(values: list[Any]) -> list[int]:
    return [place for place, value in enumerate(values) if value is None or value == ""]


def _parse_array(values: Any) -> tuple[array[int], list[int]] | None:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import compute

    if not pa.types.is_large_string(values.type):
        return _parse_all(values.to_pylist())
    blanks = compute.indices_nonzero(compute.equal(compute.binary_length(values).fill_null(0), 0)).to_pylist()
    if blanks:
        values = compute.if_else(compute.equal(values.fill_null(""), ""), _NO_HASH, values)
    if compute.any(compute.not_equal(compute.binary_length(values), _DIGITS)).as_py():
        return None
    try:
        return _unpacked(unhexlify(text_data(values))), blanks
    except ValueError:
        return None


def _unpacked(packed: bytes) -> array[int]:
    bits = array("Q", packed)
    if sys.byteorder == "little":
        bits.byteswap()
    return bits


def _parse_each(
    rows: Iterable[tuple[Any, Any, int]], first: int, id_column: str, names: Collection[str]
) -> array[int]:
    """Parse hashes row by row, so that the error names the first invalid row."""
    bits = array("Q")
    for number, (name, value, kept) in enumerate(rows, first):
        if name is None or name == "":
            raise nameless(number, id_column, names)
        if kept:
            phash = parse_phash(value, number)
            bits.append(phash.bits if phash else 0)
    return bits
