"""Per-process caches that a child of ``fork()`` does not inherit."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["per_process"]

P = ParamSpec("P")
T = TypeVar("T")


def per_process(function: Callable[P, T]) -> Callable[P, T]:
    """
    Cache the last 64 results of a function per process, and let only one thread call it at a time.

    A child of ``fork()`` must not share its parent's sockets or a lock held by another thread of the parent.

    :param function: a function with hashable arguments.
    """
    cached = functools.lru_cache(maxsize=64)(function)
    lock = threading.Lock()

    @functools.wraps(function)
    def once(*args: P.args, **kwargs: P.kwargs) -> T:
        with lock:
            return cached(*args, **kwargs)  # type: ignore[arg-type]

    def forget() -> None:
        nonlocal lock
        lock = threading.Lock()
        cached.cache_clear()

    os.register_at_fork(after_in_child=forget)
    return once
