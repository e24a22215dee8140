"""Reads a published table in its stored form. A row *stays* if it is copied without decoding and encoding."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import IO, Any, Final, Protocol

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.arrow_blocks import has_arrow
from airflow_provider_imagekit.io.arrow_tables import arrow_schema, import_pyarrow, read_batches, values_of
from airflow_provider_imagekit.io.tables import TableFormat, json_row
from airflow_provider_imagekit.io.text_columns import found, json_parts
from airflow_provider_imagekit.library.table.check import wrong_column
from airflow_provider_imagekit.library.table.coerce import iso
from airflow_provider_imagekit.library.table.patterns import line_pattern
from airflow_provider_imagekit.library.table.schema import COLUMNS, LISTING_COLUMNS, TYPES, Kind, Row, row_key

__all__ = ["APART", "KEPT", "REWRITTEN", "Known", "Piece", "Stored", "StoredTable", "rows_in", "stored_table"]

#: How a stored row is handled: it is decoded and rewritten; it stays; or it stays and begins a new piece.
REWRITTEN, KEPT, APART = 0, 1, 2

#: Some stored rows that stay: lines of JSON Lines, or a record batch of PyArrow.
Stored = Any
#: A row, or rows that stay as they are stored.
Piece = Row | Stored

_FILE_ID: Final = re.compile(rb'{"file_id":"([^"\\]+)"')
_NAMES = [column.name for column in COLUMNS]
_KIND = {column.name: column.kind for column in COLUMNS}
# EXIF makes rows large: this many take about 10 MB.
_BATCH: Final = 4096
_BLOCK: Final = 1 << 22
# The times that Python can hold, in milliseconds.
_TIMES: Final = range(-62_135_596_800_000, 253_402_300_800_000)


def rows_in(piece: Piece) -> int:
    """Return the number of rows in a piece."""
    if isinstance(piece, bytes):
        return piece.count(b"\n")
    rows: int = getattr(piece, "num_rows", 1)
    return rows


@dataclass(frozen=True, slots=True)
class Known:
    """
    Data that shows that a row stays, without decoding its values.

    :param listings: returns the worklist's listing for each key, or ``None``.
    :param patterns: patterns of the other columns, as
        :func:`~airflow_provider_imagekit.library.table.patterns.patterns_of` returns them.
    """

    listings: Callable[[Sequence[str]], list[bytes | None]]
    patterns: dict[str, str | None]


class StoredTable(Protocol):
    """A table in an open file; each iteration reads the file from the start."""

    def rows(self, known: Known | None = None) -> Iterator[tuple[str, Row | None, bool]]:
        """
        Yield the key of each row, the row, and whether it may stay as it is stored.

        A row that may stay can lack columns that are valid and do not affect the decision.

        :param known: identifies rows in which nothing has changed; their row is yielded as ``None``.
        """

    def pieces(self, marks: bytearray) -> Iterator[tuple[int, Piece]]:
        """
        Yield the table in pieces, each with the number of its first row.

        :param marks: for each row one of :data:`REWRITTEN`, :data:`KEPT` and :data:`APART`.
        """


def stored_table(stream: IO[bytes], form: TableFormat) -> StoredTable:
    """
    Return a table that this package wrote.

    :param stream: opened for reading bytes, seekable.
    :param form: JSON Lines or Parquet.
    """
    return StoredBatches(stream) if form is TableFormat.PARQUET else StoredLines(stream)


class StoredLines:
    """A table in JSON Lines: rows that stay are copied as lines."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def rows(self, known: Known | None = None) -> Iterator[tuple[str, Row | None, bool]]:
        """Yield each row; a row may stay if its line is formatted as this package writes it."""
        known = known if has_arrow() else None
        for numbers, lines in self._blocks():
            stay = _lines_that_stay(lines, known) if known and lines else repeat("")
            for number, line, key in zip(numbers, lines, stay, strict=False):
                if key:
                    yield key, None, True
                else:
                    row, may_stay = _read_line(line) or (_complete(json_row(line, number)), False)
                    yield row_key(row), row, may_stay

    def pieces(self, marks: bytearray) -> Iterator[tuple[int, Piece]]:
        """Yield rows that stay as bytes, split where another piece must begin."""
        first = 0
        for numbers, lines in self._blocks():
            for start, end, stays in _runs(marks[first : first + len(lines)]):
                if stays:
                    text = b"".join(lines[start:end])
                    yield first + start, text if text.endswith(b"\n") else text + b"\n"
                else:
                    for place in range(start, end):
                        yield first + place, _complete(json_row(lines[place], numbers[place]))
            first += len(lines)

    def _blocks(self) -> Iterator[tuple[Sequence[int], list[bytes]]]:
        """Yield blocks of non-blank lines (some megabytes, at least one line) with their line numbers."""
        self._stream.seek(0)
        begin = 1
        while lines := self._stream.readlines(_BLOCK):
            numbers: Sequence[int] = range(begin, begin + len(lines))
            begin += len(lines)
            if any(map(bytes.isspace, lines)):
                numbers = [number for number, line in zip(numbers, lines, strict=True) if not line.isspace()]
                lines = [line for line in lines if not line.isspace()]
            yield numbers, lines


