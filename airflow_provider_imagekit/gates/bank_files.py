"""Banks that are files: a process reads one once, and again when the file has changed."""

from __future__ import annotations

import functools
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING

from airflow_provider_imagekit.compat import ObjectStoragePath
from airflow_provider_imagekit.io.object_storage import read_table, storage_errors
from airflow_provider_imagekit.similarity.bank import PHashBank
from airflow_provider_imagekit.similarity.tables import read_records

if TYPE_CHECKING:
    from airflow_provider_imagekit.gates.references import BankFile
    from airflow_provider_imagekit.phash import PHash

__all__ = ["BankCache", "load_bank"]


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

    with storage_errors(file.path):
        path = ObjectStoragePath(file.path)
        # What a storage tells of a file differs: modification time, ETag, generation. All of it counts.
        identity = (file, low_information, str(path.fs.info(path.path)))
        return _banks().get(identity, load)


class BankCache:
    """
    The banks that were used last, so that a process reads a file once.

    :param max_banks: how many to keep.
    """

    def __init__(self, max_banks: int = 4) -> None:
        self._max_banks = max_banks
        self._banks: OrderedDict[Hashable, PHashBank] = OrderedDict()
        self._lock = Lock()

    def get(self, identity: Hashable, load: Callable[[], PHashBank]) -> PHashBank:
        """
        Return the bank of this identity; read it if it is not here.

        :param identity: what changes with the file: its path with modification time and size, or its ETag,
            and the names of the columns.
        :param load: reads the bank. Others wait meanwhile, since two readers would take twice the memory.
        """
        with self._lock:
            if identity not in self._banks:
                self._banks[identity] = load()
            self._banks.move_to_end(identity)
            while len(self._banks) > self._max_banks:
                self._banks.popitem(last=False)
            return self._banks[identity]


@functools.cache
def _banks() -> BankCache:
    return BankCache()


# A child of fork() must not inherit a lock that another thread held.
os.register_at_fork(after_in_child=_banks.cache_clear)
