"""What a place to write to must be able to do, as ``pathlib.Path`` and ``ObjectStoragePath`` both are."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, Self

__all__ = ["StoragePath", "can_append", "copy", "files_in", "written_whole"]

_CHUNK = 1 << 20


class StoragePath(Protocol):
    """A file or folder, on a disk or in an object store."""

    @property
    def name(self) -> str:
        """Return its last part."""

    @property
    def parent(self) -> Self:
        """Return the folder that it is in."""

    def __truediv__(self, name: str) -> Self:
        """Return a path below it."""

    def open(self, mode: str = "r") -> Any:
        """Open the file."""

    def exists(self) -> bool:
        """Tell whether it is there."""

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> Any:
        """Make the folder, where folders are made."""

    def iterdir(self) -> Iterable[Self]:
        """Yield what is in the folder."""

    def unlink(self) -> Any:
        """Remove the file."""

    def replace(self, target: Self) -> Any:
        """Move the file to another path, whatever is there."""


def can_append(path: StoragePath) -> bool:
    """Tell whether what is written to a file can be read before the file is closed: not in object stores."""
    return isinstance(path, Path)


def files_in(folder: StoragePath) -> list[StoragePath]:
    """Return what is in a folder by name; nothing if there is no such folder."""
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except FileNotFoundError:
        return []


@contextmanager
def written_whole(path: StoragePath, workplace: StoragePath) -> Iterator[IO[bytes]]:
    """
    Open a file for writing that appears at its path complete, or not at all.

    The file grows under another name and is then moved: one step on a file system, and in an object store a
    copy within the store, which appears whole as every object does.

    :param path: where the file shall appear.
    :param workplace: folder of the same store for the unfinished file.
    """
    workplace.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = workplace / f"unfinished-{uuid.uuid4().hex[:8]}-{path.name}"
    try:
        with unfinished.open("wb") as stream:
            yield stream
        unfinished.replace(path)
    except BaseException:
        # GeneratorExit and SystemExit too: whoever stops half-way must not leave half a file.
        if unfinished.exists():
            unfinished.unlink()
        raise


def copy(source: StoragePath, target: Path) -> None:
    """Copy a file of any store to this machine."""
    with source.open("rb") as incoming, target.open("wb") as outgoing:
        while chunk := incoming.read(_CHUNK):
            outgoing.write(chunk)
