"""Fetches the metadata of any number of files with a fixed number of threads and constant memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client import endpoints
from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitRateLimitError, LibraryStoppedError
from airflow_provider_imagekit.io.progress import counted, duration_text
from airflow_provider_imagekit.library.failures import Failures, error_row, fails_every_file, is_lasting
from airflow_provider_imagekit.library.worklist import State

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.client.endpoints import Request
    from airflow_provider_imagekit.client.retry import RateLimitStats
    from airflow_provider_imagekit.library.heartbeat import Heartbeat
    from airflow_provider_imagekit.library.journal import Journal
    from airflow_provider_imagekit.library.table.schema import Row
    from airflow_provider_imagekit.library.worklist import Task, Worklist

__all__ = ["FetchProgress", "Fetching", "Outcome", "PatientClient", "fetch_all", "wait_for_limit"]

# Seconds after which the caller regains control if nothing arrives, and seconds to wait for running calls.
_TICK, _JOIN_TIMEOUT = 0.5, 0.5

# Seconds to wait after a 429 without a reset time.
_LIMIT_PAUSE = 5.0
_MAX_WAITS = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The result of one call.

    :param task: the file.
    :param metadata: ImageKit's response.
    :param error: the exception that was raised instead.
    """

    task: Task
    metadata: dict[str, Any] | None = None
    error: Exception | None = None


def fetch_all(
    tasks: Iterator[Task], fetch: Callable[[Task], dict[str, Any]], *, threads: int
) -> Iterator[Outcome | None]:
    """
    Yield the outcome of each file in the order in which responses arrive.

    A new call starts only once the caller has processed an outcome. So at most one file per thread has been
    requested but not processed, and only these files are requested again after a kill. When the caller stops
    iterating, no further call starts; running calls end by themselves and their outcomes are discarded.

    :param tasks: the files; iterated in the caller's thread.
    :param fetch: fetches the metadata of one file, including retries and rate limiting.
    :param threads: number of concurrent calls.
    :return: outcomes, and ``None`` twice a second while nothing arrives, so that the caller regains control.
    """
    waiting: SimpleQueue[Task | None] = SimpleQueue()
    arrived: SimpleQueue[Outcome] = SimpleQueue()
    # Daemon threads: a process that is stopping must not wait for a slow response.
    workers = [
        threading.Thread(target=_work, args=(waiting, arrived, fetch), name=f"imagekit-{number}", daemon=True)
        for number in range(threads)
    ]
    for worker in workers:
        worker.start()
    in_flight = 0
    try:
        for task in islice(tasks, threads):
            waiting.put(task)
            in_flight += 1
        while in_flight:
            try:
                outcome = arrived.get(timeout=_TICK)
            except Empty:
                yield None
                continue
            yield outcome
            in_flight -= 1
            if (next_task := next(tasks, None)) is not None:
                waiting.put(next_task)
                in_flight += 1
    finally:
        with suppress(Empty):
            while True:
                waiting.get_nowait()
        for _ in workers:
            waiting.put(None)
        deadline = time.monotonic() + _JOIN_TIMEOUT
        for worker in workers:
            worker.join(max(deadline - time.monotonic(), 0))


def _work(
    waiting: SimpleQueue[Task | None], arrived: SimpleQueue[Outcome], fetch: Callable[[Task], dict[str, Any]]
) -> None:
    while (task := waiting.get()) is not None:
        try:
            arrived.put(Outcome(task, metadata=fetch(task)))
        except Exception as error:  # noqa: BLE001 - the caller's thread handles it
            arrived.put(Outcome(task, error=error))


def wait_for_limit(
    call: Callable[[], Any],
    *,
    stopped: Callable[[], bool],
    waits: RateLimitStats,
    sleep: Callable[[float], None],
    max_seconds: float = 900.0,
) -> Any:
    """
    Return the result of a call; while the account's rate limit rejects it, wait and repeat it.

    :param call: raises :class:`ImageKitRateLimitError` if the wait exceeds its own maximum.
    :param stopped: returns whether the run was stopped.
    :param waits: counts the seconds waited.
    :param sleep: waits for a number of seconds.
    :param max_seconds: maximum seconds to wait here for one call, in at most 60 waits.
    :raises LibraryStoppedError: if the run was stopped.
    :raises ImageKitRateLimitError: if the limit rejects the call for longer.
    """
    waited, waits_left = 0.0, _MAX_WAITS
    while True:
        try:
            return call()
        except ImageKitRateLimitError as error:
            remaining = error.reset_ms / 1000 if error.reset_ms else _LIMIT_PAUSE
            waited += remaining
            waits_left -= 1
            if waited > max_seconds or waits_left < 0:
                raise
        while remaining > 0:
            if stopped():
                raise LibraryStoppedError("Stopped while waiting for the rate limit.")
            step = min(remaining, _TICK)
            sleep(step)
            waits.add(step)
            remaining -= step


