"""
Determines which files of a selection are new, changed or deleted since the last poll. Does no I/O.

All times are ImageKit's ``updatedAt``. Each poll requests the files since a *floor*, which stays an overlap
behind the newest file seen because a search can return a file late. The cursor remembers which files and
versions were reported before.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from airflow_provider_imagekit.exceptions import ImageKitInputError

__all__ = [
    "CHANGED",
    "CURSOR_KEY",
    "DELETED",
    "KINDS",
    "MAX_OVERLAP",
    "MAX_REMEMBERED",
    "MAX_WATCHED",
    "NEW",
    "REPORTED_KEY",
    "Arrival",
    "Cursor",
    "Listing",
    "digest_of",
    "event_of",
    "iso",
    "milliseconds",
]

NEW, CHANGED, DELETED = "new", "changed", "deleted"
KINDS: Final = (NEW, CHANGED, DELETED)

#: Key of a watcher's cursor in the state store of its asset.
CURSOR_KEY: Final = "imagekit_files"
#: Key under which the receiver of webhooks stores what it has reported, in the same state store.
REPORTED_KEY: Final = "imagekit_webhooks"

#: Maximum number of reported files to remember; if one overlap has more, the overlap is shortened.
MAX_REMEMBERED: Final = 2500
#: Maximum number of files of a selection that is watched for deletion.
MAX_WATCHED: Final = 1000
#: Maximum overlap in seconds.
MAX_OVERLAP: Final = 3600.0

#: Maximum number of files listed in an event.
_MAX_NAMED = 20
_DIGEST = 8
_DELTA = 6
_ENTRY = _DIGEST + _DELTA


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    A file that a poll found.

    :param kind: ``new``, ``changed`` or ``deleted``.
    :param file_id: ImageKit's id of the file.
    :param version_id: id of its version; empty for a deleted one.
    :param path: its path in the media library; empty for a deleted one.
    :param updated_ms: ``updatedAt`` in milliseconds since 1970.
    """

    kind: str
    file_id: str
    version_id: str = ""
    path: str = ""
    updated_ms: int = 0

    @classmethod
    def of(cls, file: Mapping[str, Any], floor_ms: int) -> Arrival:
        """
        Return the arrival of a listed file.

        It is ``new`` if it is in its first version and was created since the floor.

        :param file: as ImageKit lists it.
        :param floor_ms: time from which files are listed, in milliseconds since 1970.
        """
        file_id = str(file["fileId"])
        version = str((file.get("versionInfo") or {}).get("id") or file_id)
        updated = milliseconds(file["updatedAt"])
        first = version == file_id and milliseconds(file.get("createdAt") or file["updatedAt"]) >= floor_ms
        return cls(NEW if first else CHANGED, file_id, version, str(file.get("filePath") or ""), updated)

    @property
    def digest(self) -> str:
        """Key under which the file and its version are remembered."""
        return digest_of(self.file_id, self.version_id)


