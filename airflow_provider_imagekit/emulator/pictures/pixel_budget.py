"""Bounds the memory of all pictures that are decoded at the same time."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DECODED", "PixelBudget"]

#: Maximum pixels at a time, four bytes each: one picture of a good camera, or several small ones.
MOST_PIXELS: Final = 50_000_000

# Blocks below 32 MiB stay with the thread that has freed them; the C library gives larger ones back.
_BLOCK_BYTES: Final = 64 << 20
if "PILLOW_BLOCK_SIZE" not in os.environ:
    Image.core.set_block_size(_BLOCK_BYTES)  # type: ignore[attr-defined]


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
DECODED = PixelBudget(MOST_PIXELS)
