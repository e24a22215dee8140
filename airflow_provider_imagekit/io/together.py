"""Atomic writes: files appear together when all are complete, or not at all."""

from __future__ import annotations

import fcntl
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from airflow_provider_imagekit.io.paths import StoragePath, copy, files_in, fingerprint, is_local

__all__ = ["appear_together", "atomic_write", "remove_leftovers"]

_LEFTOVER = re.compile("(?:unfinished|former)-[0-9a-f]{8}-(.*)", re.DOTALL)
_MAX_AGE = timedelta(days=1)


@contextmanager
def atomic_write(path: StoragePath, workplace: StoragePath) -> Iterator[IO[bytes]]:
    """
    Open a file for writing; it appears at its path complete, or not at all.

    :param path: final path of the file.
    :param workplace: folder on the same storage for the unfinished file.
    """
    with appear_together(workplace) as write, write(path) as stream:
        yield stream


@contextmanager
def appear_together(
    workplace: StoragePath | None = None,
) -> Iterator[Callable[[StoragePath], AbstractContextManager[IO[bytes]]]]:
    """
    Yield a function that opens files for writing; they appear at their paths together, or not at all.

    Each file is written under a temporary name. When all are complete, they are moved: atomically on a file
    system, and by a copy within an object store, whose objects always appear complete. If one move fails, the
    former files are restored.

    :param workplace: folder on the same storage for the unfinished files; by default beside each path.
    :raises Exception: the error of a failed move. If the former files could not be restored either, as in an
        outage of the storage, a note on the error lists where they are kept.
    """
    unfinished: list[tuple[StoragePath, StoragePath]] = []
    with ExitStack() as locks:

        @contextmanager
        def write(path: StoragePath) -> Iterator[IO[bytes]]:
            folder = workplace or path.parent
            folder.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = _temporary("unfinished", path, folder)
            unfinished.append((temporary, path))
            with temporary.open("wb") as stream:
                if is_local(temporary):
                    _lock(locks.enter_context(temporary.open("rb")))
                yield stream

        try:
            yield write
            _move_all(unfinished)
        except BaseException:
            # Also for GeneratorExit and SystemExit: a stop must not leave an incomplete file.
            for temporary, _ in unfinished:
                with suppress(Exception):  # the next run removes it
                    temporary.unlink()
            raise


def remove_leftovers(folder: StoragePath, name: str | None = None) -> None:
    """
    Remove unfinished files of killed tries.

    A local file is locked while it is written, so files of live processes are kept. In an object store, files
    older than a day are removed.

    :param folder: folder of the unfinished files.
    :param name: final name of the files. Without it, all are removed, and the caller must ensure that no
        other process writes there.
    """
    for path in files_in(folder):
        found = _LEFTOVER.fullmatch(path.name)
        if found and name in (None, found[1]) and not _is_written(path, alone=name is None):
            path.unlink()


def _is_written(path: StoragePath, *, alone: bool) -> bool:
    if not is_local(path):
        return not alone and not _is_old(path)
    try:
        with path.open("rb") as file:
            _lock(file)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return True
    return False


def _lock(file: IO[bytes]) -> None:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _temporary(what: str, path: StoragePath, folder: StoragePath) -> StoragePath:
    return folder / f"{what}-{uuid.uuid4().hex[:8]}-{path.name}"


def _is_old(path: Any) -> bool:
    with suppress(NotImplementedError):  # a store without modification times
        modified: datetime = path.fs.modified(path.path)
        return modified.astimezone(UTC) < datetime.now(UTC) - _MAX_AGE
    return False


def _move_all(moves: Sequence[tuple[StoragePath, StoragePath]]) -> None:
    """Move files to their paths; if one move fails, restore the former files at all of them."""
    backups: list[tuple[StoragePath | None, StoragePath]] = []
    try:
        # A single file needs no rollback.
        for temporary, path in moves if len(moves) > 1 else ():
            backup = None if fingerprint(path) is None else _temporary("former", path, temporary.parent)
            backups.append((backup, path))
            if backup is not None:
                _back_up(path, backup)
        for number, (temporary, path) in enumerate(moves, 1):
            try:
                temporary.replace(path)
            except BaseException as error:
                _restore(backups, number, error)
                raise
    finally:
        for backup, _ in backups:
            with suppress(Exception):  # the next run removes it
                if backup is not None:
                    backup.unlink()


def _back_up(path: StoragePath, backup: StoragePath) -> None:
    """Keep the file at a path under a second name."""
    with suppress(NotImplementedError):  # a file system without links, a store without copies
        _link(path, backup)
        return
    with backup.open("wb") as stream:
        copy(path, stream)


def _link(path: StoragePath, backup: Any) -> None:
    if not is_local(path):
        path.fs.cp_file(path.path, backup.path)  # type: ignore[attr-defined]
        return
    try:
        backup.hardlink_to(path)
    except OSError as error:
        raise NotImplementedError from error


def _restore(backups: list[tuple[StoragePath | None, StoragePath]], count: int, error: BaseException) -> None:
    """Restore the first ``count`` former files; one that cannot be restored is kept under its second name."""
    for position, (backup, path) in enumerate(backups[:count]):
        try:
            if backup is not None:
                backup.replace(path)
            elif fingerprint(path) is not None:
                path.unlink()
        except Exception as another:  # noqa: BLE001 - a store can raise anything; the first error counts
            kept = f"; its former content is in {backup}" if backup else ""
            error.add_note(f"{path} could not be restored: {another!r}{kept}.")
            backups[position] = (None, path)
