"""Tables in opened files, read and written row by row: JSON Lines, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import PurePosixPath
from typing import IO, Any, cast

from airflow_provider_imagekit.exceptions import ImageKitInputError

__all__ = [
    "Columns",
    "TableFormat",
    "check_format",
    "format_of",
    "json_line",
    "json_text",
    "read_rows",
    "storable",
    "write_rows",
]

#: Returns the names of the columns to read, of those that a table has.
Columns = Callable[[Sequence[str]], Collection[str]]

_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_CELL = 1 << 30

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


def _storable_rows(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    try:
        yield from map(storable, rows)
    except UnicodeError as error:
        raise ImageKitInputError(f"A row cannot be read: {error}.") from None


def _read_jsonl(file: IO[bytes] | IO[str]) -> Iterator[dict[str, Any]]:
    lines: Iterator[Any] = iter(cast("Any", file))
    escape: Any = "\\" if isinstance(file.read(0), str) else b"\\"
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ImageKitInputError(f"Line {number} is not valid JSON: {error}.") from None
        except RecursionError:
            raise ImageKitInputError(f"Line {number} is nested too deeply.") from None
        if not isinstance(row, dict):
            raise ImageKitInputError(f"Line {number} is not a JSON object.")
        yield storable(row) if escape in line else row


def _read_csv(file: IO[bytes] | IO[str]) -> Iterator[dict[str, Any]]:
    # One for the whole process, so it is only raised.
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL))
    if isinstance(file.read(0), str):
        yield from _csv_rows(cast("IO[str]", file))
        return
    text = io.TextIOWrapper(cast("IO[bytes]", file), encoding="utf-8-sig", newline="")
    try:
        yield from _csv_rows(text)
    finally:
        if not text.closed:
            text.detach()  # or it would close the caller's file


def _csv_rows(text: IO[str]) -> Iterator[dict[str, Any]]:
    rows = csv.DictReader(text)
    try:
        yield from rows
    except (csv.Error, UnicodeError) as error:
        raise ImageKitInputError(f"Line {rows.line_num + 1} cannot be read: {error}.") from None


class _Watched:
    """
    A file that remembers its own error, so that it is not taken for one of what stands in the file.

    :param file: opened for reading bytes.
    """

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self.error: BaseException | None = None
        self.read, self.seek, self.tell = (self._watched(call) for call in (file.read, file.seek, file.tell))

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            try:
                return call(*arguments)
            except BaseException as error:
                self.error = error
                raise

        return watched


def _read_parquet(file: IO[bytes], columns: Columns | None) -> Iterator[dict[str, Any]]:
    arrow, parquet = _pyarrow()
    watched = _Watched(file)
    try:
        table = parquet.ParquetFile(watched)
        chosen = None if columns is None else list(columns(table.schema_arrow.names))
        for batch in table.iter_batches(batch_size=_BATCH, columns=chosen):
            yield from _rows_of(arrow, batch)
    except (arrow.ArrowException, OSError) as error:
        if watched.error is not None:
            raise watched.error from None
        raise ImageKitInputError(f"This is not a readable Parquet file: {error}") from None


def _rows_of(arrow: Any, batch: Any) -> list[dict[str, Any]]:
    columns = [_without_nanoseconds(arrow, column) for column in batch.columns]
    try:
        rows: list[dict[str, Any]] = arrow.RecordBatch.from_arrays(columns, batch.schema.names).to_pylist()
    except (ValueError, OverflowError):
        for name, column in zip(batch.schema.names, columns, strict=True):
            _check_values(name, column)
        raise
    return rows


def _without_nanoseconds(arrow: Any, column: Any) -> Any:
    """Return a column whose times end at microseconds, as Python's do."""
    kind = column.type
    if arrow.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(arrow.timestamp("us", kind.tz), safe=False)
    if arrow.types.is_duration(kind) and kind.unit == "ns":
        return column.cast(arrow.duration("us"), safe=False)
    if arrow.types.is_time64(kind) and kind.unit == "ns":
        return column.cast(arrow.time64("us"), safe=False)
    return column


def _check_values(name: str, column: Any) -> None:
    try:
        column.to_pylist()
    except (ValueError, OverflowError) as error:
        raise ImageKitInputError(f"The column {name!r} holds an unreadable value: {error}.") from None


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
        if not text.closed:
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
    except ImportError:
        raise ImageKitInputError(
            "Parquet needs pyarrow, which is not installed.",
            help="Install airflow-provider-imagekit[parquet], or use JSONL or CSV.",
        ) from None
    return pa, parquet
