"""Limit the checks that run at the same time, separately for each account and host."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_imagekit.gates.threads import in_thread

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["SLOTS", "Lane", "client_of", "connecting", "lane_of"]

T = TypeVar("T")

#: Maximum checks of one client at a time, which limits the threads that a dead host can block.
SLOTS: Final = 16


class Lane:
    """
    Runs the checks of one client; checks beyond the number of slots wait for a free slot.

    A slot becomes free only when the thread of its check has ended. So the number of threads is bounded even
    if a trigger is cancelled while its check hangs.

    :param slots: maximum checks at a time.
    """

    def __init__(self, slots: int = SLOTS) -> None:
        self._slots = asyncio.Semaphore(slots)

    async def run(self, function: Callable[[], T]) -> T:
        """
        Call a function in a thread when a slot is free, and return its result.

        :param function: the function to call.
        """
        loop = asyncio.get_running_loop()
        await self._slots.acquire()

        def free(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self._slots.release)

        try:
            future = in_thread(function, "imagekit-poll")
        except BaseException:
            self._slots.release()
            raise
        future.add_done_callback(free)
        return await asyncio.wrap_future(future)


_lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakKeyDictionary[object, Lane]] = WeakKeyDictionary()
_connecting: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]] = WeakKeyDictionary()
_readings: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Future[ImageKitClient]]] = (
    WeakKeyDictionary()
)


def lane_of(client: ImageKitClient) -> Lane:
    """
    Return the lane of a client in the running event loop.

    :param client: the client of an account on a host; all triggers of an Airflow Connection share its lane.
    """
    lanes = _lanes.setdefault(asyncio.get_running_loop(), WeakKeyDictionary())
    return lanes.setdefault(client.origin, Lane())


def connecting(imagekit_conn_id: str) -> asyncio.Semaphore:
    """
    Return the semaphore that limits concurrent reads of an Airflow Connection.

    A thousand triggers that wake up together would otherwise read it in one step and block the event loop.

    :param imagekit_conn_id: id of the Airflow Connection.
    """
    slots = _connecting.setdefault(asyncio.get_running_loop(), {})
    return slots.setdefault(imagekit_conn_id, asyncio.Semaphore(SLOTS))


async def client_of(imagekit_conn_id: str, read: Callable[[], Awaitable[ImageKitClient]]) -> ImageKitClient:
    """
    Return the client of an Airflow Connection; triggers that need it at the same time share one read.

    :param imagekit_conn_id: id of the Airflow Connection.
    :param read: reads the Connection; its error is raised in each of these triggers.
    """
    readings = _readings.setdefault(asyncio.get_running_loop(), {})
    reading = readings.get(imagekit_conn_id)
    if reading is None:
        reading = readings[imagekit_conn_id] = asyncio.ensure_future(read())

        def forget(done: asyncio.Future[ImageKitClient]) -> None:
            del readings[imagekit_conn_id]
            if not done.cancelled():
                done.exception()  # mark it as retrieved, since all waiting triggers may have been cancelled

        reading.add_done_callback(forget)
    # Cancelling one trigger must not cancel the shared read.
    return await asyncio.shield(reading)