def _runs(marks: bytearray) -> Iterator[tuple[int, int, bool]]:
    """Yield start and end of consecutive rows that form a piece, and whether they stay."""
    start = 0
    while start < len(marks):
        stays = marks[start] != REWRITTEN
        ends = (REWRITTEN, APART) if stays else (KEPT, APART)
        places = (marks.find(mark, start + 1) for mark in ends)
        end = min((place for place in places if place >= 0), default=len(marks))
        yield start, end, stays
        start = end


def _lines_that_stay(lines: list[bytes], known: Known) -> Iterator[str]:
    """Yield the key of each line that is known to stay, and an empty text for other lines."""
    ids = map(_FILE_ID.match, lines)
    keys = ["" if match is None else str(match[1], "utf-8", "replace") for match in ids]
    rests = [
        line[len(listing) - 1 :] if listing and line.startswith(listing[:-1]) else None
        for line, listing in zip(lines, known.listings(keys), strict=True)
    ]
    arrow = import_pyarrow()[0]
    try:
        texts = arrow.array(rests, arrow.large_binary()).cast(arrow.large_string())
    except arrow.ArrowInvalid:  # a line is not UTF-8
        return repeat("")
    stay = found(texts, line_pattern(known.patterns))
    return (key if stays else "" for key, stays in zip(keys, stay.to_pylist(), strict=True))


_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def _read_line(line: bytes) -> tuple[Row, bool] | None:
    """Return the row of a line that is formatted as this package writes it and has valid types."""
    try:
        text = line.decode()
        row, end = _scan(text, 0)
    except (ValueError, StopIteration, RecursionError):
        return None
    # An escape can encode half a surrogate pair. Most lines have no backslash, and testing that is faster.
    has_escape = "\\" in text and "\\u" in text
    as_written = type(row) is dict and list(row) == _NAMES and text[end:] in ("\n", "") and not has_escape
    return (row, True) if as_written and wrong_column(row) is None else None


def _complete(row: Row) -> Row:
    if "file_id" not in row or "deleted_at" not in row:
        raise ImageKitInputError(
            "The file at output_path is not a table that this operator wrote.",
            help="Choose another output_path, or overwrite the file once with full_refresh=True.",
        )
    return {name: row.get(name) for name in _NAMES}


