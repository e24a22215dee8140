"""The table that is published and the files that are there now: what differs, and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.failures import LASTING
from airflow_provider_imagekit.library.table.rows import ChangedBy, version_of
from airflow_provider_imagekit.library.table.schema import COLUMNS, Kind, Row, row_key
from airflow_provider_imagekit.library.worklist import State, Worklist

if TYPE_CHECKING:
    from airflow_provider_imagekit.library.worklist import Entry

__all__ = ["compare", "merged", "usable"]

_NO_ROW: Row = dict.fromkeys(column.name for column in COLUMNS)


def usable(rows: Iterable[Row], table: str) -> Iterator[Row]:
    """
    Yield the rows of a published table, which is sorted and has the columns' types.

    :param rows: as they are read.
    :param table: where they are read from, for errors.
    :raises ImageKitInputError: if the table cannot be read, or was not written by this operator.
    """
    before, number = "", 0
    remaining = iter(rows)
    while True:
        number += 1
        try:
            row = next(remaining, None)
        except Exception as error:
            reason = error.message if isinstance(error, ImageKitInputError) else f"{error!r:.200}"
            raise _unusable(table, f"row {number:,} cannot be read: {reason}") from error
        if row is None:
            return
        key = row_key(row)
        if key <= before:
            raise _unusable(table, f"it is not sorted: row {number:,}, {key!r}, comes after {before!r}")
        if (column := _wrong_column(row)) is not None:
            raise _unusable(table, f"row {number:,} has {row[column]!r:.80} as its {column}")
        before = key
        yield row


def _unusable(table: str, reason: str) -> ImageKitInputError:
    return ImageKitInputError(
        f"output_path is {table!r}, whose table cannot be used: {reason.removesuffix('.')}.",
        help="Choose another output_path, restore the table, or overwrite it once with full_refresh=True.",
    )


def _wrong_column(row: Row) -> str | None:
    """Return the first column whose value is not of its type."""
    for name, kind in _KINDS:
        value = row[name]
        if value is not None and not _FITS[kind](value):
            return name
    return None


def _is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


_KINDS = [(column.name, column.kind) for column in COLUMNS if column.kind is not Kind.JSON]
_FITS: dict[Kind, Callable[[Any], bool]] = {
    Kind.TEXT: lambda value: isinstance(value, str),
    Kind.INTEGER: lambda value: type(value) is int and -(1 << 63) <= value < 1 << 63,
    Kind.NUMBER: lambda value: type(value) in (int, float) and math.isfinite(value),
    Kind.BOOLEAN: lambda value: isinstance(value, bool),
    Kind.TIME: _is_time,
}


def compare(published: Iterable[Row], worklist: Worklist, changed_by: ChangedBy) -> tuple[int, int]:
    """
    Note in the worklist what is known of each file already.

    :param published: the rows of the published table.
    :param worklist: the files of the selection.
    :param changed_by: what shows that a file has changed.
    :return: how many files the table has, and how many of them are gone.
    """
    present_before = gone = 0
    for row in published:
        key = row_key(row)
        present_before += row["deleted_at"] is None
        present, version = worklist.version(key)
        if not present:
            gone += row["deleted_at"] is None
        elif version is None or version != version_of(row, changed_by):
            worklist.mark(key, State.CHANGED)
        elif row["error"] in LASTING:
            worklist.mark(key, State.UNREADABLE)
        else:
            worklist.mark(key, State.FAILED_BEFORE if row["error"] else State.UNCHANGED)
    return present_before, gone


def merged(
    published: Iterator[Row], entries: Iterable[Entry], *, run_time: str, redact: Callable[[Row], Row]
) -> Iterator[Row]:
    """
    Yield the rows of the new table, sorted as both inputs are.

    What the listing tells is of now; what the metadata tells is kept while the version is the same.

    :param published: the rows of the published table.
    :param entries: the files of the selection.
    :param run_time: the time that marks what is deleted.
    :param redact: takes away what an earlier run was allowed to keep and this one is not.
    """
    old = next(published, None)
    for entry in entries:
        while old is not None and row_key(old) < entry.key:
            yield redact(_marked(old, run_time))
            old = next(published, None)
        if old is not None and row_key(old) == entry.key:
            yield _row(entry, redact(old))
            old = next(published, None)
        else:
            yield _row(entry, _NO_ROW)
    while old is not None:
        yield redact(_marked(old, run_time))
        old = next(published, None)


def _row(entry: Entry, old: Row) -> Row:
    if entry.state in (State.UNCHANGED, State.UNREADABLE):
        return old | entry.listing | {"deleted_at": None}
    if entry.state is State.FETCHED:
        return _NO_ROW | entry.result | entry.listing
    # A version that could not be read has no metadata: that of the version before would be wrong.
    return _NO_ROW | entry.listing | {"error": entry.result.get("error")}


def _marked(row: Row, run_time: str) -> Row:
    return row | {"deleted_at": row["deleted_at"] or run_time}
