"""Reads and writes tables on any storage that Airflow's ``ObjectStoragePath`` supports."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self, cast

from airflow_provider_imagekit.arguments import optional_text
from airflow_provider_imagekit.compat import ObjectStoragePath
from airflow_provider_imagekit.exceptions import (
    ImageKitError,
    ImageKitInputError,
    StorageError,
)
from airflow_provider_imagekit.io.arrow_tables import TakenColumns
from airflow_provider_imagekit.io.paths import check_writable, forget_listings, read_locally
from airflow_provider_imagekit.io.tables import Columns, TableFormat, format_of, read_columns, read_rows
from airflow_provider_imagekit.io.together import appear_together, remove_leftovers

if TYPE_CHECKING:
    from airflow_provider_imagekit.io.paths import StoragePath


__all__ = [
    "StoredTable",
    "address_errors",
    "check_output",
    "exists",
    "open_locally",
    "read_table",
    "storage_errors",
    "storage_faults",
    "storage_path",
    "upload_together",
]

# Libraries that ObjectStoragePath uses; not all of their errors are OSErrors.
_STORAGE_LIBRARIES = frozenset(
    {"adlfs", "aiobotocore", "aiohttp", "azure", "boto3", "botocore", "fsspec", "gcsfs", "google", "requests"}
    | {"s3fs", "urllib3"}
)

# The Airflow provider that has the filesystem of each scheme.
_STORE_PROVIDERS: Final = {
    "s3": "amazon[s3fs]",
    "s3a": "amazon[s3fs]",
    "gs": "google",
    "gcs": "google",
    "abfs": "microsoft-azure",
    "abfss": "microsoft-azure",
    "adl": "microsoft-azure",
    "http": "common-io",
    "https": "common-io",
}


def exists(path: str) -> bool:
    """
    Return whether a file exists.

    :param path: any path that ``ObjectStoragePath`` accepts.
    :raises StorageError: if the storage does not respond.
    """
    with storage_errors(path), address_errors(path):
        file = ObjectStoragePath(path)
        forget_listings(file)
        return bool(file.exists())


def read_table(path: str, columns: Columns | None = None) -> Iterator[dict[str, Any]]:
    """
    Yield the rows of a table; the extension of its name is its format: ``.jsonl``, ``.csv``, ``.parquet``.

    :param path: any path that ``ObjectStoragePath`` accepts; an Airflow Connection precedes the bucket
        (``s3://aws_default@bucket/table.parquet``).
    :param columns: selects the columns to read from a Parquet file; all by default.
    :raises ImageKitInputError: if the file does not exist, or cannot be read as such a table.
    :raises StorageError: if the storage does not respond.
    """
    with storage_errors(path):
        table_format = format_of(path)
        # A local copy can seek, which Parquet needs, and reading a line costs no call to the storage.
        with open_locally(path) as file:
            yield from _readable(path, read_rows(file, table_format, columns))


@contextmanager
def open_locally(path: str) -> Iterator[IO[bytes]]:
    """
    Open a file for reading, from a local copy if it is on another machine.

    :param path: any path that ``ObjectStoragePath`` accepts.
    :raises ImageKitInputError: if the file does not exist, or cannot be read.
    :raises StorageError: if the storage does not respond.
    """
    with storage_errors(path), ExitStack() as opened:
        with address_errors(path):
            file = opened.enter_context(read_locally(ObjectStoragePath(path)))
        yield file


class StoredTable:
    """
    A table that can be read by columns repeatedly from one local copy; use it as a context manager.

    :param path: see :func:`read_table`.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with storage_errors(self._path):
            self._form = format_of(self._path)
            self._file = self._resources.enter_context(open_locally(self._path))
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def can_take(self) -> bool:
        """Return whether :meth:`take` can be used to save memory: it needs Parquet and NumPy."""
        return self._form is TableFormat.PARQUET and find_spec("numpy") is not None

    def columns(self, columns: Columns) -> Iterator[dict[str, list[Any]]]:
        """
        Yield rows as columns, as :func:`~airflow_provider_imagekit.io.tables.read_columns` does.

        :raises ImageKitInputError: if the table cannot be read.
        :raises StorageError: if the disk or the storage fails.
        """
        self._file.seek(0)
        with storage_errors(self._path):
            yield from _readable(self._path, read_columns(self._file, self._form, columns))

    def take(self, names: Iterable[str], rows: Any) -> TakenColumns:
        """
        Return columns of some rows; see :class:`~airflow_provider_imagekit.io.arrow_tables.TakenColumns`.

        :raises ImageKitInputError: if the table cannot be read.
        """
        with storage_errors(self._path):
            return TakenColumns(self._file, names, rows)


@contextmanager
def upload_together() -> Iterator[Callable[[str], AbstractContextManager[IO[bytes]]]]:
    """
    Yield a function that opens files for writing; they appear together when all are complete, or not at all.

    Unfinished local files of a killed process are removed.

    :raises ImageKitInputError: if a file cannot be written.
    :raises StorageError: if the storage does not accept it, for example because a disk is full.
    """
    written: list[str] = []
    with storage_faults(written), appear_together() as write:

        @contextmanager
        def open_file(path: str) -> Iterator[IO[bytes]]:
            written.append(path)
            target = storage_path(path, "output_path")
            check_writable(target, "output_path")
            remove_leftovers(target.parent, target.name)
            with write(target) as stream:
                yield stream

        yield open_file


def check_output(*paths: str) -> None:
    """
    Check that files can be written, before any work is done for them.

    :param paths: any paths that ``ObjectStoragePath`` accepts; each folder is tested once.
    :raises ImageKitInputError: if a file cannot be written.
    :raises StorageError: if the storage does not respond.
    """
    folders: list[StoragePath] = []
    for path in paths:
        with storage_faults([path]):
            target = storage_path(path, "output_path")
            check_writable(target, "output_path", beside=folders)
        folders.append(target.parent)


@contextmanager
def storage_faults(paths: Collection[str]) -> Iterator[None]:
    """
    Convert errors of a disk or an object store's client to an error that is worth a retry.

    :param paths: paths of the written files, for the message.
    :raises StorageError: from the original error.
    """
    try:
        yield
    except ImageKitError:
        raise
    except Exception as error:
        if not isinstance(error, OSError) and not _is_from(error, _STORAGE_LIBRARIES):
            raise
        raise StorageError(f"{', '.join(paths)} cannot be written: {error}.") from error


@contextmanager
def storage_errors(path: str) -> Iterator[None]:
    """
    Convert errors of a storage to this package's errors: final if a retry cannot help, else retryable.

    Other errors are raised unchanged, so that a bug is not reported as a network error.

    :param path: path of the file, for the messages.
    :raises ImageKitInputError: if the file does not exist, or may not be opened.
    :raises StorageError: if the storage does not respond.
    """
    try:
        yield
    except ImageKitError as error:
        if isinstance(error, ImageKitInputError) and path not in error.message:
            raise error.about(path) from None
        raise
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        relative = "://" not in path and not Path(path).is_absolute()
        help_text = f"A relative path starts in this worker's folder, {Path.cwd()}." if relative else None
        raise ImageKitInputError(f"There is no file at {path}.", help=help_text) from None
    except PermissionError as error:
        raise ImageKitInputError(f"The file at {path} may not be opened: {error}.") from None
    except Exception as error:
        if not isinstance(error, OSError) and not _is_from(error, _STORAGE_LIBRARIES):
            raise
        raise StorageError(f"{path}: the storage does not respond: {error!r}.") from error


@contextmanager
def address_errors(path: str) -> Iterator[None]:
    """
    Convert errors of an invalid address: an unknown scheme, or a scheme whose library is missing.

    Use it only around opening a file, because processing its content raises errors of the same classes.

    :param path: the address, for the message.
    :raises ImageKitInputError: from the original error.
    """
    try:
        yield
    except ImageKitError:
        raise
    except (ValueError, ImportError) as error:
        if _is_from(error, _STORAGE_LIBRARIES):
            raise
        raise ImageKitInputError(f"{path} cannot be read: {error}.", help=_store_help(path)) from None


def _readable(path: str, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of an open table; errors of its content are final, as the next try would fail too."""
    try:
        yield from rows
    except ImageKitError:
        raise
    except Exception as error:
        # A disk error has an errno; PyArrow raises an OSError without one for a corrupt page.
        in_content = (ValueError, csv.Error, RecursionError, OverflowError, EOFError)
        corrupt = isinstance(error, in_content) or (isinstance(error, OSError) and error.errno is None)
        if not corrupt and not _is_from(error, {"pyarrow"}):
            raise
        raise ImageKitInputError(f"{path} cannot be read: {str(error) or type(error).__name__}.") from None


def _is_from(error: Exception, libraries: Collection[str]) -> bool:
    return any(kind.__module__.partition(".")[0] in libraries for kind in type(error).__mro__)


def storage_path(address: Any, argument: str) -> StoragePath:
    """
    Return the path of a file on this machine or in an object store.

    :param address: a path, or a URL such as ``s3://bucket/key`` or ``gs://my_conn_id@bucket/key``.
    :param argument: name of the argument, for the error.
    :raises ImageKitInputError: if the address is not valid.
    """
    text = optional_text(str(address or ""), argument) or ""
    if not text or text.endswith("/") or "\0" in text:
        raise ImageKitInputError(
            f"{argument} is {address!r}, which names no file.",
            help="Use a path such as s3://bucket/library.parquet or /data/library.jsonl.",
        )
    if "://" not in text or text.startswith("file://"):
        local = Path(text.removeprefix("file://"))
        if not local.is_absolute():
            raise ImageKitInputError(
                f"{argument} is {text!r}, a relative path, which would start in the worker's folder.",
                help="Pass an absolute path such as /data/library.jsonl, or s3://bucket/library.parquet.",
            )
        return local
    try:
        path = ObjectStoragePath(text)
        _ = path.fs
    except (ValueError, ImportError) as error:
        raise ImageKitInputError(
            f"{argument} is {text!r}, whose storage cannot be used: {error}.", help=_store_help(text)
        ) from None
    return cast("StoragePath", path)


def _store_help(address: str) -> str | None:
    """Return which Airflow provider to install for the storage of an address."""
    scheme, found, _ = address.partition("://")
    if not found:
        return None
    if provider := _STORE_PROVIDERS.get(scheme):
        return f"Install the Airflow provider for {scheme}://, apache-airflow-providers-{provider}."
    return f"Use one of {', '.join(f'{known}://' for known in _STORE_PROVIDERS)}, or a path on this machine."
