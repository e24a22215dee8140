"""What a place to write to must be able to do, as ``pathlib.Path`` and ``ObjectStoragePath`` both are."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, Self, TypeGuard

__all__ = ["StoragePath", "atomic_write", "copy", "files_in", "is_local", "read_locally"]

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

    def open(self, mode: str) -> Any:
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


def is_local(path: StoragePath) -> TypeGuard[Path]:
    """Tell whether a path is of this machine: what is written there can be read before the file is closed."""
    # The paths of object stores descend from pathlib.Path too on Airflow 2.
    return isinstance(path, Path) and not hasattr(path, "protocol")


def files_in(folder: StoragePath) -> list[StoragePath]:
    """Return what is in a folder by name; nothing if there is no such folder."""
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


@contextmanager
def atomic_write(path: StoragePath, workplace: StoragePath) -> Iterator[IO[bytes]]:
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


@contextmanager
def read_locally(path: StoragePath) -> Iterator[IO[bytes]]:
    """Open a file for reading, from a copy on this machine if it is elsewhere: what opens here can seek."""
    if is_local(path):
        with path.open("rb") as stream:
            yield stream
    else:
        with tempfile.TemporaryFile(prefix="imagekit-") as local:
            _pour(path, local)
            local.seek(0)
            yield local


def copy(source: StoragePath, target: Path) -> None:
    """Copy a file of any store to this machine."""
    with target.open("wb") as outgoing:
        _pour(source, outgoing)


def _pour(source: StoragePath, outgoing: IO[bytes]) -> None:
    with source.open("rb") as incoming:
        shutil.copyfileobj(incoming, outgoing, _CHUNK)
