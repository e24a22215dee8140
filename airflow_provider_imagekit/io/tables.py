"""Reads and writes tables (JSON Lines, CSV, Parquet) in open files, by rows or by columns."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain, islice, repeat, zip_longest
from pathlib import PurePosixPath
from typing import IO, Any, cast

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.arrow_blocks import (
    TextColumns,
    blocks_of,
    csv_names,
    has_arrow,
    read_csv_block,
    read_json_block,
)
from airflow_provider_imagekit.io.arrow_tables import (
    import_pyarrow,
    read_batches,
    usual_values,
    values_of,
    write_parquet,
)
from airflow_provider_imagekit.io.text_columns import csv_texts, is_arrow, joined, json_parts, json_text

__all__ = [
    "Chunk",
    "Columns",
    "TableFormat",
    "check_format",
    "columns_needed",
    "columns_of",
    "format_of",
    "json_line",
    "json_row",
    "json_text",
    "read_columns",
    "read_rows",
    "storable",
    "write_columns",
    "write_rows",
]

#: Selects the columns to read from the names of all columns of a table.
Columns = Callable[[Sequence[str]], Collection[str]]
#: Rows as columns of equal length, by name.
Chunk = Mapping[str, Any]

_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_CELL = 1 << 30

# Rows in memory at a time: complete rows (about 10 MB with EXIF), or only the columns in use.
_BATCH, _COLUMN_BATCH = 4096, 1 << 16


class TableFormat(StrEnum):
    """Table formats; each value is also the usual extension of the file name."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def format_of(name: str) -> TableFormat:
    """
    Return a table's format by the extension of its name: ``.jsonl`` or ``.ndjson``, ``.csv``, ``.parquet``.

    :raises ImageKitInputError: for other extensions.
    """
    ending = PurePosixPath(name).suffix.lower().removeprefix(".")
    if ending in {"ndjson", "jsonlines"}:
        return TableFormat.JSONL
    if ending not in list(TableFormat):
        raise ImageKitInputError(
            f"The extension of {name[-200:]!r} is not a known table format.",
            help="Use .jsonl, .csv or .parquet.",
        )
    return TableFormat(ending)


def check_format(table_format: str) -> None:
    """
    Check that tables of a format can be read and written here.

    :param table_format: one of :class:`TableFormat`.
    :raises ImageKitInputError: for Parquet, if PyArrow is missing.
    """
    if TableFormat(table_format) is TableFormat.PARQUET:
        import_pyarrow()


def read_rows(
    file: IO[bytes] | IO[str], table_format: str, columns: Columns | None = None
) -> Iterator[dict[str, Any]]:
    """
    Yield a table's rows as dictionaries, whose texts contain no unpaired surrogates.

    :param file: opened for reading; as text or as bytes (UTF-8), Parquet as bytes and seekable.
    :param table_format: one of :class:`TableFormat`.
    :param columns: selects the columns to read from a Parquet file; all by default.
    :raises ImageKitInputError: if the content cannot be read, so a retry would fail too, or PyArrow is
        missing for Parquet. I/O errors of the file are raised unchanged.
    """
    form = TableFormat(table_format)
    if form is TableFormat.PARQUET:
        return _read_parquet(cast("IO[bytes]", file), columns)
    rows = (_read_csv if form is TableFormat.CSV else _read_jsonl)(file)
    return _storable_rows(rows) if isinstance(file.read(0), str) else rows


def columns_needed(needed: Iterable[str], others: Iterable[str] = ()) -> Columns:
    """
    Return a function that selects columns; it selects all if one is missing, so that an error can list them.

    :param needed: required columns.
    :param others: optional columns.
    """
    all_needed = frozenset(needed)
    chosen = all_needed | frozenset(others)
    return lambda names: [name for name in names if name in chosen] if all_needed <= {*names} else names


def storable(value: Any) -> Any:
    """
    Return a value of JSON types with a replacement character for each unpaired surrogate.

    Such a surrogate cannot be written to a file, so it would fail a run after all its work.
    """
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value


