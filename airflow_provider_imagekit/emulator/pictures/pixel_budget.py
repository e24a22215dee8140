"""Limits the memory of all pictures that are decoded at the same time."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DECODED", "PixelBudget"]

#: Maximum pixels at a time, four bytes each: one picture of a high-resolution camera, or several small ones.
MAX_DECODED_PIXELS: Final = 50_000_000

# The C library keeps freed blocks below 32 MiB for the thread; it returns larger ones to the system.
_BLOCK_BYTES: Final = 64 << 20
if "PILLOW_BLOCK_SIZE" not in os.environ:
    Image.core.set_block_size(_BLOCK_BYTES)  # type: ignore[attr-defined]


class PixelBudget:
    """
    Starts work on pictures in order of arrival, while the total pixels of running work stay within a limit.

    :param limit: maximum pixels at a time; larger work runs alone.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._queue = threading.Lock()
        self._freed = threading.Condition()

    @contextmanager
    def reserve(self, pixels: int) -> Iterator[None]:
        """
        Wait until the pixels are available, and reserve them for the ``with`` block.

        :param pixels: pixels of the largest picture in the work.
        """
        pixels = min(pixels, self._limit)
        with self._queue, self._freed:
            self._freed.wait_for(lambda: self._used + pixels <= self._limit)
            self._used += pixels
        try:
            yield
        finally:
            with self._freed:
                self._used -= pixels
                self._freed.notify_all()


#: One per process, because all servers of a process share its memory.
DECODED = PixelBudget(MAX_DECODED_PIXELS)
