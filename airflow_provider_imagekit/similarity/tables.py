"""Read hashes from, and write rows to, tables in opened files: JSON Lines, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
from enum import StrEnum
from itertools import islice
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, cast

from airflow_provider_imagekit.exceptions import ImageKitInputError, InvalidPHashError
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.records import HashRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["TableFormat", "format_of", "read_id_pairs", "read_records", "read_rows", "write_rows"]

# What columns are usually called: ImageKit's own name first.
_ID_COLUMNS = ("fileId", "file_id", "id")
_PHASH_COLUMNS = ("pHash", "phash")

# Parquet rows that are in memory at a time.
_BATCH = 50_000


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
            f"The ending of {name!r:.200} names no form of table.",
            help="Use .jsonl, .csv or .parquet, or say which form it is.",
        )
    return TableFormat(ending)


def read_rows(file: IO[bytes] | IO[str], table_format: str) -> Iterator[dict[str, Any]]:
    """
    Yield a table's rows as dictionaries.

    :param file: opened for reading; as text or as bytes (UTF-8), Parquet as bytes.
    :param table_format: one of :class:`TableFormat`.
    :raises ImageKitInputError: if a row cannot be read, or Parquet's library is missing.
    """
    read = {
        TableFormat.JSONL: _read_jsonl,
        TableFormat.CSV: _read_csv,
        TableFormat.PARQUET: _read_parquet,
    }[TableFormat(table_format)]
    return read(file)


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


def read_records(
    rows: Iterable[Mapping[str, Any]], *, id_column: str = "", phash_column: str = ""
) -> Iterator[HashRecord]:
    """
    Read pictures from rows; those with a ``deleted_at`` are passed over.

    :param rows: as :func:`read_rows` yields them, or objects of ImageKit's API.
    :param id_column: column of the picture's name; blank for the first of ``fileId``, ``file_id``, ``id``.
    :param phash_column: column of its hash, blank or null where it has none; blank for ``pHash`` or
        ``phash``.
    :raises ImageKitInputError: if a column is missing, a name is blank, or a hash is malformed; with the row.
    """
    for number, row in enumerate(rows, start=1):
        if number == 1:
            id_column = id_column or _usual(_ID_COLUMNS, row)
            phash_column = phash_column or _usual(_PHASH_COLUMNS, row)
        name = row.get(id_column)
        if name is None or name == "":
            raise ImageKitInputError(
                f"Row {number} has no {id_column!r}.",
                help=f"Name the column that identifies a picture; there are: {', '.join(map(str, row))}.",
            )
        if number == 1 and phash_column not in row:
            raise ImageKitInputError(
                f"There is no column {phash_column!r}.",
                help=f"Name the column of hashes; there are: {', '.join(map(str, row))}.",
            )
        if row.get("deleted_at"):
            continue
        attributes = {key: value for key, value in row.items() if key not in (id_column, phash_column)}
        yield HashRecord(str(name), _parse_phash(row.get(phash_column), number), attributes)


def _usual(names: tuple[str, ...], row: Mapping[str, Any]) -> str:
    return next((name for name in names if name in row), names[0])


def _parse_phash(value: Any, number: int) -> PHash | None:
    if value is None or value == "":
        return None
    try:
        return PHash.parse(value)
    except InvalidPHashError as error:
        raise InvalidPHashError(f"Row {number}: {error.message}", help=error.help) from error


def read_id_pairs(rows: Iterable[Mapping[str, Any]]) -> frozenset[frozenset[str]]:
    """
    Read pairs of pictures that somebody marked as no duplicates of each other.

    :param rows: rows with ``id`` and ``other_id``, as the table of pairs has them.
    """
    try:
        return frozenset(frozenset((str(row["id"]), str(row["other_id"]))) for row in rows)
    except KeyError as error:
        raise ImageKitInputError(f"A row of pairs has no {error}; it needs id and other_id.") from None


def write_rows(
    file: IO[bytes], rows: Iterable[Mapping[str, Any]], columns: Mapping[str, type], table_format: str
) -> int:
    """
    Write rows as a table.

    :param file: opened for writing bytes.
    :param rows: dictionaries of the columns.
    :param columns: name and type (``int``, ``float``, ``str``, ``bool``) of each column, in order.
    :param table_format: one of :class:`TableFormat`.
    :return: how many rows were written.
    """
    write = {
        TableFormat.JSONL: _write_jsonl,
        TableFormat.CSV: _write_csv,
        TableFormat.PARQUET: _write_parquet,
    }[TableFormat(table_format)]
    return write(file, rows, columns)


def _write_jsonl(file: IO[bytes], rows: Iterable[Mapping[str, Any]], columns: Mapping[str, type]) -> int:
    count = 0
    for row in rows:
        file.write(json.dumps({name: row[name] for name in columns}, ensure_ascii=False).encode() + b"\n")
        count += 1
    return count


def _write_csv(file: IO[bytes], rows: Iterable[Mapping[str, Any]], columns: Mapping[str, type]) -> int:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(columns)
        count = 0
        for row in rows:
            writer.writerow([row[name] for name in columns])
            count += 1
        return count
    finally:
        text.detach()  # or it would close the caller's file


def _write_parquet(file: IO[bytes], rows: Iterable[Mapping[str, Any]], columns: Mapping[str, type]) -> int:
    parquet = _pyarrow()
    import pyarrow as pa  # type: ignore[import-untyped]

    types = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    count = 0
    remaining = iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while batch := list(islice(remaining, _BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


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
    for batch in _pyarrow().ParquetFile(file).iter_batches(batch_size=_BATCH):
        yield from batch.to_pylist()


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImageKitInputError(
            "Parquet needs pyarrow, which is not installed.",
            help="Install airflow-provider-imagekit[parquet], or use JSONL or CSV.",
        ) from error
    return pyarrow.parquet
