"""Tables on any storage that Airflow's ``ObjectStoragePath`` reaches."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from airflow_provider_imagekit.compat import ObjectStoragePath
from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitInputError, ImageKitTransportError
from airflow_provider_imagekit.io.paths import read_locally
from airflow_provider_imagekit.io.tables import Columns, format_of, read_rows

__all__ = ["exists", "read_table", "storage_errors", "upload_whole"]

_CHUNK = 1 << 20


def exists(path: str) -> bool:
    """
    Tell whether there is a file.

    :param path: as ``ObjectStoragePath`` reads it.
    :raises ImageKitTransportError: if the storage does not answer.
    """
    with storage_errors(path):
        return bool(ObjectStoragePath(path).exists())


def read_table(path: str, columns: Columns | None = None) -> Iterator[dict[str, Any]]:
    """
    Yield the rows of a table, whose form its name's ending tells: ``.jsonl``, ``.csv``, ``.parquet``.

    :param path: as ``ObjectStoragePath`` reads it; an Airflow Connection stands before the bucket
        (``s3://aws_default@bucket/table.parquet``).
    :param columns: which columns of a Parquet file to read; all unless given.
    :raises ImageKitInputError: if there is no such file, or it cannot be read as such a table.
    :raises ImageKitTransportError: if the storage does not answer.
    """
    with storage_errors(path):
        table_format = format_of(path)
        # A copy on this machine can seek, as Parquet must, and costs no call to the storage a line.
        with read_locally(ObjectStoragePath(path)) as file:
            yield from read_rows(file, table_format, columns)


@contextmanager
def upload_whole(path: str) -> Iterator[IO[bytes]]:
    """
    Open a file for writing that is sent to the storage when all of it is there, and not at all if it fails.

    :param path: as ``ObjectStoragePath`` reads it; folders are made where the storage has some.
    :raises ImageKitTransportError: if the storage does not take it.
    """
    with tempfile.TemporaryFile() as whole:
        yield whole
        whole.seek(0)
        with storage_errors(path):
            target = ObjectStoragePath(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(whole, file, _CHUNK)


@contextmanager
def storage_errors(path: str) -> Iterator[None]:
    """Raise what a retry may mend as another class than what it cannot; storages raise anything."""
    try:
        yield
    except ImageKitError as error:
        if isinstance(error, ImageKitInputError) and path not in error.message:
            raise type(error)(f"{path}: {error.message}", help=error.help) from error
        raise
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise ImageKitInputError(f"There is no file at {path}.") from error
    except PermissionError as error:
        raise ImageKitInputError(f"The file at {path} may not be opened: {error}.") from error
    except (ValueError, csv.Error) as error:
        raise ImageKitInputError(f"{path} cannot be read: {error}.") from error
    except Exception as error:
        raise ImageKitTransportError(f"{path}: the storage does not answer: {error!r}.") from error
