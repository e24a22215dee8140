"""Run work that may hang in threads that do not keep a process alive."""

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

# Seconds between the starts of two threads. A new thread holds the interpreter for some milliseconds, so many
# that start at once would block an event loop.
_PAUSE = 0.005


def in_thread(function: Callable[[], T], name: str) -> Future[T]:
    """
    Call a function in its own daemon thread, so that a call that hangs does not keep the process alive.

    Python would wait for a ``ThreadPoolExecutor`` at exit. The caller does not wait for the start of the
    thread, which can take long in a busy process, so an event loop may call this function.

    :param function: the function to call.
    :param name: the thread's name.
    :return: a future of its result or exception.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - raised where the future is awaited
            future.set_exception(error)
        else:
            future.set_result(result)

    _starting().put((Thread(target=run, name=name, daemon=True), future))
    return future


@per_process
def _starting() -> SimpleQueue[tuple[Thread, Future[Any]]]:
    """Return the queue of a thread that starts the queued threads one after the other."""
    waiting: SimpleQueue[tuple[Thread, Future[Any]]] = SimpleQueue()

    def start() -> None:
        while True:
            thread, future = waiting.get()
            try:
                thread.start()
            except RuntimeError as error:  # the process cannot start more threads
                future.set_exception(error)
            time.sleep(_PAUSE)

    Thread(target=start, name="imagekit-starter", daemon=True).start()
    return waiting
