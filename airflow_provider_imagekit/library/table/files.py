"""A library's table in an opened file, its columns typed by the schema: JSON Lines or Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import IO, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.tables import (
    TableFormat,
    check_format,
    format_of,
    json_text,
    read_rows,
    write_rows,
)
from airflow_provider_imagekit.library.table.coerce import iso
from airflow_provider_imagekit.library.table.schema import COLUMNS, Kind, Row

__all__ = ["read_table", "writable_format_of", "write_table"]

# EXIF makes the rows large: that many are some 10 MB.
_ROW_GROUP = 4096

_TYPES: dict[Kind, type] = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.NUMBER: float,
    Kind.BOOLEAN: bool,
    Kind.TIME: datetime,
    Kind.JSON: str,
}


def writable_format_of(name: str) -> TableFormat:
    """
    Tell the form in which a library's table is written, by the ending of its name.

    :raises ImageKitInputError: for CSV, and as :func:`~airflow_provider_imagekit.io.tables.format_of` does.
    """
    form = format_of(name)
    if form is TableFormat.CSV:
        raise ImageKitInputError(
            "A library's table cannot be written as CSV, which has no types.", help="Use .jsonl or .parquet."
        )
    check_format(form)
    return form


def read_table(stream: IO[bytes], form: TableFormat) -> Iterator[Row]:
    """
    Yield the rows of a table that :func:`write_table` wrote, each with all columns.

    :raises ImageKitInputError: if it is another table.
    """
    for row in read_rows(stream, form, _in_use):
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
    if form is TableFormat.PARQUET:
        rows = (
            {column.name: _to_parquet(row.get(column.name), column.kind) for column in COLUMNS}
            for row in rows
        )
    columns = {column.name: _TYPES[column.kind] for column in COLUMNS}
    return write_rows(stream, rows, columns, form, row_group=_ROW_GROUP)


def _in_use(names: Sequence[str]) -> Sequence[str]:
    ours = [column.name for column in COLUMNS if column.name in names]
    return ours if "file_id" in ours and "deleted_at" in ours else names


def _to_parquet(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind is Kind.TIME:
        return datetime.fromisoformat(value)
    return json_text(value) if kind is Kind.JSON else value


def _from_file(value: Any, kind: Kind, form: TableFormat) -> Any:
    if value is None or form is not TableFormat.PARQUET:
        return value
    if kind is Kind.TIME:
        return iso(value)
    return json.loads(value) if kind is Kind.JSON else value
