"""Bounds the memory of all pictures that are decoded at the same time."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_imagekit.pictures import MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DECODED", "PixelBudget"]


class PixelBudget:
    """
    Lets work on pictures begin in order of arrival while the pixels of all such work stay within a limit.

    :param limit: maximum pixels at a time; larger work runs alone.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._turn = threading.Lock()
        self._freed = threading.Condition()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """
        Wait until pixels are free, and hold them in the ``with`` block.

        :param pixels: pixels of the largest picture that the work holds.
        """
        pixels = min(pixels, self._limit)
        with self._turn, self._freed:
            self._freed.wait_for(lambda: self._used + pixels <= self._limit)
            self._used += pixels
        try:
            yield
        finally:
            with self._freed:
                self._used -= pixels
                self._freed.notify_all()


#: One for the process, since the servers of a process share its memory.
DECODED = PixelBudget(MAX_PIXELS)