def write_rows(
    file: IO[bytes],
    rows: Iterable[Mapping[str, Any]],
    columns: Mapping[str, type],
    table_format: str,
    *,
    row_group: int = 50_000,
) -> int:
    """
    Write rows as a table.

    :param file: opened for writing bytes.
    :param rows: dictionaries; a column that a row lacks is null.
    :param columns: name and type of each column, in order: ``int``, ``float``, ``str``, ``bool``, or for
        Parquet ``datetime`` with a time zone.
    :param table_format: one of :class:`TableFormat`.
    :param row_group: rows in a row group of Parquet, which are in memory together.
    :return: number of rows written.
    :raises ImageKitInputError: for Parquet, if PyArrow is missing.
    """
    remaining = iter(rows)
    chunks = (
        {name: [row.get(name) for row in group] for name in columns}
        for group in iter(lambda: list(islice(remaining, row_group)), [])
    )
    return write_columns(file, chunks, columns, table_format)


def write_columns(
    file: IO[bytes], chunks: Iterable[Chunk], columns: Mapping[str, type], table_format: str
) -> int:
    """
    Write a table whose rows are given as columns.

    :param file: opened for writing bytes.
    :param chunks: some rows each, with every column of ``columns``.
    :param columns: see :func:`write_rows`.
    :param table_format: one of :class:`TableFormat`.
    :return: number of rows written.
    :raises ImageKitInputError: for Parquet, if PyArrow is missing.
    """
    form = TableFormat(table_format)
    if form is TableFormat.PARQUET:
        return write_parquet(file, chunks, columns)
    return (_write_csv if form is TableFormat.CSV else _write_jsonl)(file, chunks, columns)


def read_columns(file: IO[bytes], table_format: str, columns: Columns) -> Iterator[dict[str, Any]]:
    """
    Yield a table's rows as columns, some thousand rows at a time: PyArrow arrays if PyArrow can read them,
    else lists.

    :param file: opened for reading bytes; Parquet seekable.
    :param table_format: one of :class:`TableFormat`.
    :param columns: selects the columns to return.
    :raises ImageKitInputError: as :func:`read_rows` does.
    """
    if TableFormat(table_format) is TableFormat.PARQUET:
        for batch in read_batches(file, columns, _COLUMN_BATCH):
            named = zip(batch.schema.names, batch.columns, strict=True)
            yield {name: usual_values(name, column) for name, column in named}
    elif TableFormat(table_format) is TableFormat.CSV:
        yield from _csv_columns(file, columns)
    elif has_arrow() and isinstance(columns, TextColumns):
        yield from _json_columns(file, columns)
    else:
        yield from columns_of(read_rows(file, table_format), columns)


def columns_of(rows: Iterable[Mapping[str, Any]], columns: Columns) -> Iterator[dict[str, list[Any]]]:
    """
    Yield rows as columns, some thousand rows at a time.

    :param rows: dictionaries; a column that a row lacks is null.
    :param columns: selects the columns to return, separately for each chunk of rows.
    """
    remaining = iter(rows)
    while chunk := list(islice(remaining, _BATCH)):
        names = columns(list(dict.fromkeys(chain.from_iterable(chunk))))
        yield {name: [row.get(name) for row in chunk] for name in names}


def json_line(value: Any) -> bytes:
    """Return a value as one line of JSON."""
    return json_text(value).encode() + b"\n"


def json_row(line: str | bytes, number: int) -> dict[str, Any]:
    """
    Return the row of a line of JSON Lines.

    :param line: the line.
    :param number: number of the line, for the error.
    :raises ImageKitInputError: if the line is not a JSON object.
    """
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ImageKitInputError(f"Line {number} is not valid JSON: {error}.") from None
    except RecursionError:
        raise ImageKitInputError(f"Line {number} is nested too deeply.") from None
    if not isinstance(row, dict):
        raise ImageKitInputError(f"Line {number} is not a JSON object.")
    return storable(row) if ("\\" if isinstance(line, str) else b"\\") in line else row  # type: ignore[operator]


def _read_parquet(file: IO[bytes], columns: Columns | None) -> Iterator[dict[str, Any]]:
    for batch in read_batches(file, columns, _BATCH):
        names = batch.schema.names
        values = [values_of(name, column) for name, column in zip(names, batch.columns, strict=True)]
        yield from (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))


