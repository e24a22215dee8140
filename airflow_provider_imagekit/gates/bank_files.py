"""Load banks from files; a process reads a file once, and again after the file has changed."""

from __future__ import annotations

import asyncio
import functools
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.client.per_process import per_process
from airflow_provider_imagekit.compat import ObjectStoragePath
from airflow_provider_imagekit.exceptions import StorageError
from airflow_provider_imagekit.gates.threads import in_thread
from airflow_provider_imagekit.io.object_storage import StoredTable, address_errors, storage_errors
from airflow_provider_imagekit.io.paths import forget_listings
from airflow_provider_imagekit.similarity.bank import PHashBank
from airflow_provider_imagekit.similarity.picture_columns import KeptColumns, read_pictures
from airflow_provider_imagekit.similarity.records import columns_in_use

if TYPE_CHECKING:
    from concurrent.futures import Future

    from airflow_provider_imagekit.gates.references import BankFile
    from airflow_provider_imagekit.phash import PHash

__all__ = ["TIME_LIMIT", "BankCache", "BankLoads", "aload_bank", "load_bank"]

#: Maximum seconds that a check waits for a bank. The load continues, so that a later check can use it.
TIME_LIMIT: Final = 120.0

# Seconds to sleep between chunks, so that the event loop gets the interpreter at once.
_PAUSE: Final = 0.0002


def load_bank(
    file: BankFile, low_information: frozenset[PHash], *, time_limit: float = TIME_LIMIT
) -> PHashBank:
    """
    Return a bank; this process reads a file once, and again after it has changed.

    :param file: the file and the names of its columns.
    :param low_information: hashes to leave out, in addition to zero.
    :param time_limit: maximum seconds to wait for the bank.
    :raises ImageKitInputError: if the file does not exist or is not a table of hashes.
    :raises StorageError: if the storage fails or does not respond in time.
    """
    loading = _start(file, low_information)
    try:
        return loading.result(time_limit)
    except TimeoutError:
        if loading.done():
            raise
        raise _too_late(file, time_limit) from None


async def aload_bank(
    file: BankFile, low_information: frozenset[PHash], *, time_limit: float = TIME_LIMIT
) -> PHashBank:
    """Return a bank like :func:`load_bank`, without blocking the event loop or holding a check's slot."""
    loading = asyncio.wrap_future(_start(file, low_information))
    done, _ = await asyncio.wait([loading], timeout=time_limit)
    if not done:
        loading.cancel()  # only the wait; the load continues in its thread
        raise _too_late(file, time_limit)
    return loading.result()


class BankLoads:
    """
    The running loads: one for each bank, each in its own thread.

    A bank whose storage hangs delays only the checks that need this bank.

    :param maximum: maximum loads at a time, which limits the threads of storages that hang.
    """

    def __init__(self, maximum: int = 32) -> None:
        self._maximum = maximum
        self._running: dict[Hashable, Future[PHashBank]] = {}
        self._lock = Lock()

    def start(self, bank: Hashable, load: Callable[[], PHashBank]) -> Future[PHashBank]:
        """
        Start to load a bank, or return its running load.

        :param bank: identifies the bank.
        :param load: reads the bank.
        :raises StorageError: if too many loads are running.
        """
        with self._lock:
            if bank in self._running:
                return self._running[bank]
            if len(self._running) >= self._maximum:
                raise StorageError(f"{self._maximum} other banks are being read; none has finished.")
            loading = self._running[bank] = in_thread(load, "imagekit-bank")
        loading.add_done_callback(functools.partial(self._forget, bank))
        return loading

    def _forget(self, bank: Hashable, _: object) -> None:
        with self._lock:
            del self._running[bank]


class BankCache:
    """
    The most recently used banks, so that a process reads a file once.

    :param max_banks: number of banks to keep.
    """

    def __init__(self, max_banks: int = 4) -> None:
        self._max_banks = max_banks
        self._banks: OrderedDict[Hashable, PHashBank] = OrderedDict()
        self._lock = Lock()

    def get(self, identity: Hashable, load: Callable[[], PHashBank]) -> PHashBank:
        """
        Return the bank with this identity; read it if it is not cached.

        :param identity: a value that changes with the file: its path with modification time and size, or its
            ETag, and the names of the columns.
        :param load: reads the bank; other banks are available meanwhile.
        """
        with self._lock:
            bank = self._banks.get(identity)
        if bank is None:
            bank = load()
        with self._lock:
            self._banks[identity] = bank
            self._banks.move_to_end(identity)
            while len(self._banks) > self._max_banks:
                self._banks.popitem(last=False)
        return bank


def _start(file: BankFile, low_information: frozenset[PHash]) -> Future[PHashBank]:
    return _loads().start((file, low_information), functools.partial(_load, file, low_information))


def _load(file: BankFile, low_information: frozenset[PHash]) -> PHashBank:
    def load() -> PHashBank:
        names = {"id_column": file.id_column, "phash_column": file.phash_column}
        with StoredTable(file.path) as table:
            chunks = table.columns(columns_in_use(file.id_column, file.phash_column))
            pictures = read_pictures(_with_pauses(chunks), KeptColumns(), **names)
        return PHashBank(pictures, low_information=low_information)

    with storage_errors(file.path):
        with address_errors(file.path):
            path = ObjectStoragePath(file.path)
            forget_listings(path)
            # Storages report different details of a file: modification time, ETag, generation. Use them all.
            identity = (file, low_information, str(path.fs.info(path.path)))
        return _banks().get(identity, load)


def _with_pauses(chunks: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield chunks and sleep between them, so that a triggerer's event loop can run."""
    for chunk in chunks:
        time.sleep(_PAUSE)
        yield chunk


def _too_late(file: BankFile, time_limit: float) -> StorageError:
    return StorageError(f"{file.path} was not read within {time_limit:g} s; the next check tries again.")


@per_process
def _banks() -> BankCache:
    return BankCache()


@per_process
def _loads() -> BankLoads:
    return BankLoads()
