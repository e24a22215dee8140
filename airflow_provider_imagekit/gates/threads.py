"""Work that may hang, in threads that a process does not wait for."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from airflow_provider_imagekit.client.per_process import per_process

__all__ = ["in_thread"]

T = TypeVar("T")

# A new thread keeps the interpreter for some milliseconds: many that start at once would keep an event loop
# from it for as many times longer.
_REST = 0.005


def in_thread(function: Callable[[], T], name: str) -> Future[T]:
    """
    Call a function in a daemon thread of its own, so that one that hangs does not keep the process alive.

    A ``ThreadPoolExecutor`` would be waited for when Python exits. The caller does not wait for the start of
    the thread, which can take long in a busy process; so an event loop may call it.

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

    _starting().put((Thread(target=run, name=name, daemon=True), future))
    return future


@per_process
def _starting() -> SimpleQueue[tuple[Thread, Future[Any]]]:
    """Return the queue of a thread that starts those in it, one after the other."""
    waiting: SimpleQueue[tuple[Thread, Future[Any]]] = SimpleQueue()

    def start() -> None:
        while True:
            thread, future = waiting.get()
            try:
                thread.start()
            except RuntimeError as error:  # the process may have no more threads
                future.set_exception(error)
            time.sleep(_REST)

    Thread(target=start, name="imagekit-starter", daemon=True).start()
    return waiting
