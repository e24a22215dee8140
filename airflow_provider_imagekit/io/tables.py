"""Tables in opened files, read and written by rows or by columns: JSON Lines, CSV, Parquet."""

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

#: Returns the names of the columns to read, of those that a table has.
Columns = Callable[[Sequence[str]], Collection[str]]
#: Rows as columns of one length, by their names.
Chunk = Mapping[str, Any]

_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_CELL = 1 << 30

# Rows that are read into memory at a time, whole (EXIF makes it some 10 MB) or in the columns in use.
_BATCH, _COLUMN_BATCH = 4096, 1 << 16


class TableFormat(StrEnum):
    """A form of table; each is also the usual ending of its files' names."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def format_of(name: str) -> TableFormat:
    """
    Return a table's form by the ending of its name: ``.jsonl`` or ``.ndjson``, ``.csv``, ``.parquet``.

    :raises ImageKitInputError: for other endings.
    """
    ending = PurePosixPath(name).suffix.lower().removeprefix(".")
    if ending in {"ndjson", "jsonlines"}:
        return TableFormat.JSONL
    if ending not in list(TableFormat):
        raise ImageKitInputError(
            f"The ending of {name[-200:]!r} names no form of table.", help="Use .jsonl, .csv or .parquet."
        )
    return TableFormat(ending)


def check_format(table_format: str) -> None:
    """
    Make sure that tables of a form can be read and written here.

    :param table_format: one of :class:`TableFormat`.
    :raises ImageKitInputError: if Parquet's library is missing.
    """
    if TableFormat(table_format) is TableFormat.PARQUET:
        import_pyarrow()


def read_rows(
    file: IO[bytes] | IO[str], table_format: str, columns: Columns | None = None
) -> Iterator[dict[str, Any]]:
    """
    Yield a table's rows as dictionaries, whose texts hold no surrogate without its pair.

    :param file: opened for reading; as text or as bytes (UTF-8), Parquet as bytes and able to seek.
    :param table_format: one of :class:`TableFormat`.
    :param columns: which columns of a Parquet file to read; all unless given.
    :raises ImageKitInputError: if the table cannot be read, which another try does not change, or Parquet's
        library is missing. What the file itself raises is raised as it is.
    """
    form = TableFormat(table_format)
    if form is TableFormat.PARQUET:
        return _read_parquet(cast("IO[bytes]", file), columns)
    rows = (_read_csv if form is TableFormat.CSV else _read_jsonl)(file)
    return _storable_rows(rows) if isinstance(file.read(0), str) else rows


def columns_needed(needed: Iterable[str], others: Iterable[str] = ()) -> Columns:
    """
    Return what chooses columns; it chooses all where one is missing, so that an error can list them.

    :param needed: the columns without which a row is refused.
    :param others: columns that are read where they are.
    """
    all_needed = frozenset(needed)
    chosen = all_needed | frozenset(others)
    return lambda names: [name for name in names if name in chosen] if all_needed <= {*names} else names


def storable(value: Any) -> Any:
    """
    Return a value of JSON types with a replacement character for each surrogate without its pair.

    No file takes such a surrogate, and it would end a run after all its work.
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
    :param row_group: rows of a row group of Parquet, which are in memory together.
    :return: how many rows were written.
    :raises ImageKitInputError: if Parquet's library is missing.
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
    Write a table whose rows come as columns.

    :param file: opened for writing bytes.
    :param chunks: some rows each; every column of ``columns`` is in it.
    :param columns: as :func:`write_rows` takes it.
    :param table_format: one of :class:`TableFormat`.
    :return: how many rows were written.
    :raises ImageKitInputError: if Parquet's library is missing.
    """
    form = TableFormat(table_format)
    if form is TableFormat.PARQUET:
        return write_parquet(file, chunks, columns)
    return (_write_csv if form is TableFormat.CSV else _write_jsonl)(file, chunks, columns)


def read_columns(file: IO[bytes], table_format: str, columns: Columns) -> Iterator[dict[str, Any]]:
    """
    Yield a table's rows as columns, some thousand rows at a time: arrays of PyArrow where it can read them,
    else lists.

    :param file: opened for reading bytes; Parquet able to seek.
    :param table_format: one of :class:`TableFormat`.
    :param columns: which columns to return, of those that there are.
    :raises ImageKitInputError: as :func:`read_rows` does.
    """
    if TableFormat(table_format) is TableFormat.PARQUET:
        for batch in read_batches(file, columns, _COLUMN_BATCH):
            there = zip(batch.schema.names, batch.columns, strict=True)
            yield {name: usual_values(name, column) for name, column in there}
    elif TableFormat(table_format) is TableFormat.CSV:
        yield from _csv_columns(file, columns)
    elif has_arrow() and isinstance(columns, TextColumns):
        yield from _json_columns(file, columns)
    else:
        yield from columns_of(read_rows(file, table_format), columns)


def columns_of(rows: Iterable[Mapping[str, Any]], columns: Columns) -> Iterator[dict[str, list[Any]]]:
    """
    Yield rows as columns, some thousand rows at a time.

    :param rows: dictionaries; what a row lacks is null.
    :param columns: which columns to return, of those of the rows at hand.
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
    :param number: of the line, for the error.
    :raises ImageKitInputError: if it is not a JSON object.
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
            text.detach()  # or it would close the caller's file


def _csv_rows(text: IO[str]) -> Iterator[dict[str, Any]]:
    rows = _cells(text)
    names = next(rows, [])
    yield from (_csv_row(names, row) for row in rows if row)


def _csv_row(names: list[str], cells: list[str]) -> dict[Any, Any]:
    """Return what ``csv.DictReader`` makes of a row: cells without a name stand under ``None``."""
    row: dict[Any, Any] = dict(zip_longest(names, cells[: len(names)]))
    return row if len(cells) <= len(names) else row | {None: cells[len(names) :]}


def _csv_columns(file: IO[bytes], columns: Columns) -> Iterator[dict[str, Any]]:
    """Yield what :func:`columns_of` does of the rows, without a dictionary for each of them."""
    names: list[str] = []
    begin, line = 0, 0
    for block in blocks_of(file) if has_arrow() else ():
        rows = block
        if not begin:
            head, _, rows = block.removeprefix(codecs.BOM_UTF8).partition(b"\n")
            names = csv_names(head)
        blank = not rows or rows.isspace()  # without a row no column is missing
        cells = read_csv_block(rows, names, list(columns(names))) if names and not blank else None
        if cells is None:  # PyArrow's part ends here, between two rows
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
        whole = [row for row in chunk if row]
        if set(map(len, whole)) == {len(names)}:
            cells = dict(zip(names, zip(*whole, strict=True), strict=True))
            yield {name: list(cells[name]) for name in columns(list(cells))}
        else:
            yield from columns_of((_csv_row(names, row) for row in whole), columns)


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
    """Yield the cells of rows; an error names the line, of which there were some before."""
    # One for the whole process, so it is only raised.
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
        text.detach()  # or it would close the caller's file
