"""Writes a library's table to an open file as JSON Lines or Parquet, with the column types of the schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.arrow_tables import write_parquet
from airflow_provider_imagekit.io.tables import (
    TableFormat,
    check_format,
    format_of,
    json_text,
    write_rows,
)
from airflow_provider_imagekit.library.table.schema import COLUMNS, TYPES, Kind

if TYPE_CHECKING:
    from airflow_provider_imagekit.library.table.stored import Piece

__all__ = ["writable_format_of", "write_table"]

# EXIF makes rows large: this many take about 10 MB.
_ROW_GROUP = 4096


def writable_format_of(name: str) -> TableFormat:
    """
    Return the format of a library's table by the extension of its name.

    :raises ImageKitInputError: for CSV, and as :func:`~airflow_provider_imagekit.io.tables.format_of` does.
    """
    form = format_of(name)
    if form is TableFormat.CSV:
        raise ImageKitInputError(
            "A library's table cannot be written as CSV, which has no types.", help="Use .jsonl or .parquet."
        )
    check_format(form)
    return form


def write_table(stream: IO[bytes], pieces: Iterable[Piece], form: TableFormat) -> int:
    """
    Write rows with the columns of the schema, and return their number.

    :param stream: opened for writing.
    :param pieces: rows, and stored rows as a
        :class:`~airflow_provider_imagekit.library.table.stored.StoredTable` of the same format yields them,
        in the order in which they are written.
    :param form: as :func:`writable_format_of` returns it.
    :raises ImageKitInputError: for Parquet without PyArrow.
    """
    if form is TableFormat.PARQUET:
        return write_parquet(stream, _chunks(pieces), TYPES, row_group=_ROW_GROUP)
    count = 0
    for is_row, group in groupby(pieces, _is_row):
        if is_row:
            count += write_rows(stream, group, TYPES, form, row_group=_ROW_GROUP)
        else:
            lines: Any
            for lines in group:
                stream.write(lines)
                count += lines.count(b"\n")
    return count


def _is_row(piece: Piece) -> bool:
    return type(piece) is dict


def _parts(group: Iterator[Any]) -> Iterator[list[Any]]:
    return iter(lambda: list(islice(group, _ROW_GROUP)), [])


def _chunks(pieces: Iterable[Piece]) -> Iterator[Any]:
    for is_row, group in groupby(pieces, _is_row):
        if is_row:
            for rows in _parts(group):
                yield {
                    column.name: [_to_parquet(row.get(column.name), column.kind) for row in rows]
                    for column in COLUMNS
                }
        else:
            yield from group


def _to_parquet(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind is Kind.TIME:
        return datetime.fromisoformat(value)
    return json_text(value) if kind is Kind.JSON else value