class StoredBatches:
    """A table in Parquet: rows that stay are copied as slices of their record batches."""

    # Columns that decide whether a row stays, and columns whose values can be unreadable.
    _CHECKED = ("latitude", "longitude", "altitude", "exif", "other", "error", "deleted_at")
    _COMPARED = (*LISTING_COLUMNS, "captured_at", *_CHECKED)

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._arrow = import_pyarrow()[0]
        self._types = arrow_schema(TYPES).types

    def rows(self, known: Known | None = None) -> Iterator[tuple[str, Row | None, bool]]:
        """Yield each row; rows may stay if their batch has this package's columns and no invalid values."""
        for batch in self._batches():
            valid = self._is_valid(batch)
            stay = self._rows_that_stay(batch, known) if known and valid else [""] * batch.num_rows
            others = batch.filter(self._arrow.array([not key for key in stay], self._arrow.bool_()))
            rows = _rows_of(others.select(self._COMPARED) if valid else others)
            for key in stay:
                if key:
                    yield key, None, True
                else:
                    row = next(rows) if valid else _complete(next(rows))
                    yield row_key(row), row, valid

    def _rows_that_stay(self, batch: Any, known: Known) -> list[str]:
        """Return the key of each row that is known to stay, and an empty text for other rows."""
        from pyarrow import compute  # type: ignore[import-untyped]

        keys = [key or "" for key in batch.column("file_id").to_pylist()]
        listings = _listings_of(batch)
        if listings is None or not keys:
            return [""] * len(keys)
        text = self._arrow.large_string()
        stay = compute.equal(
            listings, self._arrow.array(known.listings(keys), self._arrow.large_binary()).cast(text)
        )
        for name in self._CHECKED:
            column, pattern = batch.column(name), known.patterns[name]
            fits = column.is_null()
            if pattern:
                fits = compute.or_kleene(fits, found(column.cast(text), f"^(?:{pattern})$"))
            stay = compute.and_kleene(stay, fits)
        return [key if stays else "" for key, stays in zip(keys, stay.to_pylist(), strict=True)]

    def pieces(self, marks: bytearray) -> Iterator[tuple[int, Piece]]:
        """Yield rows that stay as record batches, split where another piece must begin."""
        first = 0
        for batch in self._batches():
            for start, end, stays in _runs(marks[first : first + batch.num_rows]):
                part = batch.slice(start, end - start)
                if stays:
                    yield first + start, part
                else:
                    for place, row in enumerate(_rows_of(part), first + start):
                        yield place, _complete(row)
            first += batch.num_rows

    def _batches(self) -> Iterator[Any]:
        self._stream.seek(0)
        return read_batches(self._stream, _in_use, _BATCH)

    def _is_valid(self, batch: Any) -> bool:
        if batch.schema.names != _NAMES or batch.schema.types != self._types:
            return False
        try:
            batch.validate(full=True)
        except self._arrow.ArrowInvalid:
            return False
        from pyarrow import compute

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
        return list(texts.to_pylist())
    values = values_of(name, column)
    if kind is Kind.TIME:
        return (value and iso(value) for value in values)
    if kind is Kind.JSON:
        return (None if value is None else json.loads(value) for value in values)
    return values


def _listings_of(batch: Any) -> Any:
    """Return the listing columns of each row as JSON; ``None`` if a time is not in the usual form."""
    arrow = import_pyarrow()[0]
    from pyarrow import compute

    text = arrow.large_string()
    parts: list[Any] = []
    if _usual_times(batch.column("captured_at")) is None:
        return None
    for name in LISTING_COLUMNS:
        column, kind = batch.column(name), _KIND[name]
        if kind is Kind.TIME and (column := _usual_times(column)) is None:
            return None
        value = (
            json_parts(column.cast(text))
            if kind in (Kind.TEXT, Kind.TIME)
            else [column.cast(text).fill_null("null")]
        )
        parts += [f'{"," if parts else "{"}"{name}":', *value]
    constant = (arrow.scalar(part, text) if isinstance(part, str) else part for part in (*parts, "}", ""))
    return compute.binary_join_element_wise(*constant)


def _usual_times(column: Any) -> Any:
    """Return times as :func:`iso` writes them; ``None`` if the type or a value is not in the usual form."""
    arrow = import_pyarrow()[0]
    if column.type != arrow.timestamp("ms", "UTC"):
        return None
    from pyarrow import compute

    bounds = compute.min_max(column.cast(arrow.int64())).as_py().values()
    if any(bound is not None and bound not in _TIMES for bound in bounds):
        return None
    texts = compute.replace_substring(column.cast(arrow.timestamp("ms")).cast(arrow.large_string()), " ", "T")
    zone, nothing = (arrow.scalar(part, arrow.large_string()) for part in ("Z", ""))
    return compute.binary_join_element_wise(texts, zone, nothing)
