"""A line every few seconds, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_imagekit.io.progress import duration_text

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.retry import Waits

__all__ = ["Progress"]


class Progress:
    """
    Tells how far the fetching is.

    :param total: files to fetch.
    :param threads: calls at once.
    :param waits: what the rate limit costs the client.
    :param write: takes the lines.
    :param every: seconds between lines.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        total: int,
        threads: int,
        waits: Waits,
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
        self._waited, self._refused = waits.seconds, waits.refused

    def look(self, done: int, failed: int) -> None:
        """
        Write a line if it is time to.

        :param done: files answered so far, the failed ones among them.
        :param failed: how many of them failed.
        """
        if self._clock() - self._last >= self._every:
            self._last = self._clock()
            self._write(self.line(done, failed))

    def line(self, done: int, failed: int) -> str:
        """Return the line of now; see :meth:`look`."""
        elapsed = self._clock() - self._start
        rate = done / elapsed if elapsed else 0.0
        remaining = duration_text((self._total - done) / rate) if rate else "unknown"
        waited = (self._waits.seconds - self._waited) / self._threads
        return (
            f"{done:,} of {self._total:,} files, {rate:.1f} a second, {failed:,} failed; {waited:,.0f} of "
            f"{elapsed:,.0f} s waiting for the rate limit, {self._waits.refused - self._refused:,} refused; "
            f"{remaining} left"
        )
