"""Tables in opened files, read and written row by row: JSON Lines, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import PurePosixPath
from typing import IO, Any, cast

from airflow_provider_imagekit.exceptions import ImageKitInputError

__all__ = ["TableFormat", "check_format", "format_of", "json_line", "json_text", "read_rows", "write_rows"]

# Parquet rows that are read into memory at a time; EXIF makes it some 10 MB.
_BATCH = 4096


class TableFormat(StrEnum):
    """A form of table; each is also the usual ending of its files' names."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def format_of(name: str) -> TableFormat:
    """
    Tell a table's form by the ending of its name: ``.jsonl`` or ``.ndjson``, ``.csv``, ``.parquet``.

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
        _pyarrow()


def read_rows(file: IO[bytes] | IO[str], table_format: str) -> Iterator[dict[str, Any]]:
    """
    Yield a table's rows as dictionaries.

    :param file: opened for reading; as text or as bytes (UTF-8), Parquet as bytes and able to seek.
    :param table_format: one of :class:`TableFormat`.
    :raises ImageKitInputError: if a row cannot be read, or Parquet's library is missing.
    """
    read = {
        TableFormat.JSONL: _read_jsonl,
        TableFormat.CSV: _read_csv,
        TableFormat.PARQUET: _read_parquet,
    }[TableFormat(table_format)]
    return read(file)


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
    form = TableFormat(table_format)
    if form is TableFormat.PARQUET:
        return _write_parquet(file, rows, columns, row_group)
    return (_write_csv if form is TableFormat.CSV else _write_jsonl)(file, rows, columns)


def json_text(value: Any) -> str:
    """Return a value as JSON without needless spaces; what JSON cannot hold raises ``ValueError``."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def json_line(value: Any) -> bytes:
    """Return a value as one line of JSON."""
    return json_text(value).encode() + b"\n"


def _read_jsonl(file: IO[bytes] | IO[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(cast("IO[str]", file), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ImageKitInputError(f"Line {number} is no JSON: {error}.") from error
        if not isinstance(row, dict):
            raise ImageKitInputError(f"Line {number} is no JSON object.")
        yield row


def _read_csv(file: IO[bytes] | IO[str]) -> Iterator[dict[str, Any]]:
    if isinstance(file.read(0), str):
        yield from csv.DictReader(cast("IO[str]", file))
        return
    text = io.TextIOWrapper(cast("IO[bytes]", file), encoding="utf-8-sig", newline="")
    try:
        yield from csv.DictReader(text)
    finally:
        text.detach()  # or it would close the caller's file


def _read_parquet(file: IO[bytes] | IO[str]) -> Iterator[dict[str, Any]]:
    arrow, parquet = _pyarrow()
    try:
        table = parquet.ParquetFile(file)
    except arrow.ArrowInvalid as error:
        raise ImageKitInputError(f"This is no Parquet file: {error}") from error
    for batch in table.iter_batches(batch_size=_BATCH):
        yield from batch.to_pylist()


def _write_jsonl(file: IO[bytes], rows: Iterable[Mapping[str, Any]], columns: Mapping[str, type]) -> int:
    count = 0
    for row in rows:
        file.write(json_line({name: row.get(name) for name in columns}))
        count += 1
    return count


def _write_csv(file: IO[bytes], rows: Iterable[Mapping[str, Any]], columns: Mapping[str, type]) -> int:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(columns)
        count = 0
        for row in rows:
            writer.writerow([row.get(name) for name in columns])
            count += 1
        return count
    finally:
        text.detach()  # or it would close the caller's file


def _write_parquet(
    file: IO[bytes], rows: Iterable[Mapping[str, Any]], columns: Mapping[str, type], row_group: int
) -> int:
    arrow, parquet = _pyarrow()
    types = {
        int: arrow.int64(),
        float: arrow.float64(),
        str: arrow.string(),
        bool: arrow.bool_(),
        datetime: arrow.timestamp("ms", tz="UTC"),
    }
    schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
    count, remaining = 0, iter(rows)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(remaining, row_group)):
            writer.write_table(arrow.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        from pyarrow import parquet
    except ImportError as error:
        raise ImageKitInputError(
            "Parquet needs pyarrow, which is not installed.",
            help="Install airflow-provider-imagekit[parquet], or use JSONL or CSV.",
        ) from error
    return pa, parquet
