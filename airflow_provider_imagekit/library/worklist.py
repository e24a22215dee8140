"""
The state of each file in a run, stored on the worker's disk so that memory use stays flat for any library.

It is a temporary SQLite database; data that must survive a killed run is in the journal.
"""

from __future__ import annotations

import json
import marshal
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import repeat
from typing import Any, NamedTuple

from airflow_provider_imagekit.io.text_columns import json_parts, json_text
from airflow_provider_imagekit.library.table.rows import ChangedBy, version_of
from airflow_provider_imagekit.library.table.schema import LISTING_COLUMNS, Row, row_key

__all__ = ["Entry", "Listed", "State", "Task", "Worklist"]

_BATCH = 500
_LISTING = json_text(dict.fromkeys(LISTING_COLUMNS, "%s")).replace('"%s"', "%s")


class State(IntEnum):
    """State of a file; the first three states still need a metadata call."""

    NEW = 0
    CHANGED = 1
    FAILED_BEFORE = 2
    UNCHANGED = 3
    UNREADABLE = 4
    FETCHED = 5
    FAILED = 6


class Task(NamedTuple):
    """
    A file whose metadata is to be fetched.

    :param key: identifies the row.
    :param file_id: ImageKit's id; ``None`` if the file is named by URL.
    :param url: the complete URL in that case.
    :param version: changes whenever the file does; ``None`` if unknown.
    """

    key: str
    file_id: str | None
    url: str
    version: str | None


class Listed(NamedTuple):
    """
    A file of the selection whose state is not yet known.

    :param key: identifies the row.
    :param version: changes whenever the file does; ``None`` if unknown.
    :param listing: the columns from the listing as JSON, exactly as a line of the table begins.
    """

    key: str
    version: str | None
    listing: bytes


class Entry(NamedTuple):
    """
    A file whose row in the table is to be written.

    :param key: identifies the row.
    :param place: number of the row of the published table that it replaces or precedes.
    :param state: state of the file.
    :param listing: columns from the listing.
    :param result: columns from the metadata or of the error; empty if there is no result.
    """

    key: str
    place: int
    state: State
    listing: Row
    result: Row


