"""Compares the published table with the current files, and merges both into the new table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.io.tables import json_text
from airflow_provider_imagekit.library.failures import LASTING
from airflow_provider_imagekit.library.table.rows import ChangedBy, version_of
from airflow_provider_imagekit.library.table.schema import COLUMNS, LISTING_COLUMNS, Row, row_key
from airflow_provider_imagekit.library.table.stored import APART, KEPT, REWRITTEN
from airflow_provider_imagekit.library.worklist import State

if TYPE_CHECKING:
    from airflow_provider_imagekit.library.table.stored import Piece
    from airflow_provider_imagekit.library.worklist import Entry, Listed, Worklist

__all__ = ["Comparison", "merged"]

_NO_ROW: Row = dict.fromkeys(column.name for column in COLUMNS)
# Number of marks that are written together; a mark is for one file, or for consecutive files.
_BATCH = 1000


class Comparison:
    """
    Compares the published table with the files of the selection.

    :param worklist: the files; their states are recorded there.
    :param changed_by: how a changed file is recognized.
    :param allows: returns whether this run may keep everything in a row of an earlier run.
    """

    def __init__(self, worklist: Worklist, changed_by: ChangedBy, allows: Callable[[Row], bool]) -> None:
        self._worklist = worklist
        self._changed_by = changed_by
        self._allows = allows
        self._files = worklist.listed()
        self._file = next(self._files, None)
        # Marks for the worklist, and the place of the row that would extend the last one.
        self._pending: list[list[Any]] = []
        self._next = -1
        #: Files of the table that were not marked as deleted, and how many of them the listing lacks.
        self.before = self.gone = 0
        #: Rows of the table without a file in the selection.
        self.unlisted = 0
        #: How each row is handled; see ``StoredTable.pieces``.
        self.marks = bytearray()

    def compare(self, published: Iterable[tuple[str, Row | None, bool]]) -> None:
        """
        Compare the whole table.

        :param published: its rows, as ``usable`` yields them; a row that stays can be ``None``.
        """
        for key, row, may_stay in published:
            has_new_before = self._skip_new(key)
            stays = self._stays(key, row, may_stay=may_stay)
            self.marks.append((APART if has_new_before else KEPT) if stays else REWRITTEN)
            if len(self._pending) >= _BATCH:
                self._flush()
        if self.marks:
            self._skip_new(None)
        self._flush()

    def _skip_new(self, key: str | None) -> bool:
        """Record the files before a key, or all remaining ones, as new; return whether there were any."""
        found = False
        while (file := self._file) is not None and (key is None or file.key < key):
            found = True
            self._record(file, State.NEW)
        return found

    def _stays(self, key: str, row: Row | None, *, may_stay: bool) -> bool:
        """Record the state of a row's file; return whether the row stays as it is stored."""
        file = self._file
        if row is None and file is not None:
            self.before += 1
            self._record(file, State.UNCHANGED, stays=True)
        if row is None:
            return True
        is_deleted = row["deleted_at"] is not None
        self.before += not is_deleted
        if file is None or file.key != key:
            self.unlisted += 1
            self.gone += not is_deleted
            return is_deleted and may_stay and self._allows(row)
        state = self._state(row, file)
        stays = (
            may_stay
            and not is_deleted
            and state in (State.UNCHANGED, State.UNREADABLE)
            and _has_same_listing(row, file)
            and self._allows(row)
        )
        self._record(file, state, stays=stays)
        return stays

    def _state(self, row: Row, file: Listed) -> State:
        if file.version is None or file.version != version_of(row, self._changed_by):
            return State.CHANGED
        if row["error"] in LASTING:
            return State.UNREADABLE
        return State.FAILED_BEFORE if row["error"] else State.UNCHANGED

    def _record(self, file: Listed, state: State, *, stays: bool = False) -> None:
        place = len(self.marks)
        if stays and place == self._next and self._pending and self._pending[-1][0] is state:
            self._pending[-1][-1] = file.key
        else:
            self._pending.append([state, place, stays, file.key, file.key])
        self._next = place + 1 if stays else -1
        self._file = next(self._files, None)

    def _flush(self) -> None:
        self._worklist.mark(self._pending)
        self._pending.clear()


def _has_same_listing(row: Row, file: Listed) -> bool:
    # In Python 1, 1.0 and True are equal; in a table they are not.
    try:
        return json_text({name: row[name] for name in LISTING_COLUMNS}).encode() == file.listing
    except ValueError:  # a value that no listing can contain, such as NaN
        return False


def merged(
    pieces: Iterable[tuple[int, Piece]],
    entries: Iterator[Entry],
    *,
    run_time: str,
    redact: Callable[[Row], Row],
) -> Iterator[Piece]:
    """
    Yield the new table, sorted as both inputs are.

    Listing columns come from the current listing. Metadata columns are kept while the version is the same.

    :param pieces: the published table, as ``StoredTable.pieces`` yields it.
    :param entries: the files whose rows are to be written.
    :param run_time: ``deleted_at`` of files that the listing lacks.
    :param redact: returns a row of an earlier run without values that this run may not keep.
    """
    entry = next(entries, None)
    for place, piece in pieces:
        key = row_key(piece) if isinstance(piece, dict) else None
        while entry is not None and _precedes(entry, place, key):
            yield _row(entry, _NO_ROW)
            entry = next(entries, None)
        if key is None:
            yield piece
        elif entry is not None and entry.key == key:
            yield _row(entry, redact(piece))
            entry = next(entries, None)
        else:
            yield redact(_marked(piece, run_time))
    while entry is not None:
        yield _row(entry, _NO_ROW)
        entry = next(entries, None)


def _precedes(entry: Entry, place: int, key: str | None) -> bool:
    """Return whether a file's row precedes a row of the table; rows that stay are passed without a key."""
    return entry.place < place or (entry.place == place and (key is None or entry.key < key))


def _row(entry: Entry, old: Row) -> Row:
    if entry.state in (State.UNCHANGED, State.UNREADABLE):
        return old | entry.listing | {"deleted_at": None}
    if entry.state is State.FETCHED:
        return _NO_ROW | entry.result | entry.listing
    # A version that could not be read has no metadata: the previous version's would be wrong.
    return _NO_ROW | entry.listing | {"error": entry.result.get("error")}


def _marked(row: Row, run_time: str) -> Row:
    return row | {"deleted_at": row["deleted_at"] or run_time}
