"""The lease of a table: a file beside the table ensures that only one run at a time works on it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import TableInUseError
from airflow_provider_imagekit.io.marks import Mark, read_json
from airflow_provider_imagekit.io.tables import json_line
from airflow_provider_imagekit.io.together import atomic_write

if TYPE_CHECKING:
    from airflow_provider_imagekit.io.paths import StoragePath

__all__ = ["Lease"]


class Lease:
    """
    The exclusive right of a run to replace a table. It expires some minutes after its last renewal.

    A new try of the same run takes over the lease at once; if the previous try is still running, it stops.
    Instances of one mapped task may not take it one after another: each would replace the other's rows.

    :param folder: folder of the lease, beside the table.
    :param owner: identifies the run across all its tries; see
        :class:`~airflow_provider_imagekit.io.marks.Mark`.
    :param seconds: how long the lease is valid without renewal.
    :param clock: seconds since the epoch.
    """

    def __init__(
        self,
        folder: StoragePath,
        *,
        owner: str,
        seconds: float = 300.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = folder / "lease.json"
        self.mark = Mark(folder / "writer.json", folder.name.removesuffix(".run"), owner)
        self._folder = folder
        self._owner = owner
        self._seconds = seconds
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._written: float | None = None

    def acquire(self) -> None:
        """
        Take the lease.

        :raises TableInUseError: if another run holds it.
        :raises ImageKitInputError: if another instance of this mapped task has written the table.
        """
        self.mark.refuse_siblings()
        held = self._read()
        if held.get("owner") not in (None, self._owner) and held["until"] > self._clock():
            raise self._in_use(held)
        self._write()
        self.check()

    def renew(self) -> None:
        """
        Renew the lease if it is due.

        :raises TableInUseError: if another run or try has taken it.
        """
        if self._written is not None and self._clock() - self._written >= self._seconds / 5:
            self.check()
            self._write()

    def check(self) -> None:
        """
        Check that this run still holds the lease.

        :raises TableInUseError: if it does not.
        """
        held = self._read()
        if held.get("token") != self._token:
            self._written = None
            raise self._in_use(held)

    def release(self) -> None:
        """Release the lease if this run holds it."""
        if self._written is not None and self._read().get("token") == self._token:
            self._path.unlink()
        self._written = None

    def _read(self) -> dict[str, Any]:
        """Return the content of the lease; an empty object if the file is missing or damaged."""
        held = read_json(self._path)
        try:
            return {"owner": str(held["owner"]), "token": held["token"], "until": float(held["until"])}
        except (ValueError, TypeError, KeyError):
            return {}

    def _write(self) -> None:
        self._written = self._clock()
        held = {"owner": self._owner, "token": self._token, "until": self._written + self._seconds}
        with atomic_write(self._path, self._folder) as stream:
            stream.write(json_line(held))

    def _in_use(self, held: dict[str, Any]) -> TableInUseError:
        if not held:
            return TableInUseError(f"The lease {self._path} of this run was removed.")
        until = datetime.fromtimestamp(held["until"], UTC).isoformat(" ", "seconds")
        return TableInUseError(
            f"The table is in use by the run {held['owner']!r}, whose lease lasts until {until}.",
            help=f"Retry after that run. If it no longer exists, wait until then or delete {self._path}.",
        )
