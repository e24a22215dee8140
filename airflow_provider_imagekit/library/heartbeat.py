"""What a run does every now and then: it renews its lease, reports its progress, and stops if told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from airflow_provider_imagekit.io.progress import Progress
    from airflow_provider_imagekit.library.lease import Lease

__all__ = ["Heartbeat"]

T = TypeVar("T")

# Rows between two beats; they take less than half a second.
_STRIDE = 1000


class Heartbeat:
    """
    The regular duties of a run.

    :param lease: what is renewed.
    :param progress: writes the lines, and raises after its ``stop``.
    """

    def __init__(self, lease: Lease, progress: Progress) -> None:
        self._lease = lease
        self._progress = progress

    @property
    def stopped(self) -> bool:
        """Return whether the run was told to stop."""
        return self._progress.stopped

    def renew(self) -> None:
        """
        Renew the lease if it is time to.

        :raises TableInUseError: if another run or try has taken it.
        """
        self._lease.renew()

    def beat(self, phase: str, done: int, total: int | None, unit: str) -> None:
        """
        Renew the lease, and write a line, each if it is time to.

        :param phase: what the run is at, such as ``Listing``.
        :param done: how much of it is done.
        :param total: how much there is to do; ``None`` if unknown.
        :param unit: of ``done`` and ``total``.
        :raises LibraryStoppedError: if the run was told to stop.
        :raises TableInUseError: if another run or try has taken the lease.
        """
        self.renew()
        self._progress.look(phase, done, total, unit)

    def track(
        self, phase: str, items: Iterable[T], total: int | None, size: Callable[[T], int] = lambda _: 1
    ) -> Iterator[T]:
        """
        Yield items, with a beat before every thousandth row, and at the end.

        :param phase: as :meth:`beat` takes it.
        :param items: what is worked on.
        :param total: their rows; ``None`` if unknown.
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
