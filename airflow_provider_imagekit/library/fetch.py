"""Many calls at once, with as many threads and as much memory for a million files as for a hundred."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitRateLimitError, LibraryStoppedError

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.retry import Waits
    from airflow_provider_imagekit.library.worklist import Task

__all__ = ["Outcome", "fetch_all", "wait_for_limit"]

# Seconds: how long nothing may arrive before the caller can look around, and how long calls may take to end.
_TICK, _FAREWELL = 0.5, 0.5

# Seconds to wait after a 429 that names no reset.
_LIMIT_PAUSE = 5.0
_MOST_WAITS = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What came of one call.

    :param task: the file.
    :param metadata: ImageKit's answer.
    :param error: what was raised instead.
    """

    task: Task
    metadata: dict[str, Any] | None = None
    error: Exception | None = None


def fetch_all(
    tasks: Iterator[Task], fetch: Callable[[Task], dict[str, Any]], *, threads: int
) -> Iterator[Outcome | None]:
    """
    Yield what came of each file in the order in which the answers arrive.

    A call starts when the caller is done with an outcome, so what is asked for and not yet taken care of is
    never more than one file a thread: all that a killed run repeats. When the iteration is given up, no
    further call starts; calls under way end by themselves and count for nothing.

    :param tasks: the files; it is iterated in the caller's thread.
    :param fetch: asks for one file's metadata; it decides about retries and pace.
    :param threads: calls at once.
    :return: outcomes, and ``None`` twice a second while nothing arrives, so that the caller can look around.
    """
    waiting: SimpleQueue[Task | None] = SimpleQueue()
    arrived: SimpleQueue[Outcome] = SimpleQueue()
    # Daemons: a process that was told to stop must not wait for a slow answer.
    workers = [
        threading.Thread(target=_work, args=(waiting, arrived, fetch), name=f"imagekit-{number}", daemon=True)
        for number in range(threads)
    ]
    for worker in workers:
        worker.start()
    under_way = 0
    try:
        for task in islice(tasks, threads):
            waiting.put(task)
            under_way += 1
        while under_way:
            try:
                outcome = arrived.get(timeout=_TICK)
            except Empty:
                yield None
                continue
            yield outcome
            under_way -= 1
            if (following := next(tasks, None)) is not None:
                waiting.put(following)
                under_way += 1
    finally:
        with suppress(Empty):
            while True:
                waiting.get_nowait()
        for _ in workers:
            waiting.put(None)
        deadline = time.monotonic() + _FAREWELL
        for worker in workers:
            worker.join(max(deadline - time.monotonic(), 0))


def _work(
    waiting: SimpleQueue[Task | None], arrived: SimpleQueue[Outcome], fetch: Callable[[Task], dict[str, Any]]
) -> None:
    while (task := waiting.get()) is not None:
        try:
            arrived.put(Outcome(task, metadata=fetch(task)))
        except Exception as error:  # noqa: BLE001 - the caller's thread judges it
            arrived.put(Outcome(task, error=error))


def wait_for_limit(
    call: Callable[[], Any],
    *,
    stopped: Callable[[], bool],
    waits: Waits,
    sleep: Callable[[float], None],
    most: float = 900.0,
) -> Any:
    """
    Return what a call returns; as long as the account's limit does not admit it, wait and repeat it.

    :param call: it may give up a wait that is longer than its own maximum.
    :param stopped: whether the run was told to stop.
    :param waits: gets the seconds.
    :param sleep: waits for a number of seconds.
    :param most: maximum seconds to wait here for one call, in at most 60 waits.
    :raises LibraryStoppedError: if so.
    :raises ImageKitRateLimitError: if the limit admits nothing for longer.
    """
    waited, waits_left = 0.0, _MOST_WAITS
    while True:
        try:
            return call()
        except ImageKitRateLimitError as error:
            remaining = error.reset_ms / 1000 if error.reset_ms else _LIMIT_PAUSE
            waited += remaining
            waits_left -= 1
            if waited > most or waits_left < 0:
                raise
        while remaining > 0:
            if stopped():
                raise LibraryStoppedError("Stopped while waiting for the rate limit.")
            step = min(remaining, _TICK)
            sleep(step)
            waits.add(step)
            remaining -= step
