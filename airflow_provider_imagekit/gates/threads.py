"""Work that may hang, in threads that a process does not wait for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")


def in_thread(function: Callable[[], T], name: str) -> Future[T]:
    """
    Call a function in a daemon thread of its own, so that one that hangs does not keep the process alive.

    A ``ThreadPoolExecutor`` would be waited for when Python exits.

    :param function: what to call.
    :param name: the thread's name.
    :return: its result or exception, as soon as it is there.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - the one who waits for the future raises it
            future.set_exception(error)
        else:
            future.set_result(result)

    Thread(target=run, name=name, daemon=True).start()
    return future