def _storable_rows(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    try:
        yield from map(storable, rows)
    except UnicodeError as error:
        raise ImageKitInputError(f"A row cannot be read: {error}.") from None


def _read_jsonl(file: IO[bytes] | IO[str], before: int = 0) -> Iterator[dict[str, Any]]:
    lines: Iterable[Any] = file
    for number, line in enumerate(lines, start=before + 1):
        if line.strip():
            yield json_row(line, number)


def _read_csv(file: IO[bytes] | IO[str]) -> Iterator[dict[str, Any]]:
    if isinstance(file.read(0), str):
        yield from _csv_rows(cast("IO[str]", file))
        return
    with _csv_text(cast("IO[bytes]", file)) as text:
        yield from _csv_rows(text)


@contextmanager
def _csv_text(file: IO[bytes]) -> Iterator[IO[str]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield text
    finally:
        if not text.closed:
            text.detach()  # otherwise it would close the caller's file


def _csv_rows(text: IO[str]) -> Iterator[dict[str, Any]]:
    rows = _cells(text)
    names = next(rows, [])
    yield from (_csv_row(names, row) for row in rows if row)


def _csv_row(names: list[str], cells: list[str]) -> dict[Any, Any]:
    """Return a row as ``csv.DictReader`` does: cells without a column name are under ``None``."""
    row: dict[Any, Any] = dict(zip_longest(names, cells[: len(names)]))
    return row if len(cells) <= len(names) else row | {None: cells[len(names) :]}


def _csv_columns(file: IO[bytes], columns: Columns) -> Iterator[dict[str, Any]]:
    """Yield the same columns as :func:`columns_of`, without a dictionary for each row."""
    names: list[str] = []
    begin, line = 0, 0
    for block in blocks_of(file) if has_arrow() else ():
        rows = block
        if not begin:
            head, _, rows = block.removeprefix(codecs.BOM_UTF8).partition(b"\n")
            names = csv_names(head)
        blank = not rows or rows.isspace()  # without rows, no column counts as missing
        cells = read_csv_block(rows, names, list(columns(names))) if names and not blank else None
        if cells is None:  # Python's reader continues from here, between two rows
            break
        yield cells
        begin, line = begin + len(block), line + block.count(b"\n")
    file.seek(begin)
    with _csv_text(file) as text:
        yield from _plain_csv_columns(_cells(text, line), names if begin else None, columns)


def _plain_csv_columns(
    rows: Iterator[list[str]], names: list[str] | None, columns: Columns
) -> Iterator[dict[str, Any]]:
    names = next(rows, []) if names is None else names
    while chunk := list(islice(rows, _BATCH)):
        filled = [row for row in chunk if row]
        if set(map(len, filled)) == {len(names)}:
            cells = dict(zip(names, zip(*filled, strict=True), strict=True))
            yield {name: list(cells[name]) for name in columns(list(cells))}
        else:
            yield from columns_of((_csv_row(names, row) for row in filled), columns)


def _json_columns(file: IO[bytes], columns: TextColumns) -> Iterator[dict[str, Any]]:
    line = 0
    for block in blocks_of(file):
        cells = read_json_block(block, columns)
        if cells:
            yield cells
            line += len(next(iter(cells.values())))
        else:
            yield from columns_of(_read_jsonl(io.BytesIO(block), line), columns)
            line += block.count(b"\n")


def _cells(text: IO[str], before: int = 0) -> Iterator[list[str]]:
    """Yield the cells of rows; ``before`` is the number of earlier lines, for the line number in errors."""
    # The limit applies to the whole process, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL))
    rows = csv.reader(text)
    try:
        yield from rows
    except (csv.Error, UnicodeError) as error:
        raise ImageKitInputError(f"Line {before + rows.line_num + 1} cannot be read: {error}.") from None


def _write_jsonl(file: IO[bytes], chunks: Iterable[Chunk], columns: Mapping[str, type]) -> int:
    heads = [f"{',' if place else '{'}{json_text(name)}:" for place, name in enumerate(columns)]
    count = 0
    for chunk in chunks:
        cells = (json_parts(chunk[name]) for name in columns)
        parts = chain.from_iterable((head, *cell) for head, cell in zip(heads, cells, strict=True))
        file.write(joined([*parts, "}\n"]))
        count += len(chunk[next(iter(columns))])
    return count


def _write_csv(file: IO[bytes], chunks: Iterable[Chunk], columns: Mapping[str, type]) -> int:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(columns)
        count = 0
        for chunk in chunks:
            cells = [chunk[name] for name in columns]
            count += len(cells[0])
            if any(map(is_arrow, cells)):
                ends = [*repeat(",", len(cells) - 1), "\r\n"]
                parts = zip(map(csv_texts, cells), ends, strict=True)
                file.write(joined(chain.from_iterable(parts)))
            else:
                writer.writerows(zip(*cells, strict=True))
        return count
    finally:
        text.detach()  # otherwise it would close the caller's file
