"""The request budget of one ImageKit account, shared by every client of the process that uses its key."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_imagekit.client.rate_limit_redis import RedisRateLimiter
from airflow_provider_imagekit.exceptions import ImageKitRateLimitError

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.settings import ClientSettings

__all__ = ["LONGEST_PAUSE", "RateLimiter", "account_rate_limiter"]

#: Most seconds that one 429 holds the account's requests back: a longer reset is taken for a mistake, and
#: the request that tries again after this time will be told anew.
LONGEST_PAUSE = 3600.0

# Sleeping for a computed time can end a rounding error before it is over.
_ROUNDING = 1e-6


class RateLimiter:
    """
    Spaces requests evenly and holds all of them back while the account is over its limit.

    ImageKit limits the account, not the caller: a 429 that one task sees concerns all of them. Whoever must
    give up first goes first, so a sensor's check, which waits for seconds, is not starved by a batch, whose
    requests may wait for minutes; and each of those goes first when its own time is nearly over.

    :param requests_per_second: steady rate; ``None`` for no limit of our own.
    :param burst: requests that may go out at once after a quiet time; one second's worth unless given.
    :param clock: monotonic seconds.
    :param sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        requests_per_second: float | None = None,
        *,
        burst: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._line: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._next_free = 0.0
        self._paused_until = 0.0
        self._shared: RedisRateLimiter | None = None
        self.set_rate(requests_per_second, burst)

    def set_rate(self, requests_per_second: float | None, burst: int | None = None) -> None:
        """Change the rate, for instance when the Airflow Connection was edited."""
        with self._lock:
            self._rate = requests_per_second or None
            self._interval = 1 / requests_per_second if requests_per_second else 0.0
            self._tolerance = self._interval * (max(burst or int(requests_per_second or 1), 1) - 1)

    def share(self, turns: RedisRateLimiter | None) -> None:
        """Keep rate and pauses together with other processes from now on; ``None`` ends that."""
        self._shared = turns

    def acquire(self, max_wait: float) -> float:
        """
        Wait for the turn of one request.

        :param max_wait: most seconds to wait.
        :return: seconds waited.
        :raises ImageKitConfigurationError: if the address of the shared budget cannot be used.
        :raises ImageKitRateLimitError: as soon as it is clear that the turn comes later than that.
        """
        start = self._clock()
        ticket = (start + max_wait, next(self._numbers))
        with self._lock:
            bisect.insort(self._line, ticket)
        try:
            while wait := self._take_turn(ticket):
                self._sleep(wait)
        finally:
            with self._lock:
                self._line.remove(ticket)
        while self._shared and (wait := self._shared.take_turn(self._rate)):
            self._allow(wait, ticket[0] - self._clock())
            self._sleep(wait)
        return self._clock() - start

    def pause(self, seconds: float) -> None:
        """Hold back every request for a number of seconds, since the account is over its limit."""
        seconds = min(seconds, LONGEST_PAUSE)
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)
            # No burst after a refusal: it would spend the new interval at once, and be refused again.
            self._next_free = max(self._next_free, self._paused_until + self._tolerance)
        if self._shared:
            self._shared.pause(seconds)

    def _take_turn(self, ticket: tuple[float, int]) -> float:
        """Return 0 and take a turn, or return the seconds to wait for it (generic cell rate algorithm)."""
        with self._lock:
            now = self._clock()
            free = max(self._next_free, now)
            ahead = bisect.bisect_left(self._line, ticket) * self._interval
            wait = max(free + ahead - self._tolerance, self._paused_until) - now
            if wait > _ROUNDING:
                self._allow(wait, ticket[0] - now)
                return wait
            self._next_free = free + self._interval
            return 0.0

    @staticmethod
    def _allow(wait: float, left: float) -> None:
        if wait > left + _ROUNDING:
            raise ImageKitRateLimitError(
                f"The request would wait {wait:.1f} s for the account's rate limit, "
                f"longer than the {max(left, 0):.1f} s allowed.",
                help="Raise max_wait in the Airflow Connection, or run fewer tasks at once.",
                status=429,
                reset_ms=round(wait * 1000),
            )


_budgets: dict[str, RateLimiter] = {}

# A child of fork() must not inherit a lock that another thread of its parent holds.
os.register_at_fork(after_in_child=_budgets.clear)


def account_rate_limiter(settings: ClientSettings) -> RateLimiter:
    """
    Return the process's one rate limiter of an account, which the newest caller's settings then govern.

    :param settings: those of a client; only a digest of its key is kept.
    """
    account = hashlib.sha256(f"{settings.base_url}\n{settings.private_key}".encode()).hexdigest()
    budget = _budgets.setdefault(account, RateLimiter())
    budget.set_rate(settings.requests_per_second)
    budget.share(RedisRateLimiter(settings.rate_limit_url, account) if settings.rate_limit_url else None)
    return budget
