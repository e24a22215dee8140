"""Stores uploads and changes in memory or in a state folder."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from typing import TYPE_CHECKING

from airflow_provider_imagekit.emulator.library.assets import Asset

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Store"]

_FILE_NAME = "imagekit-emulator.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS asset (path TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS blob (digest TEXT PRIMARY KEY, content BLOB NOT NULL);
"""


class Store:
    """
    An SQLite database of changed assets and uploaded content.

    :param directory: folder of the database, created if missing; ``None`` keeps it in memory for this run.
    :raises OSError: if the folder cannot be written or another server uses it.
    """

    def __init__(self, directory: Path | None) -> None:
        if directory is not None:
            try:
                directory.mkdir(parents=True, exist_ok=True)
            except FileExistsError:
                raise NotADirectoryError(f"The state folder {directory} is a file.") from None
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(
                directory / _FILE_NAME if directory else ":memory:", timeout=0, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise OSError(f"The state folder {directory} cannot be used: {error}.") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._database.close()
            if getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY":
                raise OSError(
                    f"Another server uses the state folder {directory}. Stop it, or choose another folder."
                ) from error
            raise OSError(f"The state folder {directory} cannot be used: {error}.") from error

    def _prepare(self) -> None:
        # The first write locks the database for this server; the lock is released when the process ends.
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.executescript(f"BEGIN EXCLUSIVE; {_SCHEMA} COMMIT;")

    def load(self) -> list[Asset]:
        """Return all changed assets."""
        with self._lock:
            rows = self._database.execute("SELECT record FROM asset").fetchall()
        return [Asset.from_json(json.loads(record)) for (record,) in rows]

    def save(self, asset: Asset) -> None:
        """Store an asset and replace any previous record of its path."""
        with self._lock, self._database as database:
            database.execute(
                "INSERT OR REPLACE INTO asset VALUES (?, ?)", (asset.path, json.dumps(asset.to_json()))
            )

    def forget(self, path: str) -> None:
        """Delete the record of a path."""
        with self._lock, self._database as database:
            database.execute("DELETE FROM asset WHERE path = ?", (path,))

    def put(self, content: bytes) -> str:
        """Store content and return its digest."""
        digest = hashlib.sha256(content).hexdigest()
        with self._lock, self._database as database:
            database.execute("INSERT OR IGNORE INTO blob VALUES (?, ?)", (digest, content))
        return digest

    def get(self, digest: str) -> bytes:
        """
        Return stored content.

        :raises KeyError: if the digest is unknown.
        """
        with self._lock:
            row = self._database.execute("SELECT content FROM blob WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise KeyError(digest)
        return bytes(row[0])

    def contents(self) -> set[str]:
        """Return the digests of all stored content."""
        with self._lock:
            return {digest for (digest,) in self._database.execute("SELECT digest FROM blob")}

    def drop(self, digests: Iterable[str]) -> None:
        """Delete stored content by digest."""
        with self._lock, self._database as database:
            database.executemany("DELETE FROM blob WHERE digest = ?", [(digest,) for digest in digests])

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()
