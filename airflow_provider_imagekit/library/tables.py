"""Tables as files: read and written row by row, as JSON Lines or Parquet; CSV is read only."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import PurePosixPath
from typing import IO, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.schema import COLUMNS, Kind, Row
from airflow_provider_imagekit.library.values import iso

__all__ = [
    "TableFormat",
    "format_of",
    "json_line",
    "read_any",
    "read_table",
    "writable_format_of",
    "write_table",
]

# Rows of a Parquet row group; they are in memory together. EXIF makes it some 10 MB.
_ROW_GROUP = 4096


class TableFormat(StrEnum):
    """A form of table, by the ending of its name."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    CSV = "csv"


def format_of(name: str) -> TableFormat:
    """
    Tell a table's form by the ending of its name.

    :raises ImageKitInputError: for other endings than ``.jsonl``, ``.ndjson``, ``.parquet`` and ``.csv``.
    """
    ending = PurePosixPath(name).suffix.lower().removeprefix(".")
    try:
        return TableFormat("jsonl" if ending == "ndjson" else ending)
    except ValueError:
        raise ImageKitInputError(
            f"The ending of {name[-200:]!r} names no form of table.", help="Use .jsonl, .parquet or .csv."
        ) from None


def writable_format_of(name: str) -> TableFormat:
    """
    Tell the form in which a library's table is written, by the ending of its name.

    :raises ImageKitInputError: for CSV, and as :func:`format_of` does.
    """
    form = format_of(name)
    if form is TableFormat.CSV:
        raise ImageKitInputError(
            "A library's table cannot be written as CSV, which has no types.", help="Use .jsonl or .parquet."
        )
    return form


def json_line(value: Any) -> bytes:
    """Return a value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def read_any(stream: IO[bytes], form: TableFormat) -> Iterator[dict[str, Any]]:
    """
    Yield the rows of somebody's table.

    :param stream: the opened file; for Parquet one that can seek.
    :param form: its form.
    :raises ImageKitInputError: for what cannot be read, and for Parquet without pyarrow.
    """
    if form is TableFormat.PARQUET:
        return _parquet_rows(stream)
    if form is TableFormat.CSV:
        return _csv_rows(stream)
    return _json_rows(stream)


def read_table(stream: IO[bytes], form: TableFormat) -> Iterator[Row]:
    """
    Yield the rows of a table that :func:`write_table` wrote, each with all columns.

    :raises ImageKitInputError: if it is another table.
    """
    for row in read_any(stream, form):
        if "file_id" not in row or "deleted_at" not in row:
            raise ImageKitInputError(
                "The file at output_path is no table of this operator.",
                help="Choose another output_path, or overwrite the file once with full_refresh=True.",
            )
        yield {column.name: _from_file(row.get(column.name), column.kind, form) for column in COLUMNS}


def write_table(stream: IO[bytes], rows: Iterable[Row], form: TableFormat) -> int:
    """
    Write rows with the columns of the schema, and return how many there were.

    :param stream: opened for writing.
    :param rows: in the order in which they shall stand.
    :param form: as :func:`writable_format_of` tells it.
    :raises ImageKitInputError: for Parquet without pyarrow.
    """
    return _write_parquet(stream, rows) if form is TableFormat.PARQUET else _write_json(stream, rows)


def _json_rows(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(stream, 1):
        if line.isspace():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ImageKitInputError(f"Line {number} of the table is no JSON: {error}.") from error
        if not isinstance(row, dict):
            raise ImageKitInputError(f"Line {number} of the table is no JSON object.")
        yield row


def _csv_rows(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        yield from csv.DictReader(text)
    finally:
        text.detach()  # or it would close the caller's file


def _write_json(stream: IO[bytes], rows: Iterable[Row]) -> int:
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - the last number is the result
        stream.write(json_line({column.name: row.get(column.name) for column in COLUMNS}))
    return count


def _parquet_rows(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    arrow, parquet = _pyarrow()
    try:
        file = parquet.ParquetFile(stream)
    except arrow.ArrowInvalid as error:
        raise ImageKitInputError(f"The table is no Parquet file: {error}") from error
    for batch in file.iter_batches(batch_size=_ROW_GROUP):
        yield from batch.to_pylist()


def _write_parquet(stream: IO[bytes], rows: Iterable[Row]) -> int:
    arrow, parquet = _pyarrow()
    types = {
        Kind.TEXT: arrow.string(),
        Kind.INTEGER: arrow.int64(),
        Kind.NUMBER: arrow.float64(),
        Kind.BOOLEAN: arrow.bool_(),
        Kind.TIME: arrow.timestamp("ms", tz="UTC"),
        Kind.JSON: arrow.string(),
    }
    schema = arrow.schema([(column.name, types[column.kind]) for column in COLUMNS])
    count, remaining = 0, iter(rows)
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        while group := list(islice(remaining, _ROW_GROUP)):
            columns = {
                column.name: [_to_parquet(row.get(column.name), column.kind) for row in group]
                for column in COLUMNS
            }
            writer.write_table(arrow.Table.from_pydict(columns, schema=schema))
            count += len(group)
    return count


def _to_parquet(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind is Kind.TIME:
        return datetime.fromisoformat(value)
    if kind is Kind.JSON:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return value


def _from_file(value: Any, kind: Kind, form: TableFormat) -> Any:
    if value is None or form is not TableFormat.PARQUET:
        return value
    if kind is Kind.TIME:
        return iso(value)
    return json.loads(value) if kind is Kind.JSON else value


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        from pyarrow import parquet
    except ImportError as error:
        raise ImageKitInputError(
            "Parquet needs pyarrow, which is not installed.",
            help="Install airflow-provider-imagekit[parquet], or use .jsonl.",
        ) from error
    return pa, parquet
