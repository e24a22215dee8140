"""A published table as it is stored: rows that stay as they are go into the next one as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, Final, Protocol

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.arrow_tables import arrow_schema, import_pyarrow, read_batches, values_of
from airflow_provider_imagekit.io.tables import TableFormat, json_row
from airflow_provider_imagekit.library.table.check import wrong_column
from airflow_provider_imagekit.library.table.coerce import iso
from airflow_provider_imagekit.library.table.schema import COLUMNS, LISTING_COLUMNS, TYPES, Kind, Row

__all__ = ["APART", "KEPT", "REWRITTEN", "Piece", "Stored", "StoredTable", "rows_in", "stored_table"]

#: What becomes of a stored row: it is read to be written again, or it stays; or it stays and begins a piece.
REWRITTEN, KEPT, APART = 0, 1, 2

#: Some stored rows that stay: a line of JSON Lines, or a record batch of PyArrow.
Stored = Any
#: A row, or rows that stay as they are stored.
Piece = Row | Stored

_NAMES = [column.name for column in COLUMNS]
_KIND = {column.name: column.kind for column in COLUMNS}
# EXIF makes the rows large: that many are some 10 MB.
_BATCH: Final = 4096
# The times that Python can hold, in milliseconds.
_TIMES: Final = range(-62_135_596_800_000, 253_402_300_800_000)


def rows_in(piece: Piece) -> int:
    """Return how many rows a piece is."""
    rows: int = getattr(piece, "num_rows", 1)
    return rows


class StoredTable(Protocol):
    """A table in an opened file, which it reads from the start each time."""

    def rows(self) -> Iterator[tuple[Row, bool]]:
        """
        Yield each row, and whether it may stay as it is stored.

        A row that may can lack columns that neither decide about it nor are wrong.
        """

    def pieces(self, marks: bytearray) -> Iterator[tuple[int, Piece]]:
        """
        Yield the table again, with the number of each piece's first row.

        :param marks: for each row one of :data:`REWRITTEN`, :data:`KEPT` and :data:`APART`.
        """


def stored_table(stream: IO[bytes], form: TableFormat) -> StoredTable:
    """
    Return a table that this package wrote.

    :param stream: opened for reading bytes, and able to seek.
    :param form: JSON Lines or Parquet.
    """
    return StoredBatches(stream) if form is TableFormat.PARQUET else StoredLines(stream)


class StoredLines:
    """A table in JSON Lines: a row that stays is copied as its line."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def rows(self) -> Iterator[tuple[Row, bool]]:
        """Yield each row; one may stay if its line is as this package writes it."""
        for number, line in self._lines():
            yield _read_line(line) or (_complete(json_row(line, number)), False)

    def pieces(self, marks: bytearray) -> Iterator[tuple[int, Piece]]:
        """Yield rows that stay as bytes."""
        for place, (number, line) in enumerate(self._lines()):
            if marks[place]:
                yield place, line if line.endswith(b"\n") else line + b"\n"
            else:
                yield place, _complete(json_row(line, number))

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        self._stream.seek(0)
        for number, line in enumerate(self._stream, 1):
            if not line.isspace():
                yield number, line


_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def _read_line(line: bytes) -> tuple[Row, bool] | None:
    """Return a line's row if it is as this package writes it and its values are of their columns' types."""
    try:
        text = line.decode()
        row, end = _scan(text, 0)
    except (ValueError, StopIteration, RecursionError):
        return None
    # An escape may stand for half a character. Most lines have no backslash at all, which is found faster.
    has_escape = "\\" in text and "\\u" in text
    as_written = type(row) is dict and list(row) == _NAMES and text[end:] in ("\n", "") and not has_escape
    return (row, True) if as_written and wrong_column(row) is None else None


def _complete(row: Row) -> Row:
    if "file_id" not in row or "deleted_at" not in row:
        raise ImageKitInputError(
            "The file at output_path is not a table of this operator.",
            help="Choose another output_path, or overwrite the file once with full_refresh=True.",
        )
    return {name: row.get(name) for name in _NAMES}


class StoredBatches:
    """A table in Parquet: rows that stay are copied as slices of their record batches."""

    # What decides about a row, and what a value can make unreadable.
    _READ = (*LISTING_COLUMNS, "latitude", "longitude", "altitude", "captured_at", "exif", "other")
    _COMPARED = (*_READ, "error", "deleted_at")

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._arrow = import_pyarrow()[0]
        self._types = arrow_schema(TYPES).types

    def rows(self) -> Iterator[tuple[Row, bool]]:
        """Yield each row; it may stay if the batch has this package's columns and no broken values."""
        for batch in self._batches():
            whole = self._is_sound(batch)
            for row in _rows_of(batch.select(self._COMPARED) if whole else batch):
                yield row if whole else _complete(row), whole

    def pieces(self, marks: bytearray) -> Iterator[tuple[int, Piece]]:
        """Yield rows that stay as record batches, which end where another piece is to begin."""
        first = 0
        for batch in self._batches():
            here, start = bytes(marks[first : first + batch.num_rows]), 0
            while start < len(here):
                stays = here[start] != REWRITTEN
                ends = (REWRITTEN, APART) if stays else (KEPT, APART)
                found = (here.find(mark, start + 1) for mark in ends)
                end = min((place for place in found if place >= 0), default=len(here))
                part = batch.slice(start, end - start)
                if stays:
                    yield first + start, part
                else:
                    for place, row in enumerate(_rows_of(part), first + start):
                        yield place, _complete(row)
                start = end
            first += len(here)

    def _batches(self) -> Iterator[Any]:
        self._stream.seek(0)
        return read_batches(self._stream, _in_use, _BATCH)

    def _is_sound(self, batch: Any) -> bool:
        if batch.schema.names != _NAMES or batch.schema.types != self._types:
            return False
        try:
            batch.validate(full=True)
        except self._arrow.ArrowInvalid:
            return False
        from pyarrow import compute  # type: ignore[import-untyped]

        numbers = (batch.column(name) for name, kind in _KIND.items() if kind is Kind.NUMBER)
        return all(compute.all(compute.is_finite(column), min_count=0).as_py() for column in numbers)


def _in_use(names: Sequence[str]) -> Sequence[str]:
    ours = [name for name in _NAMES if name in names]
    return ours if "file_id" in ours and "deleted_at" in ours else names


def _rows_of(batch: Any) -> Iterator[Row]:
    names = batch.schema.names
    columns = [_values(name, column) for name, column in zip(names, batch.columns, strict=True)]
    return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def _values(name: str, column: Any) -> Iterable[Any]:
    kind = _KIND.get(name)
    if kind is Kind.TIME and (texts := _usual_times(column)) is not None:
        return texts
    values = values_of(name, column)
    if kind is Kind.TIME:
        return (value and iso(value) for value in values)
    if kind is Kind.JSON:
        return (None if value is None else json.loads(value) for value in values)
    return values


def _usual_times(column: Any) -> list[str | None] | None:
    """Return times as :func:`iso` writes them; ``None`` where the type or a value is not this package's."""
    arrow = import_pyarrow()[0]
    if column.type != arrow.timestamp("ms", "UTC"):
        return None
    from pyarrow import compute

    bounds = compute.min_max(column.cast(arrow.int64())).as_py().values()
    if any(bound is not None and bound not in _TIMES for bound in bounds):
        return None
    texts = column.cast(arrow.timestamp("ms")).cast(arrow.string()).to_pylist()
    return [text and f"{text[:10]}T{text[11:]}Z" for text in texts]
