"""
Rate limits as ImageKit documents them: per endpoint across the account, with several limits at once.

ImageKit publishes the headers and their units, but not the limits themselves.
"""

from __future__ import annotations

import math
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_imagekit.emulator.errors import TOO_MANY, ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["UNLIMITED", "Limiter", "RateLimit", "RateLimits", "headers_of"]

_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000}
_TEXT = re.compile(r"(\d+)/(\d*)([smh])", re.ASCII)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """
    A maximum number of requests per interval.

    :param requests: requests allowed per interval, at least 1.
    :param interval_ms: length of the interval in milliseconds.
    """

    requests: int
    interval_ms: int

    def __post_init__(self) -> None:
        if self.requests < 1 or self.interval_ms < 1:
            raise ValueError("A rate limit must allow at least 1 request in at least 1 millisecond.")

    @classmethod
    def parse(cls, text: str) -> RateLimit:
        """
        Parse a limit such as ``100/s``, ``1000/15m`` or ``40000/h``.

        :raises ValueError: for any other form.
        """
        found = _TEXT.fullmatch(text.strip())
        if not found:
            raise ValueError(f"{text!r} is not a rate limit; write for example 100/s or 1000/15m.")
        count, number, unit = found.groups()
        return cls(int(count), int(number or 1) * _UNITS_MS[unit])


#: Effectively no limit; the headers are sent anyway.
UNLIMITED = RateLimit(1_000_000_000, 1000)


@dataclass(frozen=True, slots=True)
class RateLimits:
    """
    The account's limits.

    :param read: limits of every ``GET`` endpoint, each counted separately; all of them apply at once.
    :param write: limits of every other endpoint. Uploads are not limited, as documented.
    """

    read: tuple[RateLimit, ...] = (UNLIMITED,)
    write: tuple[RateLimit, ...] = (UNLIMITED,)

    @classmethod
    def of(cls, *limits: str | RateLimit) -> RateLimits:
        """Return the same limits for reading and writing, for example ``RateLimits.of("5/s", "100/m")``."""
        parsed = tuple(RateLimit.parse(limit) if isinstance(limit, str) else limit for limit in limits)
        return cls(read=parsed or (UNLIMITED,), write=parsed or (UNLIMITED,))


class Limiter:
    """
    Counts the requests of each endpoint in fixed intervals, the first of which starts with the first request.

    :param limits: the account's limits.
    :param clock: returns monotonic time in seconds.
    """

    def __init__(self, limits: RateLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, RateLimit], _Window] = {}

    def clear(self) -> None:
        """Reset all counters."""
        with self._lock:
            self._windows.clear()

    def admit(self, endpoint: str, *, writes: bool) -> dict[str, str]:
        """
        Count a request and return the ``X-RateLimit-*`` headers of its response.

        :param endpoint: name under which requests are counted, for example ``GET /v1/files``.
        :param writes: whether the limits for writing apply.
        :raises ApiError: 429 when a limit is reached; such a request is not counted.
        """
        limits = self.limits.write if writes else self.limits.read
        now = self._clock() * 1000
        with self._lock:
            windows = [self._window(endpoint, limit, now) for limit in limits]
            full = [window for window in windows if window.count >= window.limit.requests]
            if full:
                longest = max(full, key=lambda window: window.left_ms(now))
                raise _too_many(longest.limit, math.ceil(longest.left_ms(now)))
            for window in windows:
                window.count += 1
            tightest = min(windows, key=lambda window: window.limit.requests - window.count)
            blocked = tightest.count >= tightest.limit.requests
            return _headers(tightest.limit, math.ceil(tightest.left_ms(now)) if blocked else 0)

    def _window(self, endpoint: str, limit: RateLimit, now: float) -> _Window:
        window = self._windows.get((endpoint, limit))
        if window is None or window.left_ms(now) <= 0:
            window = self._windows[endpoint, limit] = _Window(limit, now)
        return window


@dataclass(slots=True)
class _Window:
    limit: RateLimit
    started_ms: float
    count: int = 0

    def left_ms(self, now: float) -> float:
        return self.started_ms + self.limit.interval_ms - now


def _headers(limit: RateLimit, reset_ms: int) -> dict[str, str]:
    # Reset is in milliseconds, not seconds or an epoch. ImageKit sends neither Remaining nor Retry-After.
    return {
        "X-RateLimit-Limit": str(limit.requests),
        "X-RateLimit-Reset": str(reset_ms),
        "X-RateLimit-Interval": str(limit.interval_ms),
    }


def _too_many(limit: RateLimit, reset_ms: int) -> ApiError:
    return ApiError(429, TOO_MANY, headers=_headers(limit, max(reset_ms, 1)))


def headers_of(limits: Iterable[RateLimit]) -> dict[str, str]:
    """Return the headers of a response that was not counted, such as one to a wrong key."""
    return _headers(min(limits, key=lambda limit: limit.requests), 0)
