"""Whether to compute with NumPy, which is faster, or without, which gives the same answer."""

from __future__ import annotations

from functools import cache

__all__ = ["use_numpy"]


def use_numpy(choice: bool | None = None) -> bool:
    """
    Tell whether to use NumPy.

    :param choice: yes or no; ``None`` for yes if it is installed and new enough to count bits (2.0).
    """
    return _has_numpy() if choice is None else choice


@cache
def _has_numpy() -> bool:
    try:
        import numpy as np
    except ImportError:
        return False
    return hasattr(np, "bitwise_count")
