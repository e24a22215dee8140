"""Triggers that ask for a status again and again until it is as wanted: jobs, purges, the account's usage."""

from __future__ import annotations

import asyncio
import functools
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.compat import BaseTrigger, TriggerEvent
from airflow_provider_imagekit.exceptions import ImageKitAuthError, ImageKitError
from airflow_provider_imagekit.gates.jobs import check_job
from airflow_provider_imagekit.gates.polling import Poll, not_yet, until_next_check
from airflow_provider_imagekit.gates.usage import UsageLimits
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.triggers import event
from airflow_provider_imagekit.triggers.lanes import connecting, lane_of
from airflow_provider_imagekit.triggers.phash import MIN_POKE_INTERVAL

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["JobTrigger", "UsageTrigger", "WaitingTrigger"]


class WaitingTrigger(BaseTrigger):
    """
    Ask after each interval, and fire when the answer is as wanted, an error ends the wait, or time is over.

    :param imagekit_conn_id: the Airflow Connection with the private key; the key itself never gets here.
    :param poke_interval: seconds between two checks, at least 5.
    :param deadline: when the wait is over, in seconds since 1970.
    """

    #: How it waits between checks; a test puts its own clock here.
    sleep: Callable[[float], Awaitable[None]] = staticmethod(asyncio.sleep)
    #: What the time is, in seconds since 1970.
    clock: Callable[[], float] = staticmethod(time.time)

    def __init__(self, *, imagekit_conn_id: str, poke_interval: float, deadline: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.imagekit_conn_id = imagekit_conn_id
        self.poke_interval = poke_interval
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, plain JSON; they outlive an upgrade of the provider."""
        arguments = {
            "imagekit_conn_id": self.imagekit_conn_id,
            "poke_interval": self.poke_interval,
            "deadline": self.deadline,
        }
        return f"{type(self).__module__}.{type(self).__name__}", arguments | self._arguments()

    @functools.cached_property
    def hook(self) -> ImageKitHook:
        """The hook of this wait."""
        return ImageKitHook(self.imagekit_conn_id)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check after each interval until the wait is over."""
        reason = "There was no check since the task was deferred."
        interval = max(self.poke_interval, MIN_POKE_INTERVAL)
        while (left := self.deadline - self.clock()) > 0:
            await self.sleep(min(interval, left))
            try:
                found = await self._poll()
            except ImageKitError as error:
                yield TriggerEvent(event.failed(error))
                return
            reason = found.reason
            if found.matched and found.value is not None:
                self.log.info("%s", reason)
                yield TriggerEvent(event.matched(found.value))
                return
            self.log.info("%s %s", reason, until_next_check(interval, self.deadline - self.clock()))
        yield TriggerEvent(event.timed_out(reason))

    @abstractmethod
    def _arguments(self) -> dict[str, Any]:
        """Return the arguments of the subclass, plain JSON."""

    @abstractmethod
    def _check(self, client: ImageKitClient) -> Poll:
        """Ask once."""

    async def _poll(self) -> Poll:
        async with connecting(self.imagekit_conn_id):
            client = await self.hook.aget_conn()
        try:
            return await self._ask(client)
        except ImageKitAuthError:
            # The key may have been rotated while we waited: one more look at the Airflow Connection.
            async with connecting(self.imagekit_conn_id):
                renewed = await self.hook.aget_conn(refresh=True)
            if renewed is client:
                raise
            return await self._ask(renewed)

    async def _ask(self, client: ImageKitClient) -> Poll:
        try:
            return await lane_of(client).run(functools.partial(self._check, client))
        except ImageKitAuthError:
            raise
        except ImageKitError as error:
            return not_yet(error)


class JobTrigger(WaitingTrigger):
    """
    Wait until a job on a folder, or a purge, is completed.

    :param kind: ``folder`` or ``purge``.
    :param job_id: id of the job, or of the purge's request.
    :param imagekit_conn_id: the Airflow Connection with the private key.
    :param poke_interval: seconds between two checks, at least 5.
    :param deadline: when the wait is over, in seconds since 1970.
    """

    def __init__(self, *, kind: str, job_id: str, **waiting: Any) -> None:
        super().__init__(**waiting)
        self.kind = kind
        self.job_id = job_id

    def _arguments(self) -> dict[str, Any]:
        return {"kind": self.kind, "job_id": self.job_id}

    def _check(self, client: ImageKitClient) -> Poll:
        return check_job(client, self.kind, self.job_id)


class UsageTrigger(WaitingTrigger):
    """
    Wait until less than a share of the plan is used.

    :param limits: what the plan contains, by counter.
    :param max_share: largest share of each that may be used, 0 to 1.
    :param imagekit_conn_id: the Airflow Connection with the private key.
    :param poke_interval: seconds between two checks, at least 5.
    :param deadline: when the wait is over, in seconds since 1970.
    """

    def __init__(self, *, limits: dict[str, float], max_share: float, **waiting: Any) -> None:
        super().__init__(**waiting)
        self.limits = UsageLimits(limits, max_share)

    def _arguments(self) -> dict[str, Any]:
        return {"limits": dict(self.limits.limits), "max_share": self.limits.max_share}

    def _check(self, client: ImageKitClient) -> Poll:
        return self.limits.check(client)
