"""Banks that are files: a process reads one once, and again when the file has changed."""

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

#: Maximum seconds that a check waits for a bank. The load goes on, so that a later check finds it.
TIME_LIMIT: Final = 120.0

# A rest lets the event loop have the interpreter at once.
_REST: Final = 0.0002


def load_bank(
    file: BankFile, low_information: frozenset[PHash], *, time_limit: float = TIME_LIMIT
) -> PHashBank:
    """
    Return a bank; this process reads a file once, and again when it has changed.

    :param file: where it is, and how its columns are called.
    :param low_information: hashes besides zero to leave out.
    :param time_limit: maximum seconds to wait for it.
    :raises ImageKitInputError: if there is no such file, or it is not a table of hashes.
    :raises StorageError: if the storage does not answer, or not in time.
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
    """Return a bank as :func:`load_bank` does, without blocking the event loop and without a check's slot."""
    loading = asyncio.wrap_future(_start(file, low_information))
    done, _ = await asyncio.wait([loading], timeout=time_limit)
    if not done:
        loading.cancel()  # the wait alone: what runs in a thread goes on
        raise _too_late(file, time_limit)
    return loading.result()


class BankLoads:
    """
    The loads that are under way: one for each bank, in a thread of its own.

    So a bank whose storage hangs holds up those who need this bank, and no others.

    :param most: maximum loads at a time; so hanging storages take no more threads than this.
    """

    def __init__(self, most: int = 32) -> None:
        self._most = most
        self._under_way: dict[Hashable, Future[PHashBank]] = {}
        self._lock = Lock()

    def start(self, bank: Hashable, load: Callable[[], PHashBank]) -> Future[PHashBank]:
        """
        Start to load a bank, or return the load of it that is under way.

        :param bank: what makes two loads the same.
        :param load: reads the bank.
        :raises StorageError: if too many loads are under way.
        """
        with self._lock:
            if bank in self._under_way:
                return self._under_way[bank]
            if len(self._under_way) >= self._most:
                raise StorageError(f"{self._most} other banks are being read, and none has come to its end.")
            loading = self._under_way[bank] = in_thread(load, "imagekit-bank")
        loading.add_done_callback(functools.partial(self._forget, bank))
        return loading

    def _forget(self, bank: Hashable, _: object) -> None:
        with self._lock:
            del self._under_way[bank]


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
        :param load: reads the bank; the other banks can be had meanwhile.
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
            pictures = read_pictures(_with_rests(chunks), KeptColumns(), **names)
        return PHashBank(pictures, low_information=low_information)

    with storage_errors(file.path):
        with address_errors(file.path):
            path = ObjectStoragePath(file.path)
            forget_listings(path)
            # What a storage reports of a file differs: modification time, ETag, generation. All of it counts.
            identity = (file, low_information, str(path.fs.info(path.path)))
        return _banks().get(identity, load)


def _with_rests(chunks: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield chunks, and rest between them, so that a triggerer's event loop need not fight for its turn."""
    for chunk in chunks:
        time.sleep(_REST)
        yield chunk


def _too_late(file: BankFile, time_limit: float) -> StorageError:
    return StorageError(f"{file.path} was not read within {time_limit:g} s; the next check looks again.")


@per_process
def _banks() -> BankCache:
    return BankCache()


@per_process
def _loads() -> BankLoads:
    return BankLoads()
