"""The table that is published and the files that are there now: what differs, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.failures import LASTING
from airflow_provider_imagekit.library.table.rows import version_of
from airflow_provider_imagekit.library.table.schema import COLUMNS, Row, row_key
from airflow_provider_imagekit.library.worklist import State, Worklist

if TYPE_CHECKING:
    from airflow_provider_imagekit.library.worklist import Entry

__all__ = ["compare", "in_order", "merged"]

_NO_ROW: Row = dict.fromkeys(column.name for column in COLUMNS)


def in_order(rows: Iterable[Row]) -> Iterator[Row]:
    """
    Yield the rows of a published table, which is sorted.

    :raises ImageKitInputError: if it is not, for then somebody else wrote it.
    """
    before = ""
    for row in rows:
        key = row_key(row)
        if key <= before:
            raise ImageKitInputError(
                f"The table at output_path is not sorted: {key!r} comes after {before!r}.",
                help="Overwrite the file once with full_refresh=True.",
            )
        before = key
        yield row


def compare(published: Iterable[Row], worklist: Worklist) -> tuple[int, int]:
    """
    Note in the worklist what is known of each file already.

    :param published: the rows of the published table.
    :param worklist: the files of the selection.
    :return: how many files the table has, and how many of them are gone.
    """
    present_before = gone = 0
    for row in published:
        key = row_key(row)
        present_before += row["deleted_at"] is None
        present, version = worklist.version(key)
        if not present:
            gone += row["deleted_at"] is None
        elif version is None or version != version_of(row):
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
