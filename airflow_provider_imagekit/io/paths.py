"""The interface shared by ``pathlib.Path`` and ``ObjectStoragePath``, and functions for both."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol, Self, TypeGuard

from airflow_provider_imagekit.exceptions import ImageKitInputError

__all__ = [
    "StoragePath",
    "check_writable",
    "copy",
    "files_in",
    "fingerprint",
    "forget_listings",
    "is_local",
    "read_locally",
]

_CHUNK = 1 << 20

# Errors that would occur again in the next try.
_LASTING = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.EEXIST,
}


class StoragePath(Protocol):
    """A file or folder, on a disk or in an object store."""

    @property
    def name(self) -> str:
        """Return the last part of the path."""

    @property
    def parent(self) -> Self:
        """Return the parent folder."""

    def __truediv__(self, name: str) -> Self:
        """Return a path below it."""

    def open(self, mode: str) -> Any:
        """Open the file."""

    def exists(self) -> bool:
        """Return whether it exists."""

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> Any:
        """Create the folder, where the storage has folders."""

    def iterdir(self) -> Iterable[Self]:
        """Yield what is in the folder."""

    def unlink(self) -> Any:
        """Remove the file."""

    def replace(self, target: Self) -> Any:
        """Move the file to another path, and replace an existing file there."""


def is_local(path: StoragePath) -> TypeGuard[Path]:
    """Return whether a path is on this machine, where files can be read while they are being written."""
    # On Airflow 2, paths of object stores are subclasses of pathlib.Path, too.
    return isinstance(path, Path) and not hasattr(path, "protocol")


def forget_listings(path: StoragePath) -> None:
    """Clear an object store client's cache of listings: other processes may have changed the folders."""
    if not is_local(path):
        path.fs.invalidate_cache()  # type: ignore[attr-defined]


def files_in(folder: StoragePath) -> list[StoragePath]:
    """Return the content of a folder sorted by name; nothing if the folder does not exist."""
    forget_listings(folder)
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def check_writable(path: StoragePath, argument: str, *, beside: Collection[StoragePath] = ()) -> None:
    """
    Check that a file can be written, before any work is done for it.

    :param path: the file; its folder can be missing.
    :param argument: name of the argument with the path, for the error.
    :param beside: folders that are known to be writable; for files in them, only the name is checked.
    :raises ImageKitInputError: if the file cannot be written.
    """
    folder = path.parent
    try:
        _check_name(path)
        if folder in beside:
            return
        missing: list[str] = []
        while is_local(folder) and not os.path.lexists(folder):  # a dangling link counts as existing
            missing.append(folder.name)
            folder = folder.parent
        for name in missing:
            _check_name(folder / name)
        probe = folder / f"unfinished-{uuid.uuid4().hex[:8]}-{path.name}"
        try:
            with probe.open("wb") as stream:
                stream.write(b"\n")
        finally:  # on a full disk, the empty file was created
            with suppress(FileNotFoundError):  # raised by a store that fails for a moment
                probe.unlink()
    except OSError as error:
        if error.errno is not None and error.errno not in _LASTING:
            raise
        raise ImageKitInputError(
            f"{argument} is {str(path)!r}, which cannot be written: {error}.",
            help="Check that the folder exists or can be created, and that this worker may write there.",
        ) from None


def fingerprint(path: StoragePath) -> str | None:
    """Return a text that changes whenever the file is replaced; ``None`` if the file does not exist."""
    try:
        if is_local(path):
            status = path.stat()
            return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"
        forget_listings(path)
        return str(path.checksum())  # type: ignore[attr-defined]
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextmanager
def read_locally(path: StoragePath) -> Iterator[IO[bytes]]:
    """Open a file for reading, from a local copy if it is on another machine; the opened file can seek."""
    if is_local(path):
        with path.open("rb") as stream:
            yield stream
    else:
        forget_listings(path)
        with tempfile.TemporaryFile(prefix="imagekit-") as local:
            copy(path, local)
            local.seek(0)
            yield local


def copy(source: StoragePath, outgoing: IO[bytes]) -> None:
    """Copy a file of any storage into an open file."""
    with source.open("rb") as incoming:
        shutil.copyfileobj(incoming, outgoing, _CHUNK)


def _check_name(path: StoragePath) -> None:
    """Raise an ``OSError`` for a folder, a loop of links, and a name that the disk does not accept."""
    if is_local(path):
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(path.stat().st_mode):
                raise IsADirectoryError(errno.EISDIR, "It is a folder", str(path))
