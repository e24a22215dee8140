"""Regular duties of a run: renew the lease, report progress, and stop on request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from airflow_provider_imagekit.io.progress import Progress
    from airflow_provider_imagekit.library.lease import Lease

__all__ = ["Heartbeat"]

T = TypeVar("T")

# Rows between two beats; processing them takes less than half a second.
_STRIDE = 1000


class Heartbeat:
    """
    Performs the regular duties of a run.

    :param lease: the lease to renew.
    :param progress: writes progress lines, and raises an error once ``stop`` was called.
    """

    def __init__(self, lease: Lease, progress: Progress) -> None:
        self._lease = lease
        self._progress = progress

    @property
    def stopped(self) -> bool:
        """Return whether the run was stopped."""
        return self._progress.stopped

    def renew(self) -> None:
        """
        Renew the lease if it is due.

        :raises TableInUseError: if another run or try has taken it.
        """
        self._lease.renew()

    def beat(self, phase: str, done: int, total: int | None, unit: str) -> None:
        """
        Renew the lease and write a progress line, each if it is due.

        :param phase: current phase, such as ``Listing``.
        :param done: amount done.
        :param total: amount to do; ``None`` if unknown.
        :param unit: unit of ``done`` and ``total``.
        :raises LibraryStoppedError: if the run was stopped.
        :raises TableInUseError: if another run or try has taken the lease.
        """
        self.renew()
        self._progress.report(phase, done, total, unit)

    def track(
        self, phase: str, items: Iterable[T], total: int | None, size: Callable[[T], int] = lambda _: 1
    ) -> Iterator[T]:
        """
        Yield items, with a beat before every thousandth row and at the end.

        :param phase: see :meth:`beat`.
        :param items: the items to process.
        :param total: number of their rows; ``None`` if unknown.
        :param size: returns how many rows an item has.
        """
        self._progress.begin()
        done = due = 0
        for item in items:
            if done >= due:
                self.beat(phase, done, total, "rows")
                due = done + _STRIDE
            yield item
            done += size(item)
        self.beat(phase, done, total, "rows")