class FetchProgress:
    """
    Writes a progress line every few seconds, including the time spent waiting for the rate limit.

    :param total: files to fetch.
    :param threads: number of concurrent calls.
    :param waits: the client's counters of waits for the rate limit.
    :param write: receives the lines.
    :param every: seconds between lines.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        total: int,
        threads: int,
        waits: RateLimitStats,
        write: Callable[[str], None],
        every: float,
        clock: Callable[[], float],
    ) -> None:
        self._total = total
        self._threads = threads
        self._waits = waits
        self._write = write
        self._every = every
        self._clock = clock
        self._start = self._last = clock()
        self._waited, self._refused = waits.seconds, waits.rejected

    def report(self, done: int, failed: int) -> None:
        """
        Write a line if one is due.

        :param done: files finished so far, including failed ones.
        :param failed: how many of them failed.
        """
        if self._clock() - self._last >= self._every:
            self._last = self._clock()
            self._write(self.line(done, failed))

    def end(self, done: int, failed: int) -> None:
        """Write the last line."""
        self._write(self.line(done, failed))

    def line(self, done: int, failed: int) -> str:
        """Return the current line; see :meth:`report`."""
        elapsed = self._clock() - self._start
        rate = done / elapsed if elapsed else 0.0
        remaining = duration_text((self._total - done) / rate) if rate else "unknown"
        waited = (self._waits.seconds - self._waited) / self._threads
        return (
            f"{done:,} of {counted(self._total, 'file')}, {rate:.1f} a second, {failed:,} failed; "
            f"{waited:,.0f} of {elapsed:,.0f} s waiting for the rate limit, "
            f"{self._waits.rejected - self._refused:,} refused; {remaining} left"
        )


class PatientClient:
    """
    Sends requests, and waits up to 15 minutes per request for the account's rate limit.

    :param client: sends the requests.
    :param heartbeat: knows whether the run was stopped.
    """

    def __init__(self, client: ImageKitClient, heartbeat: Heartbeat) -> None:
        self._client = client
        self._heartbeat = heartbeat
        self.rate_limit_stats = client.rate_limit_stats

    def send(self, request: Request) -> Any:
        """
        Return the decoded response to a request.

        :raises LibraryStoppedError: if the run was stopped.
        :raises ImageKitError: the error of the last attempt.
        """
        return wait_for_limit(
            lambda: self._client.call(request),
            stopped=lambda: self._heartbeat.stopped,
            waits=self.rate_limit_stats,
            sleep=self._client.sleep,
        )

    def metadata(self, task: Task) -> dict[str, Any]:
        """Return the metadata of a file; see :meth:`send`."""
        request = (
            endpoints.remote_url_metadata(task.url)
            if task.file_id is None
            else endpoints.file_metadata(task.file_id)
        )
        metadata: dict[str, Any] = self.send(request)
        return metadata


class Fetching:
    """
    Fetches the metadata of a worklist's files, and records the results.

    :param client: sends the requests.
    :param worklist: the files; their results are recorded there.
    :param journal: stores the results for the next try.
    :param build: returns the columns that a metadata object fills.
    :param heartbeat: called after each file, and twice a second while none arrives.
    :param threads: number of concurrent calls.
    """

    def __init__(
        self,
        client: PatientClient,
        worklist: Worklist,
        journal: Journal,
        build: Callable[[dict[str, Any]], Row],
        heartbeat: Heartbeat,
        threads: int,
    ) -> None:
        self._client = client
        self._worklist = worklist
        self._journal = journal
        self._build = build
        self._heartbeat = heartbeat
        self._threads = threads

    def run(self, calls: int, max_failed: float, progress: FetchProgress) -> None:
        """
        Fetch all files that need it.

        :param calls: metadata calls that the run plans.
        :param max_failed: files that may fail in this try and in earlier ones: a number or a share.
        :param progress: writes progress lines.
        :raises TooManyFailedFilesError: if more files fail than allowed.
        :raises LibraryStoppedError: if the run was stopped.
        :raises ImageKitError: if every other file would fail as well.
        """
        settled = self._worklist.counts()
        failures = Failures(max_failed, calls + settled[State.FETCHED] + settled[State.FAILED])
        for _ in range(settled[State.FAILED]):
            failures.count(lasting=True)  # of earlier tries only lasting failures are restored
        failures.check()
        done = 0
        for outcome in fetch_all(self._worklist.tasks(), self._client.metadata, threads=self._threads):
            if self._heartbeat.stopped:
                raise LibraryStoppedError(f"Stopped after {counted(done, 'file')}; the next try continues.")
            self._heartbeat.renew()
            if outcome is not None:
                done += 1
                self._settle(outcome, failures)
            progress.report(done, failures.failed)
        progress.end(done, failures.failed)

    def _settle(self, outcome: Outcome, failures: Failures) -> None:
        """Record the outcome of one file."""
        task, error = outcome.task, outcome.error
        event: dict[str, Any] = {"key": task.key, "version": task.version}
        if error is None:
            row = self._build(outcome.metadata or {})
            self._worklist.settle(task.key, task.version, State.FETCHED, row)
            self._journal.append(event | {"row": row})
            failures.succeed()
        elif fails_every_file(error) or not isinstance(error, ImageKitError):
            raise error
        else:
            failed = error_row(self._worklist.listing(task.key), error)
            self._worklist.settle(task.key, task.version, State.FAILED, failed)
            if is_lasting(error):
                self._journal.append(event | {"failed": failed})
            failures.fail(error)
