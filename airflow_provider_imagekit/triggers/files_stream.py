"""One poll for all watchers of a selection, and for each the cursor that is stored behind its events."""

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

from airflow_provider_imagekit.client.settings import RetryLimits
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError, ImageKitError, ImageKitInputError
from airflow_provider_imagekit.library.arrivals import (
    CURSOR_KEY,
    DELETED,
    REPORTED_KEY,
    Arrival,
    Cursor,
    Listing,
)
from airflow_provider_imagekit.library.watch import Selection, look
from airflow_provider_imagekit.triggers.lanes import connecting, lane_of

if TYPE_CHECKING:
    from airflow_provider_imagekit.hooks.imagekit import ImageKitHook

__all__ = ["FilesProducer", "Look", "Poller", "Watcher", "watching"]

log = logging.getLogger(__name__)

# A poll repeats what passes within seconds; for anything longer the next poll is the retry.
_LIMITS = RetryLimits(max_retries=2, max_wait=5.0)


@dataclass(eq=False)
class Look:
    """
    What one poll has shown, for every watcher.

    :param listing: the files.
    :param floor_ms: since when they were asked for.
    :param cursors: by watcher, the cursor to store once its events are in Airflow's database.
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
    :param overlap: seconds that each look reaches back behind the newest file.
    :param delay: age in seconds that a file must have before it is reported.
    :param clock: seconds since 1970.
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
        Read the stored cursor; the first one is stored at once, so that a restart does not begin later.

        :raises ImageKitConfigurationError: if the trigger serves several assets.
        """
        state = None
        try:
            if self._store is not None:
                state = await self._store.aget(CURSOR_KEY)
        except ValueError:
            raise ImageKitConfigurationError(
                "One ImageKitFilesTrigger serves several assets, so none of them can keep its state.",
                help="Give the trigger of each asset a name= of its own.",
            ) from None
        if isinstance(state, dict):
            self.cursor = Cursor.from_json(state)
            self._stored_floor_ms = self.cursor.floor_ms
        else:
            self.cursor = Cursor.at(self._now_ms(), self._overlap_ms)
            await self.save(self.cursor)

    async def take(self, seen: Look) -> list[Arrival]:
        """
        Return what a look shows this watcher for the first time.

        :param seen: the look; one that does not reach back to this watcher's cursor is left out.
        """
        if seen.floor_ms > self.cursor.floor_ms:
            return []
        now_ms = self._now_ms()
        take = functools.partial(
            self.cursor.take,
            seen.listing,
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
            seen.cursors[self] = cursor
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
    Looks at a selection; what goes wrong is logged and tried again with the next poll.

    :param hook: reads the Airflow Connection, again for each look.
    :param selection: which files.
    """

    def __init__(self, hook: ImageKitHook, selection: Selection) -> None:
        self._hook = hook
        self._selection = selection

    async def look(self, watchers: Sequence[Watcher]) -> Look | None:
        """
        Look once for all watchers.

        :param watchers: at least one; the oldest cursor counts.
        :return: ``None`` if there was an error.
        """
        floor_ms = min(watcher.cursor.floor_ms for watcher in watchers)
        absences = any(watcher.wants_absences for watcher in watchers)
        try:
            return Look(await self._listing(floor_ms, absences=absences), floor_ms)
        except ImageKitError as error:
            log.warning("The look for files failed and is repeated: %s", error)
        except Exception:
            # A trigger that ends with an error is started again each second; the next poll is soon enough.
            log.exception("The look for files failed and is repeated.")
        return None

    async def _listing(self, floor_ms: int, *, absences: bool) -> Listing:
        async with connecting(self._hook.imagekit_conn_id):
            client = await self._hook.aget_conn(refresh=True)
        send = functools.partial(client.call, limits=_LIMITS)
        run = lane_of(client).run
        try:
            return await run(functools.partial(look, send, self._selection, floor_ms, absences=absences))
        except ImageKitInputError as error:
            if not absences:
                raise
            log.error("Deleted files are not reported: %s", error)
            return await run(functools.partial(look, send, self._selection, floor_ms))


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
    Have a watcher, whose cursor is loaded, be served by the poll of its group.

    :param key: names the group.
    :param watcher: the watcher.
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
    The poll of a group as Airflow 3.3 drives it: looks are acknowledged before cursors are stored.

    It has the methods of Airflow's ``SharedStreamProducer``, which earlier versions lack.

    :param key: names the group.
    :param poller: how it looks.
    :param sleep: waits for a number of seconds.
    """

    def __init__(
        self, key: Any, poller: Poller, sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    ) -> None:
        self._key = key
        self._poller = poller
        self._sleep = sleep

    async def open_stream(self) -> AsyncIterator[tuple[Look, Look]]:
        """Yield looks for ever, each as event and as what :meth:`advance` gets."""
        group = _group(self._key)
        while True:
            await group.joined.wait()
            seen = await self._poller.look(group.watchers)
            if seen is not None:
                yield seen, seen
            await self._sleep(min((watcher.interval for watcher in group.watchers), default=0.0))

    async def advance(self, batch: Sequence[Any]) -> None:
        """
        Store the cursors of looks whose events are in Airflow's database.

        :param batch: looks in order, each with how the watchers took it. One that a watcher failed at is left
            out: that watcher starts again from its stored cursor, the cursors of the others follow with the
            next look.
        """
        cursors: dict[Watcher, Cursor] = {}
        for item in batch:
            if item.outcome.is_clean:
                cursors |= item.broker_payload.cursors
        for watcher, cursor in cursors.items():
            try:
                await watcher.save(cursor)
            except Exception:
                # Airflow would end the poll; so at worst the files are reported again after a restart.
                log.exception("The cursor of a watch could not be stored.")

    def get_advance_lane(self, broker_payload: Look) -> None:  # noqa: ARG002 - Airflow's signature
        """Return the one lane: looks are acknowledged in order."""
        return

    async def aclose(self) -> None:
        """Hold nothing that would have to be closed."""
