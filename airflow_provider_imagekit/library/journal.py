"""The journal of a run: its results so far, stored beside the table so that the next try can resume."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, Any

from airflow_provider_imagekit.io.paths import StoragePath, files_in, is_local, read_locally
from airflow_provider_imagekit.io.tables import json_line, json_text

__all__ = ["Event", "Journal"]

#: A page, a result or a marker as plain JSON; one of its keys identifies the kind.
Event = dict[str, Any]

_PREFIX = "journal-"
_DIGEST = 8
# Bytes of a line before the first key.
_HEAD = 2 * _DIGEST + len(" {")

# Seconds after which the journal of an abandoned run is removed.
_MAX_AGE = 7 * 24 * 3600.0


class Journal:
    """
    A sequence of files. The first line of each file identifies the run that wrote it; every line is a
    checksum and an event as JSON. Damaged lines are ignored.

    On a file system, each event is written as soon as it is appended. An object store shows a file only once
    it is closed, so the events of some seconds are written as one object, and a kill loses at most these.

    :param folder: folder of the files.
    :param run: identifies the run; the listing of another run is out of date.
    :param settings: digest of what the events depend on; journals with other settings are ignored.
    :param checkpoint: seconds for which events may be buffered where files cannot be appended to.
    :param clock: monotonic seconds.
    :param wall_clock: seconds since the epoch.
    """

    def __init__(
        self,
        folder: StoragePath,
        *,
        run: str,
        settings: str,
        checkpoint: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._run = run
        self._settings = settings
        self._checkpoint = 0.0 if is_local(folder) else checkpoint
        self._clock = clock
        self._wall_clock = wall_clock
        self._of_others: list[StoragePath] = []
        self._obsolete: list[StoragePath] = []
        #: Number of damaged lines in the last reading.
        self.damaged = 0
        self._buffer: list[bytes] = []
        self._since = clock()
        self._number = 0
        self._file: IO[bytes] | None = None
        self._own: list[StoragePath] = []

    def earlier(self, *, without: str = "") -> Iterator[tuple[bool, Event]]:
        """
        Yield the events of earlier tries, each with whether this run wrote it.

        :param without: first key of events to skip.
        """
        start = json_text(without).encode() if without else b"}"
        self.damaged = 0
        self._of_others, self._obsolete = [], []
        for path in self._files():
            with read_locally(path) as stream:
                whose = _event(stream.readline())
                is_ours = self._classify(path, whose)
                if whose is None or whose.get("settings") != self._settings:
                    continue
                for line in stream:
                    if line.startswith(start, _HEAD) and _text(line):
                        continue
                    if (event := _event(line)) is not None:
                        yield is_ours, event
                    elif line.endswith(b"\n"):  # the last line of a killed try can be cut off
                        self.damaged += 1

    def _classify(self, path: StoragePath, whose: Event | None) -> bool:
        """Return whether this run wrote a file, and determine when the file may be removed."""
        if whose is None:
            self.damaged += 1
            self._obsolete.append(path)
            return False
        if whose.get("run") == self._run:
            self._obsolete.append(path)
            return True
        if whose.get("settings") == self._settings:
            self._of_others.append(path)
        elif self._wall_clock() - whose.get("at", 0.0) > _MAX_AGE:
            self._obsolete.append(path)
        return False

    def append(self, event: Event, **lists: Iterable[bytes]) -> None:
        """
        Append an event.

        :param event: the event.
        :param lists: lists that are written first in the event; their items are already JSON.
        """
        items = (b'"%b":[%b],' % (name.encode(), b",".join(values)) for name, values in lists.items())
        self._buffer.append(_line(event, b"".join(items)))
        if self._clock() - self._since >= self._checkpoint:
            self.flush()

    def flush(self) -> None:
        """Write all buffered events, so that they survive this process."""
        self._since = self._clock()
        if self._buffer:
            lines, self._buffer = b"".join(self._buffer), []
            if self._file is not None:
                self._file.write(lines)
            else:
                self._write(lines)

    def close(self) -> None:
        """Flush, and close the file."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def clear(self, *, of_others: bool = False) -> None:
        """
        Remove the files of this run, whose events are now in the table.

        :param of_others: whether to remove the files read from other runs, too.
        """
        self._buffer.clear()
        self.close()
        for path in (*self._own, *self._obsolete, *(self._of_others if of_others else ())):
            with suppress(FileNotFoundError):
                path.unlink()
        self._own.clear()

    def _write(self, lines: bytes) -> None:
        self._number = self._number or 1 + max((_number(path) for path in self._files()), default=0)
        # The name is unique, because a try that was presumed dead may still be writing.
        path = self._folder / f"{_PREFIX}{self._number:06}-{uuid.uuid4().hex[:8]}.jsonl"
        self._number += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        self._own.append(path)
        lines = _line({"run": self._run, "settings": self._settings, "at": self._wall_clock()}) + lines
        if is_local(path):
            self._file = path.open("wb", buffering=0)
            self._file.write(lines)
        else:
            with path.open("wb") as stream:
                stream.write(lines)

    def _files(self) -> list[StoragePath]:
        return [path for path in files_in(self._folder) if path.name.startswith(_PREFIX)]


def _line(event: Event, first: bytes = b"") -> bytes:
    text = b"{" + first + json_line(event)[1:]
    return _checksum(text) + b" " + text


def _text(line: bytes) -> bytes | None:
    """Return the JSON of a line, or ``None`` if the checksum does not match."""
    checksum, _, text = line.partition(b" ")
    return text if checksum == _checksum(text) else None


def _event(line: bytes) -> Event | None:
    try:
        event = json.loads(_text(line) or b"")
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _checksum(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=_DIGEST).hexdigest().encode()


def _number(path: StoragePath) -> int:
    digits = path.name.removeprefix(_PREFIX).partition("-")[0]
    return int(digits) if digits.isdecimal() else 0
