"""Base class of triggers that poll until a condition is met, an error ends the wait, or time is over."""

from __future__ import annotations

import asyncio
import functools
import math
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client.retry import TaskLimits
from airflow_provider_imagekit.compat import BaseTrigger, TriggerEvent
from airflow_provider_imagekit.exceptions import CallLimitError, ImageKitAuthError, ImageKitError
from airflow_provider_imagekit.gates.polling import Poll, not_yet, until_next_check
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.triggers import event
from airflow_provider_imagekit.triggers.lanes import client_of, connecting, lane_of

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["MIN_POKE_INTERVAL", "PollingTrigger"]

#: Minimum seconds between two checks. If a trigger fires within a second or two of its task's deferral, its
#: event can overtake the executor's report, and the scheduler fails the task (apache/airflow#71580).
MIN_POKE_INTERVAL = 5.0


class PollingTrigger(BaseTrigger):
    """
    Check after each interval, and fire when the condition is met, an error ends the wait, or time is over.

    The deadline is needed in addition to ``defer(timeout=...)``, which ``dag.test()`` and
    ``airflow tasks test`` ignore.

    :param imagekit_conn_id: the Airflow Connection with the private key; the key itself is never passed.
    :param poke_interval: seconds between two checks, at least 5.
    :param exponential_backoff: whether to double the interval after each check.
    :param max_poke_interval: longest interval in seconds with ``exponential_backoff``.
    :param silent_fail: whether to log errors that waiting cannot fix, and to continue.
    :param deadline: end of the wait, in seconds since 1970; ``None`` if only Airflow ends it.
    :param next_check: time of the first check, in seconds since 1970, so that a triggerer that restarts more
        often than ``poke_interval`` still checks; ``None`` for after one interval.
    :param request_timeout: maximum seconds until a response has arrived completely; ``None`` for the
        Connection's.
    :param max_retries: maximum retries of a request in a check; ``None`` for two.
    :param max_calls: maximum requests of the whole wait, including retries; ``None`` for no limit.
    :param calls_sent: number of requests that the task had sent when it was deferred; a triggerer that
        restarts counts from here.
    """

    #: Sleeps between checks; tests replace it.
    sleep: Callable[[float], Awaitable[None]] = staticmethod(asyncio.sleep)
    #: Returns the time, in seconds since 1970.
    clock: Callable[[], float] = staticmethod(time.time)

    def __init__(
        self,
        *,
        imagekit_conn_id: str,
        poke_interval: float,
        exponential_backoff: bool = False,
        max_poke_interval: float | None = None,
        silent_fail: bool = False,
        deadline: float | None = None,
        next_check: float | None = None,
        request_timeout: float | None = None,
        max_retries: int | None = None,
        max_calls: int | None = None,
        calls_sent: int = 0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.imagekit_conn_id = imagekit_conn_id
        self.poke_interval = poke_interval
        self.exponential_backoff = exponential_backoff
        self.max_poke_interval = max_poke_interval
        self.silent_fail = silent_fail
        self.deadline = deadline
        self.next_check = next_check
        self.task_limits = TaskLimits(
            timeout=request_timeout, max_retries=max_retries, max_calls=max_calls, calls_sent=calls_sent
        )
        self._client: ImageKitClient | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments as plain JSON; they must stay valid in later versions."""
        arguments = {
            "imagekit_conn_id": self.imagekit_conn_id,
            "poke_interval": self.poke_interval,
            "exponential_backoff": self.exponential_backoff,
            "max_poke_interval": self.max_poke_interval,
            "silent_fail": self.silent_fail,
            "deadline": self.deadline,
            "next_check": self.next_check,
            **self.task_limits.arguments(),
        }
        return f"{type(self).__module__}.{type(self).__name__}", arguments | self._arguments()

    @functools.cached_property
    def hook(self) -> ImageKitHook:
        """The hook of this trigger."""
        return ImageKitHook(self.imagekit_conn_id)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check after each interval until the wait is over."""
        intervals, reason = self._intervals(), "There was no check since the task was deferred."
        wait = next(intervals)
        if self.next_check is not None:
            wait = max(self.next_check - self.clock(), 0.0)
        while True:
            left = self._time_left()
            await self.sleep(min(wait, left))
            if left <= wait:
                yield TriggerEvent(event.timed_out(reason))
                return
            try:
                result = await self._poll()
            except ImageKitError as error:
                if not self.silent_fail or isinstance(error, CallLimitError):
                    yield TriggerEvent(event.failed(error))
                    return
                self.log.error("The check failed: %s", error)
                reason, wait = f"The check failed: {error}", next(intervals)
                continue
            if result.matched and result.value is not None:
                self.log.info("%s", result.reason)
                yield TriggerEvent(event.matched(result.value))
                return
            reason, wait = result.reason, next(intervals)
            self.log.info("%s %s", reason, until_next_check(wait, self._time_left()))

    @abstractmethod
    def _arguments(self) -> dict[str, Any]:
        """Return the subclass's arguments as plain JSON."""

    @abstractmethod
    def _check_once(self, client: ImageKitClient) -> Poll:
        """Check once; called in a thread."""

    def _intervals(self) -> Iterator[float]:
        interval = max(self.poke_interval, MIN_POKE_INTERVAL)
        longest = max(self.max_poke_interval or math.inf, MIN_POKE_INTERVAL)
        while True:
            yield min(interval, longest)
            interval *= 2 if self.exponential_backoff else 1

    def _time_left(self) -> float:
        return math.inf if self.deadline is None else max(self.deadline - self.clock(), 0.0)

    async def _poll(self) -> Poll:
        if self._client is None:
            self._client = await client_of(self.imagekit_conn_id, self.hook.aget_conn)
        client = self._client
        try:
            return await self._check(client.limited(self.task_limits))
        except ImageKitAuthError:
            # The key may have been rotated during the wait, so read the Airflow Connection again.
            async with connecting(self.imagekit_conn_id):
                self._client = await self.hook.aget_conn(refresh=True)
            if self._client is client:
                raise
            return await self._check(self._client.limited(self.task_limits))

    async def _check(self, client: ImageKitClient) -> Poll:
        try:
            return await lane_of(client).run(functools.partial(self._check_once, client))
        except ImageKitError as error:
            return not_yet(error)
