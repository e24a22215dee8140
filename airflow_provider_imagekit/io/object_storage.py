"""Tables and banks on any storage that Airflow's ``ObjectStoragePath`` reaches."""

from __future__ import annotations

import csv
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitInputError, ImageKitTransportError
from airflow_provider_imagekit.io.paths import read_locally
from airflow_provider_imagekit.io.tables import format_of, read_rows
from airflow_provider_imagekit.similarity.bank import BankCache, PHashBank
from airflow_provider_imagekit.similarity.tables import read_records

if TYPE_CHECKING:
    from airflow_provider_imagekit.gates.references import BankFile
    from airflow_provider_imagekit.phash import PHash

__all__ = ["exists", "load_bank", "read_table", "written_whole"]

_CHUNK = 1 << 20


def load_bank(file: BankFile, low_information: frozenset[PHash]) -> PHashBank:
    """
    Return a bank; this process reads a file once, and again when it has changed.

    :param file: where it is, and how its columns are called.
    :param low_information: hashes besides zero to leave out.
    :raises ImageKitInputError: if there is no such file, or it is no table of hashes.
    :raises ImageKitTransportError: if the storage does not answer.
    """
    columns = {"id_column": file.id_column, "phash_column": file.phash_column}

    def load() -> PHashBank:
        records = read_records(read_table(file.path), **columns)
        return PHashBank(records, low_information=low_information)

    with _told_apart(file.path):
        path = ObjectStoragePath(file.path)
        # What a storage tells of a file differs: modification time, ETag, generation. All of it counts.
        identity = (file, low_information, str(path.fs.info(path.path)))
        return _banks().get(identity, load)


def exists(path: str) -> bool:
    """
    Tell whether there is a file.

    :param path: as ``ObjectStoragePath`` reads it.
    :raises ImageKitTransportError: if the storage does not answer.
    """
    with _told_apart(path):
        return bool(ObjectStoragePath(path).exists())


def read_table(path: str) -> Iterator[dict[str, Any]]:
    """
    Yield the rows of a table, whose form its name's ending tells: ``.jsonl``, ``.csv``, ``.parquet``.

    :param path: as ``ObjectStoragePath`` reads it; an Airflow Connection stands before the bucket
        (``s3://aws_default@bucket/table.parquet``).
    :raises ImageKitInputError: if there is no such file, or it cannot be read as such a table.
    :raises ImageKitTransportError: if the storage does not answer.
    """
    with _told_apart(path):
        table_format = format_of(path)
        # A copy on this machine can seek, as Parquet must, and costs no call to the storage a line.
        with read_locally(ObjectStoragePath(path)) as file:
            yield from read_rows(file, table_format)


@contextmanager
def written_whole(path: str) -> Iterator[IO[bytes]]:
    """
    Open a file for writing that is sent to the storage when all of it is there, and not at all if it fails.

    :param path: as ``ObjectStoragePath`` reads it; folders are made where the storage has some.
    :raises ImageKitTransportError: if the storage does not take it.
    """
    with tempfile.TemporaryFile() as whole:
        yield whole
        whole.seek(0)
        with _told_apart(path):
            target = ObjectStoragePath(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(whole, file, _CHUNK)


@contextmanager
def _told_apart(path: str) -> Iterator[None]:
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


@functools.cache
def _banks() -> BankCache:
    return BankCache()


# A child of fork() must not inherit a lock that another thread held.
os.register_at_fork(after_in_child=_banks.cache_clear)