class Worklist:
    """
    The files of one run.

    :param changed_by: how a changed file is recognized.

    The database has no file name, so nothing of it remains when the process is killed.
    """

    def __init__(self, changed_by: ChangedBy) -> None:
        self._changed_by = changed_by
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            """
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            CREATE TABLE file (
                key TEXT PRIMARY KEY, url TEXT, version TEXT, listing BLOB, state INTEGER, place INTEGER,
                stays INTEGER, result BLOB
            );
            BEGIN;
            """
        )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def add(self, files: Iterable[tuple[Row, str | None]]) -> list[bytes]:
        """
        Add files of the selection; if a file is listed twice, the later record replaces the earlier one.

        :param files: the listing columns of each file and its complete URL, which is used if it has no id.
        :return: these columns as JSON.
        """
        added = list(files)
        rows = [row for row, _ in added]
        listings = _json_of(rows)
        urls = [None if row["file_id"] else url for row, url in added]
        versions = [version_of(row, self._changed_by) for row in rows]
        self._database.executemany(
            "INSERT INTO file VALUES (?, ?, ?, ?, ?, 0, 0, NULL) ON CONFLICT (key) DO UPDATE SET "
            "url = excluded.url, version = excluded.version, listing = excluded.listing",
            zip(map(row_key, rows), urls, versions, listings, repeat(State.NEW), strict=False),
        )
        return listings

    def clear(self) -> None:
        """Remove all files."""
        self._database.execute("DELETE FROM file")

    def listed(self) -> Iterator[Listed]:
        """Yield the files of the selection by key; they may be marked during the iteration."""
        return map(Listed._make, self._by_key("key, version, listing", "TRUE"))

    def listings(self, keys: Sequence[str]) -> list[bytes | None]:
        """
        Return ``listing`` of :class:`Listed` for files whose version is known; ``None`` for others.

        :param keys: keys of the files; if many other files are between them, the last ones are not found.
        """
        some = "key BETWEEN ? AND ? AND version NOT NULL ORDER BY key LIMIT ?"
        bounds = min(keys), max(keys), 2 * len(keys)
        found = dict(self._database.execute(f"SELECT key, listing FROM file WHERE {some}", bounds))  # noqa: S608
        return list(map(found.get, keys))

    def listing(self, key: str) -> Row:
        """Return the listing columns of a file."""
        (listing,) = self._database.execute("SELECT listing FROM file WHERE key = ?", (key,)).fetchone()
        return dict(json.loads(listing))

    def mark(self, marks: Iterable[Sequence[Any]]) -> None:
        """
        Record the states of files.

        :param marks: for each file its state, its place (see :class:`Entry`), whether its row stays as it is
            stored, and its key twice. Consecutive files whose rows stay can share a mark, with the state,
            place and key of the first and the key of the last.
        """
        query = "UPDATE file SET state = ?, place = ?, stays = ? WHERE key BETWEEN ? AND ?"
        self._database.executemany(query, marks)

    def settle(self, key: str, version: str | None, state: State, result: Row) -> None:
        """Record a file's result if the selection has this version of it; its row then no longer stays."""
        self._database.execute(
            "UPDATE file SET state = ?, result = ?, stays = -abs(stays) WHERE key = ? AND version IS ?",
            (state, marshal.dumps(result), key, version),
        )

    def overruled(self) -> Iterator[int]:
        """Yield, once, the places of rows that were marked to stay although their files now have a result."""
        # Files that were marked together have the place of the first one.
        rank = "row_number() OVER (PARTITION BY place ORDER BY key) - 1"
        ranked = f"SELECT rowid AS number, place + {rank} AS place, stays FROM file WHERE stays"  # noqa: S608
        found = self._database.execute(f"SELECT place, number FROM ({ranked}) WHERE stays < 0").fetchall()  # noqa: S608
        self._database.executemany("UPDATE file SET place = ?, stays = 0 WHERE rowid = ?", found)
        return (place for place, _ in found)

    def tasks(self) -> Iterator[Task]:
        """Yield the files to fetch by key; results may be recorded during the iteration."""
        for key, url, version in self._by_key("key, url, version", f"state <= {State.FAILED_BEFORE:d}"):
            yield Task(key, None if url else key, url or "", version)

    def entries(self) -> Iterator[Entry]:
        """Yield the files whose rows are to be written, by key."""
        query = "SELECT key, place, state, listing, result FROM file WHERE stays <= 0 ORDER BY key"
        for key, place, state, listing, result in self._database.execute(query):
            yield Entry(key, place, State(state), json.loads(listing), _load(result) if result else {})

    def errors(self) -> Iterator[Row]:
        """Yield the error rows of the files that failed, by key."""
        query = "SELECT result FROM file WHERE state = ? ORDER BY key"
        for (result,) in self._database.execute(query, (State.FAILED,)):
            yield _load(result)

    def error_classes(self) -> Counter[str]:
        """Return the number of failed files by class of error."""
        return Counter(error["error"] for error in self.errors())

    def counts(self) -> Counter[State]:
        """Return the number of files by state."""
        query = "SELECT state, count(*) FROM file GROUP BY state"
        return Counter({State(state): count for state, count in self._database.execute(query)})

    def _by_key(self, columns: str, condition: str) -> Iterator[tuple[Any, ...]]:
        """Yield columns of some files, with the key first; the table may change during the iteration."""
        key = ""
        query = f"SELECT {columns} FROM file WHERE {condition} AND key > ? ORDER BY key LIMIT {_BATCH}"  # noqa: S608
        while batch := self._database.execute(query, (key,)).fetchall():
            yield from batch
            key = batch[-1][0]


def _json_of(rows: list[Row]) -> list[bytes]:
    """Return listings as JSON; encoding by column takes half the time of encoding by row."""
    cells = (json_parts([row[name] for row in rows])[0] for name in LISTING_COLUMNS)
    return [(_LISTING % row).encode() for row in zip(*cells, strict=True)]


def _load(stored: bytes) -> Any:
    return marshal.loads(stored)  # noqa: S302 - this process wrote it
