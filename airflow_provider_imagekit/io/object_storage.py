"""Tables on any storage that Airflow's ``ObjectStoragePath`` reaches."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

from airflow_provider_imagekit.compat import ObjectStoragePath
from airflow_provider_imagekit.exceptions import (
    ImageKitError,
    ImageKitInputError,
    StorageError,
)
from airflow_provider_imagekit.io.paths import appear_together, check_writable, read_locally, remove_leftovers
from airflow_provider_imagekit.io.tables import Columns, format_of, read_rows

if TYPE_CHECKING:
    from airflow_provider_imagekit.io.paths import StoragePath


__all__ = ["check_output", "exists", "read_table", "storage_errors", "storage_path", "upload_together"]

# What stands behind ObjectStoragePath; not all of their errors are OSErrors.
_STORAGE_LIBRARIES = frozenset(
    {"adlfs", "aiobotocore", "aiohttp", "azure", "boto3", "botocore", "fsspec", "gcsfs", "google", "requests"}
    | {"s3fs", "urllib3"}
)

# Which Airflow provider brings the filesystem of a scheme.
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
    Tell whether there is a file.

    :param path: as ``ObjectStoragePath`` reads it.
    :raises StorageError: if the storage does not answer.
    """
    with storage_errors(path):
        return bool(ObjectStoragePath(path).exists())


def read_table(path: str, columns: Columns | None = None, argument: str = "") -> Iterator[dict[str, Any]]:
    """
    Yield the rows of a table, whose form its name's ending tells: ``.jsonl``, ``.csv``, ``.parquet``.

    :param path: as ``ObjectStoragePath`` reads it; an Airflow Connection stands before the bucket
        (``s3://aws_default@bucket/table.parquet``).
    :param columns: which columns of a Parquet file to read; all unless given.
    :param argument: its name, for the error.
    :raises ImageKitInputError: if there is no such file, or it cannot be read as such a table.
    :raises StorageError: if the storage does not answer.
    """
    with storage_errors(path, argument):
        table_format = format_of(path)
        # A copy on this machine can seek, as Parquet must, and costs no call to the storage a line.
        with read_locally(ObjectStoragePath(path)) as file:
            yield from _readable(path, read_rows(file, table_format, columns))


@contextmanager
def upload_together() -> Iterator[Callable[[str], AbstractContextManager[IO[bytes]]]]:
    """
    Yield a function that opens files for writing; they appear together when all are complete, or not at all.

    Unfinished files of a killed process on this machine are removed.

    :raises ImageKitInputError: if a file cannot be written.
    :raises StorageError: if the storage does not take it, as when a disk is full.
    """
    written: list[str] = []
    try:
        with appear_together() as write:

            @contextmanager
            def open_file(path: str) -> Iterator[IO[bytes]]:
                written.append(path)
                target = storage_path(path, "output_path")
                check_writable(target, "output_path")
                remove_leftovers(target.parent, target.name)
                with write(target) as stream:
                    yield stream

            yield open_file
    except OSError as error:
        raise StorageError(f"{', '.join(written)} cannot be written: {error}.") from error


def check_output(path: str) -> None:
    """
    Make sure that a file can be written, before any work is done for it.

    :param path: as ``ObjectStoragePath`` reads it.
    :raises ImageKitInputError: if it cannot.
    """
    check_writable(storage_path(path, "output_path"), "output_path")


@contextmanager
def storage_errors(path: str, argument: str = "") -> Iterator[None]:
    """
    Raise errors of a storage as this package's own: final where a retry cannot help, else retryable.

    Everything else is raised as it is, so that a fault of the program is not reported as one of the network.

    :param path: for the texts.
    :param argument: its name, for the texts.
    :raises ImageKitInputError: if there is no such file, or it may not be opened.
    :raises StorageError: if the storage does not answer.
    """
    named = f"{argument} {path}" if argument else path
    try:
        yield
    except ImageKitError as error:
        if not isinstance(error, ImageKitInputError) or named in error.message:
            raise
        message = error.message.removeprefix(f"{path}: ")
        raise type(error)(f"{named}: {message}", help=error.help) from None
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        relative = "://" not in path and not Path(path).is_absolute()
        raise ImageKitInputError(
            f"{named}: There is no file at {path}.",
            help=f"A relative path begins at this worker's folder, {Path.cwd()}; pass a whole one."
            if relative
            else None,
        ) from None
    except PermissionError as error:
        raise ImageKitInputError(f"{named}: The file may not be opened: {error}.") from None
    except (ValueError, ImportError) as error:  # an unknown scheme, or one whose library is missing
        raise ImageKitInputError(f"{named} cannot be read: {error}.", help=_store_help(path)) from None
    except Exception as error:
        if not isinstance(error, OSError) and not _is_from(error, _STORAGE_LIBRARIES):
            raise
        raise StorageError(f"{path}: the storage does not answer: {error!r}.") from error


def _readable(path: str, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows of an opened table; what its content causes would be the same at the next try."""
    try:
        yield from rows
    except ImageKitError:
        raise
    except Exception as error:
        # An error of the disk has a number; PyArrow raises OSError without one for a corrupt page.
        in_content = (ValueError, csv.Error, RecursionError, OverflowError, EOFError)
        corrupt = isinstance(error, in_content) or (isinstance(error, OSError) and error.errno is None)
        if not corrupt and not _is_from(error, {"pyarrow"}):
            raise
        raise ImageKitInputError(f"{path} cannot be read: {str(error) or type(error).__name__}.") from None


def _is_from(error: Exception, libraries: Collection[str]) -> bool:
    return any(kind.__module__.partition(".")[0] in libraries for kind in type(error).__mro__)


def storage_path(address: Any, argument: str) -> StoragePath:
    """
    Return the path of a file, on this machine or in an object store.

    :param address: a path, or a URL such as ``s3://bucket/key`` or ``gs://my_conn_id@bucket/key``.
    :param argument: its name, for the error.
    :raises ImageKitInputError: if it is none.
    """
    text = str(address or "").strip()
    if not text or text.endswith("/"):
        raise ImageKitInputError(
            f"{argument} is {address!r}, which names no file.",
            help="Use such as s3://bucket/library.parquet or /data/library.jsonl.",
        )
    if "://" not in text or text.startswith("file://"):
        local = Path(text.removeprefix("file://"))
        if not local.is_absolute():
            raise ImageKitInputError(
                f"{argument} is {text!r}, a relative path: it begins at the worker's own folder.",
                help="Pass a whole one, such as /data/library.jsonl or s3://bucket/library.parquet.",
            )
        return local
    try:
        path = ObjectStoragePath(text)
        _ = path.fs
    except (ValueError, ImportError) as error:
        raise ImageKitInputError(
            f"{argument} is {text!r}, whose store cannot be used: {error}.", help=_store_help(text)
        ) from None
    return cast("StoragePath", path)


def _store_help(address: str) -> str:
    """Return which Airflow provider brings the store of an address."""
    scheme = address.partition("://")[0] if "://" in address else ""
    if not scheme:
        return "Use .jsonl, .csv or .parquet."
    provider = _STORE_PROVIDERS.get(scheme)
    if provider:
        return f"Install the Airflow provider of {scheme}://, apache-airflow-providers-{provider}."
    return f"Use one of {', '.join(f'{known}://' for known in _STORE_PROVIDERS)}, or a path on this machine."
