"""
What a run knows of each file, on the worker's disk: memory stays flat however large the library is.

It is SQLite in a scratch folder and ends with the run; what must outlive a killed run is in the journal.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from airflow_provider_imagekit.library.table.coerce import as_text
from airflow_provider_imagekit.library.table.rows import ChangedBy, listing_row, version_of
from airflow_provider_imagekit.library.table.schema import Row, row_key

__all__ = ["Entry", "State", "Task", "Worklist"]

_BATCH = 500


class State(IntEnum):
    """Where a file stands; the first three have a metadata call before them."""

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

    :param key: what identifies its row.
    :param file_id: ImageKit's id; ``None`` if the file is named by URL.
    :param url: the whole URL then.
    :param version: what changes whenever the file does; ``None`` if unknown.
    """

    key: str
    file_id: str | None
    url: str
    version: str | None


class Entry(NamedTuple):
    """
    A file of the selection.

    :param key: what identifies its row.
    :param state: where it stands.
    :param listing: columns from the listing.
    :param result: columns from the metadata, or the error's; empty before.
    """

    key: str
    state: State
    listing: Row
    result: Row


class Worklist:
    """
    The files of one run.

    :param changed_by: what shows that a file has changed.

    The database has no name, so that nothing of it is left when the process is killed.
    """

    def __init__(self, changed_by: ChangedBy) -> None:
        self._changed_by = changed_by
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            """
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            CREATE TABLE file (
                key TEXT PRIMARY KEY, url TEXT, version TEXT, listing TEXT, state INTEGER, result TEXT
            );
            BEGIN;
            """
        )

    def close(self) -> None:
        """Give the database back."""
        self._database.close()

    def add(self, records: Iterable[dict[str, Any]]) -> None:
        """Note files of the selection; the last word on a file that comes twice is the newer one."""
        rows = []
        for record in records:
            row = listing_row(record)
            url = None if row["file_id"] else as_text(record.get("url"))
            rows.append((row_key(row), url, version_of(row, self._changed_by), json.dumps(row), State.NEW))
        self._database.executemany(
            "INSERT INTO file VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (key) DO UPDATE SET "
            "url = excluded.url, version = excluded.version, listing = excluded.listing",
            rows,
        )

    def clear(self) -> None:
        """Forget all files."""
        self._database.execute("DELETE FROM file")

    def version(self, key: str) -> tuple[bool, str | None]:
        """Return whether a file is in the selection, and its version."""
        found = self._database.execute("SELECT version FROM file WHERE key = ?", (key,)).fetchone()
        return (False, None) if found is None else (True, found[0])

    def listing(self, key: str) -> Row:
        """Return what the listing told of a file."""
        (listing,) = self._database.execute("SELECT listing FROM file WHERE key = ?", (key,)).fetchone()
        row: Row = json.loads(listing)
        return row

    def mark(self, key: str, state: State) -> None:
        """Note where a file stands."""
        self._database.execute("UPDATE file SET state = ? WHERE key = ?", (state, key))

    def settle(self, key: str, version: str | None, state: State, result: Row) -> bool:
        """Note what came of a file; return whether it is in the selection in this version."""
        changed = self._database.execute(
            "UPDATE file SET state = ?, result = ? WHERE key = ? AND version IS ?",
            (state, json.dumps(result), key, version),
        )
        return changed.rowcount > 0

    def tasks(self) -> Iterator[Task]:
        """Yield the files to fetch by key; what is settled meanwhile may be so."""
        key = ""
        while True:
            batch = self._database.execute(
                "SELECT key, url, version FROM file WHERE state <= ? AND key > ? ORDER BY key LIMIT ?",
                (State.FAILED_BEFORE, key, _BATCH),
            ).fetchall()
            if not batch:
                return
            for key, url, version in batch:
                yield Task(key, None if url else key, url or "", version)

    def entries(self) -> Iterator[Entry]:
        """Yield all files of the selection by key."""
        query = "SELECT key, state, listing, result FROM file ORDER BY key"
        for key, state, listing, result in self._database.execute(query):
            yield Entry(key, State(state), json.loads(listing), json.loads(result) if result else {})

    def errors(self) -> Iterator[Row]:
        """Yield what came of the files that failed, by key."""
        query = "SELECT result FROM file WHERE state = ? ORDER BY key"
        for (result,) in self._database.execute(query, (State.FAILED,)):
            yield json.loads(result)

    def counts(self) -> Counter[State]:
        """Return how many files stand where."""
        query = "SELECT state, count(*) FROM file GROUP BY state"
        return Counter({State(state): count for state, count in self._database.execute(query)})
