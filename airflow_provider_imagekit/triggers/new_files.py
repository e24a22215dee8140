"""The trigger that waits until files have come."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client.retry import RetryLimits
from airflow_provider_imagekit.compat import BaseTrigger, TriggerEvent
from airflow_provider_imagekit.exceptions import ImageKitAuthError, ImageKitError
from airflow_provider_imagekit.gates.polling import Poll, not_yet, until_next_check
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.library.arrivals import iso
from airflow_provider_imagekit.library.watch import Selection, arrived
from airflow_provider_imagekit.triggers import event
from airflow_provider_imagekit.triggers.lanes import connecting, lane_of
from airflow_provider_imagekit.triggers.phash import MIN_POKE_INTERVAL

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["NewFilesTrigger", "check_for_files"]

# A check repeats what passes within seconds; for anything longer the next check is the retry.
_LIMITS = RetryLimits(max_retries=2, max_wait=5.0)


class NewFilesTrigger(BaseTrigger):
    """
    Wait until a folder or a search has files that came since a time.

    :param search_query: ImageKit's search language; ``None`` for all files.
    :param path: a folder, without its subfolders; ``None`` for all.
    :param file_type: ``all``, ``image`` or ``non-image``; ``None`` for all.
    :param kinds: which of ``new`` and ``changed`` count.
    :param since_ms: since when, in milliseconds since 1970.
    :param imagekit_conn_id: the Airflow Connection with the private key; the key itself never gets here.
    :param poke_interval: seconds between two checks, at least 5.
    :param deadline: when the wait is over, in seconds since 1970.
    :param next_check: when the first check is due, in seconds since 1970. So a triggerer that restarts more
        often than ``poke_interval`` checks all the same.
    """

    #: How it waits between checks; a test puts its own clock here.
    sleep: Callable[[float], Awaitable[None]] = staticmethod(asyncio.sleep)
    #: What the time is, in seconds since 1970.
    clock: Callable[[], float] = staticmethod(time.time)

    def __init__(
        self,
        *,
        search_query: str | None,
        path: str | None,
        file_type: str | None,
        kinds: Sequence[str],
        since_ms: int,
        imagekit_conn_id: str,
        poke_interval: float,
        deadline: float,
        next_check: float,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.selection = Selection(search_query, path, file_type)
        self.kinds = list(kinds)
        self.since_ms = since_ms
        self.imagekit_conn_id = imagekit_conn_id
        self.poke_interval = poke_interval
        self.deadline = deadline
        self.next_check = next_check

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, plain JSON; they outlive an upgrade of the provider."""
        return (
            "airflow_provider_imagekit.triggers.new_files.NewFilesTrigger",
            {
                "search_query": self.selection.search_query,
                "path": self.selection.path,
                "file_type": self.selection.file_type,
                "kinds": self.kinds,
                "since_ms": self.since_ms,
                "imagekit_conn_id": self.imagekit_conn_id,
                "poke_interval": self.poke_interval,
                "deadline": self.deadline,
                "next_check": self.next_check,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check after each interval until files have come, an error ends the wait, or its time is over."""
        reason, interval = (
            "There was no check since the task was deferred.",
            max(self.poke_interval, MIN_POKE_INTERVAL),
        )
        wait = max(self.next_check - self.clock(), 0.0)
        while (left := self.deadline - self.clock()) > wait:
            await self.sleep(wait)
            try:
                found = await self._poll()
            except ImageKitError as error:
                yield TriggerEvent(event.failed(error))
                return
            if found.matched and found.value is not None:
                yield TriggerEvent(event.matched(found.value))
                return
            reason, wait = found.reason, interval
            self.log.info("%s %s", reason, until_next_check(wait, self.deadline - self.clock()))
        await self.sleep(max(left, 0.0))
        yield TriggerEvent(event.timed_out(reason))

    async def _poll(self) -> Poll:
        async with connecting(self.imagekit_conn_id):
            client = await self._hook.aget_conn()
        try:
            return await self._ask(client)
        except ImageKitAuthError:
            # The key may have been rotated while we waited: one more look at the Airflow Connection.
            async with connecting(self.imagekit_conn_id):
                renewed = await self._hook.aget_conn(refresh=True)
            if renewed is client:
                raise
            return await self._ask(renewed)

    async def _ask(self, client: ImageKitClient) -> Poll:
        check = functools.partial(check_for_files, client, self.selection, self.since_ms, self.kinds)
        return await lane_of(client).run(check)

    @functools.cached_property
    def _hook(self) -> ImageKitHook:
        return ImageKitHook(self.imagekit_conn_id)


def check_for_files(
    client: ImageKitClient, selection: Selection, since_ms: int, kinds: Sequence[str]
) -> Poll:
    """
    Look once for files that came since a time.

    :param client: asks ImageKit.
    :param selection: which files.
    :param since_ms: since when, in milliseconds since 1970.
    :param kinds: which of ``new`` and ``changed`` count.
    :raises ImageKitError: if waiting cannot help: a wrong key, a malformed search.
    """
    try:
        found = arrived(functools.partial(client.call, limits=_LIMITS), selection, since_ms, kinds)
    except ImageKitError as error:
        return not_yet(error)
    if found is None:
        return Poll(matched=False, value=None, reason=f"No file has come since {iso(since_ms)}.")
    return Poll(matched=True, value=found, reason=f"Files have come since {iso(since_ms)}: {found['count']}.")
