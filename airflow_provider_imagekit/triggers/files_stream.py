"""Poll once for all watchers of a selection, and store each watcher's cursor after its events."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_provider_imagekit.client.retry import RetryLimits
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError, ImageKitError, ImageKitInputError
from airflow_provider_imagekit.library.arrivals import (
    CURSOR_KEY,
    DELETED,
    REPORTED_KEY,
    Arrival,
    Cursor,
    Listing,
)
from airflow_provider_imagekit.library.watch import Selection, poll_selection
from airflow_provider_imagekit.triggers.lanes import connecting, lane_of

if TYPE_CHECKING:
    from airflow_provider_imagekit.hooks.imagekit import ImageKitHook

__all__ = ["FilesProducer", "PollResult", "Poller", "Watcher", "watching"]

log = logging.getLogger(__name__)

# A poll retries errors that pass within seconds; for longer ones the next poll is the retry.
_LIMITS = RetryLimits(max_retries=2, max_wait=5.0)


@dataclass(eq=False)
class PollResult:
    """
    Result of one poll, for all watchers.

    :param listing: the files.
    :param floor_ms: start of the requested period, in milliseconds since 1970.
    :param cursors: for each watcher, the cursor to store once its events are in Airflow's database.
    """

    listing: Listing
    floor_ms: int
    cursors: dict[Watcher, Cursor] = field(default_factory=dict)


class Watcher:
    """
    One trigger's view of a selection.

    :param store: state store of the trigger's asset; ``None`` before Airflow 3.3.
    :param kinds: which of ``new``, ``changed``, ``deleted`` it reports.
    :param interval: seconds between two polls.
    :param overlap: seconds before the newest file from which each poll searches.
    :param delay: age in seconds that a file must have before it is reported.
    :param clock: returns the time in seconds since 1970.
    """

    def __init__(
        self,
        store: Any,
        kinds: Sequence[str],
        interval: float,
        overlap: float,
        delay: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.interval = interval
        self.wants_absences = DELETED in kinds
        self._store = store
        self._kinds = kinds
        self._overlap_ms = round(overlap * 1000)
        self._delay = delay
        self._clock = clock
        self._stored_floor_ms = 0
        self.cursor = Cursor(0, 0)

    async def load(self) -> None:
        """
        Load the stored cursor. The first cursor is stored at once, so that a restart does not start later.

        :raises ImageKitConfigurationError: if the trigger serves several assets.
        """
        state = None
        try:
            if self._store is not None:
                state = await self._store.aget(CURSOR_KEY)
        except ValueError:
            raise ImageKitConfigurationError(
                "One ImageKitFilesTrigger serves several assets, so none of them can keep its state.",
                help="Pass a different name= to the trigger of each asset.",
            ) from None
        if isinstance(state, dict):
            self.cursor = Cursor.from_json(state)
            self._stored_floor_ms = self.cursor.floor_ms
        else:
            self.cursor = Cursor.at(self._now_ms(), self._overlap_ms)
            await self.save(self.cursor)

    async def take(self, result: PollResult) -> list[Arrival]:
        """
        Return the files of a poll that are new to this watcher.

        :param result: result of the poll; it is ignored if it does not reach back to this watcher's cursor.
        """
        if result.floor_ms > self.cursor.floor_ms:
            return []
        now_ms = self._now_ms()
        take = functools.partial(
            self.cursor.take,
            result.listing,
            now_ms=now_ms,
            overlap_ms=self._overlap_ms,
            until_ms=now_ms - round(self._delay * 1000) if self._delay else None,
        )
        found, cursor = take()
        if found and (reported := await self._reported_by_webhooks()):
            found, cursor = take(known=reported)
        found = [file for file in found if file.kind in self._kinds]
        watched = (self.cursor.present, self.cursor.missing) != (cursor.present, cursor.missing)
        if found or watched or cursor.floor_ms - self._stored_floor_ms >= self._overlap_ms:
            result.cursors[self] = cursor
        self.cursor = cursor
        return found

    async def save(self, cursor: Cursor) -> None:
        """Store a cursor."""
        if self._store is not None:
            await self._store.aset(CURSOR_KEY, cursor.to_json())
            self._stored_floor_ms = cursor.floor_ms

    async def _reported_by_webhooks(self) -> frozenset[str]:
        stored = await self._store.aget(REPORTED_KEY) if self._store is not None else None
        return frozenset(stored) if isinstance(stored, list) else frozenset()

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)


class Poller:
    """
    Polls a selection; an error is logged, and the next poll tries again.

    :param hook: reads the Airflow Connection again for each poll.
    :param selection: the files to search for.
    """

    def __init__(self, hook: ImageKitHook, selection: Selection) -> None:
        self._hook = hook
        self._selection = selection

    async def poll(self, watchers: Sequence[Watcher]) -> PollResult | None:
        """
        Poll once for all watchers.

        :param watchers: at least one; the search starts at the oldest cursor.
        :return: ``None`` if there was an error.
        """
        floor_ms = min(watcher.cursor.floor_ms for watcher in watchers)
        absences = any(watcher.wants_absences for watcher in watchers)
        try:
            return PollResult(await self._listing(floor_ms, absences=absences), floor_ms)
        except ImageKitError as error:
            log.warning("The poll for files failed; the next poll tries again: %s", error)
        except Exception:
            # Airflow would restart a failed trigger each second; the next poll is soon enough.
            log.exception("The poll for files failed; the next poll tries again.")
        return None

    async def _listing(self, floor_ms: int, *, absences: bool) -> Listing:
        async with connecting(self._hook.imagekit_conn_id):
            client = await self._hook.aget_conn(refresh=True)
        send = functools.partial(client.call, limits=_LIMITS)
        run = lane_of(client).run
        try:
            return await run(
                functools.partial(poll_selection, send, self._selection, floor_ms, absences=absences)
            )
        except ImageKitInputError as error:
            if not absences:
                raise
            log.error("Deleted files are not reported: %s", error)
            return await run(functools.partial(poll_selection, send, self._selection, floor_ms))


class _Group:
    """The watchers of one selection in this process."""

    def __init__(self) -> None:
        self.watchers: list[Watcher] = []
        self.joined = asyncio.Event()


_groups: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Any, _Group]] = WeakKeyDictionary()


def _group(key: Any) -> _Group:
    return _groups.setdefault(asyncio.get_running_loop(), {}).setdefault(key, _Group())


@contextlib.contextmanager
def watching(key: Any, watcher: Watcher) -> Iterator[None]:
    """
    Add a watcher to the polls of its group within this context.

    :param key: identifies the group.
    :param watcher: the watcher; its cursor must be loaded.
    """
    group = _group(key)
    group.watchers.append(watcher)
    group.joined.set()
    try:
        yield
    finally:
        group.watchers.remove(watcher)
        if not group.watchers:
            group.joined.clear()


class FilesProducer:
    """
    Polls for a group; Airflow 3.3 acknowledges each poll's events before the cursors are stored.

    It has the methods of Airflow's ``SharedStreamProducer``, which earlier versions lack.

    :param key: identifies the group.
    :param poller: polls the selection.
    :param sleep: sleeps for a number of seconds.
    """

    def __init__(
        self, key: Any, poller: Poller, sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    ) -> None:
        self._key = key
        self._poller = poller
        self._sleep = sleep

    async def open_stream(self) -> AsyncIterator[tuple[PollResult, PollResult]]:
        """Yield the results of polls endlessly, each as the event and as the payload for :meth:`advance`."""
        group = _group(self._key)
        while True:
            await group.joined.wait()
            result = await self._poller.poll(group.watchers)
            if result is not None:
                yield result, result
            await self._sleep(min((watcher.interval for watcher in group.watchers), default=0.0))

    async def advance(self, batch: Sequence[Any]) -> None:
        """
        Store the cursors of polls whose events are in Airflow's database.

        :param batch: results of polls in order, each with its outcome in the watchers. A result with which a
            watcher failed is left out: that watcher restarts from its stored cursor, and the cursors of the
            others are stored with the next poll.
        """
        cursors: dict[Watcher, Cursor] = {}
        for item in batch:
            if item.outcome.is_clean:
                cursors |= item.broker_payload.cursors
        for watcher, cursor in cursors.items():
            try:
                await watcher.save(cursor)
            except Exception:
                # An error would end the polls. Without it, a restart at worst reports the files again.
                log.exception("The cursor of a watcher could not be stored.")

    def get_advance_lane(self, broker_payload: PollResult) -> None:  # noqa: ARG002 - Airflow's signature
        """Return the same lane for all polls, so that they are acknowledged in order."""
        return

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""
