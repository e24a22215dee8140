"""Progress of a long computation: writes a line every few seconds, and can stop the computation."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from airflow_provider_imagekit.exceptions import StoppedError

__all__ = ["Progress", "counted", "duration_text", "note", "progress_to", "track"]

T = TypeVar("T")


class Progress:
    """
    Writes the amount done, the total, the rate and the remaining time, and stops the work on request.

    :param write: receives the lines.
    :param every: seconds between lines.
    :param clock: monotonic seconds.
    :param error: class of the error that is raised after :meth:`stop`.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        every: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        error: type[StoppedError] = StoppedError,
    ) -> None:
        self._write = write
        self._error = error
        self._every = every
        self._clock = clock
        #: Whether :meth:`stop` was called.
        self.stopped = False
        self._started = self._last = clock()
        self._written_once: set[str] = set()

    def note(self, line: str) -> None:
        """Write a line, but only the first time."""
        if line not in self._written_once:
            self._written_once.add(line)
            self._write(line)

    def stop(self) -> None:
        """Make the next :meth:`report` raise an error; safe to call in a signal handler."""
        self.stopped = True

    def begin(self) -> None:
        """Start the clock of a new phase."""
        self._started = self._clock()

    def report(self, phase: str, done: int, total: int | None, unit: str) -> None:
        """
        Write a line if one is due.

        :param phase: current phase, such as ``Searching``.
        :param done: amount done.
        :param total: amount to do; ``None`` if unknown.
        :param unit: unit of ``done`` and ``total``, in the plural.
        :raises StoppedError: after :meth:`stop`.
        """
        one = unit.removesuffix("s")
        if self.stopped:
            raise self._error(f"{phase} was stopped after {counted(done, one)}.")
        now = self._clock()
        if now - self._last < self._every:
            return
        self._last = now
        elapsed = now - self._started
        rate = done / elapsed if elapsed else 0.0
        line = f"{phase}: {counted(done, one) if total is None else f'{done:,} of {counted(total, one)}'}"
        line += f", {rate:,.0f} a second" if rate >= 10 else f", {rate:,.1f} a second"
        self._write(line + (f", {duration_text((total - done) / rate)} left" if total and rate else ""))


def _to_terminal(line: str) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(f"{line}\n")


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def progress_to(progress: Progress) -> Iterator[None]:
    """Let the work in this context report to a :class:`Progress`; by default, it writes to a terminal."""
    token = _current.set(progress)
    try:
        yield
    finally:
        _current.reset(token)


def note(line: str) -> None:
    """Write a line once to the :class:`Progress` of this context, if there is one."""
    if progress := _current.get():
        progress.note(line)


def track(
    phase: str,
    items: Iterable[T],
    total: int | None = None,
    *,
    unit: str,
    size: Callable[[T], int] = lambda _: 1,
    stride: int = 1,
) -> Iterator[T]:
    """
    Yield items, and report how many are done.

    :param phase: current phase.
    :param items: the items to process.
    :param total: their total size; ``None`` if unknown.
    :param unit: unit of the size.
    :param size: returns the size of one item.
    :param stride: number of items between two checks of the clock.
    :raises StoppedError: if the work was stopped.
    """
    progress = _current.get() or Progress(_to_terminal)
    progress.begin()
    done = 0
    for number, item in enumerate(items):
        if number % stride == 0:
            progress.report(phase, done, total, unit)
        yield item
        done += size(item)


def counted(count: float, one: str, many: str = "") -> str:
    """
    Format a count for people: ``1 file``, ``2,000 files``, ``0.5 requests``.

    :param count: the number.
    :param one: the noun in the singular.
    :param many: the noun in the plural; by default the singular with an ``s``.
    """
    shown = int(count) if count % 1 == 0 else count
    return f"{shown:,} {one if count == 1 else many or f'{one}s'}"


def duration_text(seconds: float) -> str:
    """Format a duration for people: ``42 s``, ``7 min``, ``3 h 20 min``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