@dataclass(frozen=True, slots=True)
class Listing:
    """
    The result of polling a selection once.

    :param files: files since a floor, as ImageKit lists them.
    :param present: ids of all files of the selection; ``None`` if they were not requested.
    """

    files: Sequence[Mapping[str, Any]]
    present: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """
    The state of a watch: which files were reported so far. At most 64 kB as JSON.

    :param floor_ms: time from which files are listed, in milliseconds since 1970.
    :param since_ms: ``updatedAt`` of the newest file seen, in milliseconds since 1970.
    :param reported: ``updatedAt`` by digest of the reported files since the floor.
    :param present: ids of the selection's files at the last poll; ``None`` if deletions are not watched.
    :param missing: ids that were missing for the first time at the last poll.
    """

    floor_ms: int
    since_ms: int
    reported: Mapping[str, int] = field(default_factory=dict)
    present: frozenset[str] | None = None
    missing: frozenset[str] = frozenset()

    @classmethod
    def at(cls, now_ms: int, overlap_ms: int) -> Cursor:
        """Return the cursor of a watch that starts now."""
        return cls(now_ms - overlap_ms, now_ms - overlap_ms)

    def take(
        self,
        listing: Listing,
        *,
        now_ms: int,
        overlap_ms: int,
        known: frozenset[str] = frozenset(),
        until_ms: int | None = None,
    ) -> tuple[list[Arrival], Cursor]:
        """
        Return the files of a listing that were not reported yet, and the next cursor.

        :param listing: the files since this cursor's floor, or an earlier one.
        :param now_ms: the current time; it limits how far a wrong ``updatedAt`` can move the cursor.
        :param overlap_ms: how far the floor stays behind the newest file.
        :param known: digests of files that were already reported elsewhere.
        :param until_ms: files updated after this time are left to the next poll.
        """
        files = [Arrival.of(file, self.floor_ms) for file in listing.files if file.get("fileId")]
        files = [file for file in files if self.floor_ms <= file.updated_ms <= (until_ms or file.updated_ms)]
        fresh = [file for file in files if file.digest not in self.reported]
        newest = min(max((file.updated_ms for file in files), default=0), now_ms + overlap_ms)
        since = max(self.since_ms, newest)
        reported = {**self.reported, **{file.digest: file.updated_ms for file in files}}
        floor, reported = _bounded(max(self.floor_ms, since - overlap_ms), reported)
        gone, present, missing = self._absent(listing.present)
        found = [file for file in (*fresh, *gone) if file.digest not in known]
        return found, Cursor(floor, since, reported, present, missing)

    def _absent(
        self, present: frozenset[str] | None
    ) -> tuple[list[Arrival], frozenset[str] | None, frozenset[str]]:
        """Return deleted, present and missing files; a file counts as deleted once two polls miss it."""
        if present is None or self.present is None:
            return [], self.present if present is None else present, self.missing
        absent = (self.present | self.missing) - present
        waiting = absent - self.missing
        if len(waiting) + len(present) > MAX_WATCHED:
            waiting = frozenset()
        gone = [Arrival(DELETED, file_id) for file_id in sorted(absent - waiting)]
        return gone, present, waiting

    def to_json(self) -> dict[str, Any]:
        """Return the cursor as plain JSON."""
        entries = (
            f"{digest}{min(max(moment - self.floor_ms, 0), 16**_DELTA - 1):0{_DELTA}x}"
            for digest, moment in self.reported.items()
        )
        state = {"floor": self.floor_ms, "since": self.since_ms, "reported": "".join(entries)}
        if self.present is None:
            return state
        return {**state, "present": " ".join(sorted(self.present)), "missing": " ".join(sorted(self.missing))}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Cursor:
        """
        Return the cursor that :meth:`to_json` wrote.

        :raises ImageKitInputError: if the state is not valid.
        """
        try:
            floor, since, text = int(state["floor"]), int(state["since"]), str(state["reported"])
            entries = [text[start : start + _ENTRY] for start in range(0, len(text), _ENTRY)]
            reported = {entry[:_DIGEST]: floor + int(entry[_DIGEST:], 16) for entry in entries}
            cursor = cls(floor, since, reported)
            if "present" not in state:
                return cursor
            present, missing = (frozenset(str(state[name]).split()) for name in ("present", "missing"))
            return replace(cursor, present=present, missing=missing)
        except (KeyError, TypeError, ValueError):
            raise ImageKitInputError(
                "The stored state of the watch cannot be read.",
                help="Another version of the provider may have written it. Delete it to start from now.",
            ) from None


def _bounded(floor: int, reported: Mapping[str, int]) -> tuple[int, dict[str, int]]:
    """Return the floor and the reported files since it; the floor rises if there are too many."""
    above = {digest: moment for digest, moment in reported.items() if moment >= floor}
    if len(above) <= MAX_REMEMBERED:
        return floor, above
    floor = sorted(above.values(), reverse=True)[MAX_REMEMBERED] + 1
    return floor, {digest: moment for digest, moment in above.items() if moment >= floor}


def event_of(arrivals: Iterable[Arrival]) -> dict[str, Any]:
    """
    Return the payload of an event or a sensor: a hint from which a task starts its own search.

    :param arrivals: the files, at least one.
    :return: ``from`` and ``to`` (their first and last ``updatedAt``; ``None`` if all are deleted), ``count``,
        ``new``, ``changed``, ``deleted``, and the first 20 ``files``.
    """
    found = sorted(arrivals, key=lambda file: (file.kind == DELETED, file.updated_ms))
    times = [file.updated_ms for file in found if file.kind != DELETED]
    return {
        "from": iso(times[0]) if times else None,
        "to": iso(times[-1]) if times else None,
        "count": len(found),
        **{kind: sum(file.kind == kind for file in found) for kind in KINDS},
        "files": [_named(file) for file in found[:_MAX_NAMED]],
    }


def _named(file: Arrival) -> dict[str, str]:
    named = {"kind": file.kind, "fileId": file.file_id}
    return named if file.kind == DELETED else {**named, "versionId": file.version_id, "filePath": file.path}


def digest_of(file_id: str, version_id: str) -> str:
    """Return 8 characters that identify a version of a file."""
    digest = hashlib.sha256(f"{file_id}\n{version_id}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:6]).decode()


def milliseconds(text: object) -> int:
    """Convert a time such as ``2026-03-01T00:00:00.000Z`` to milliseconds since 1970."""
    moment = datetime.fromisoformat(str(text))
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


def iso(moment_ms: int) -> str:
    """Return a time in ImageKit's format."""
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
