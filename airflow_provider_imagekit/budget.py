"""The request budget of one ImageKit account, shared by every client of the process that uses its key."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable

from airflow_provider_imagekit.exceptions import ImageKitRateLimitError

__all__ = ["RequestBudget", "shared_budget"]


class RequestBudget:
    """
    Spaces requests evenly and holds all of them back while the account is over its limit.

    ImageKit limits the account, not the caller: a 429 that one task sees concerns all of them. Callers are
    served in the order in which they ask, so a large batch cannot starve a sensor's single request.

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
        self._next_free = 0.0
        self._paused_until = 0.0
        self.set_rate(requests_per_second, burst)

    def set_rate(self, requests_per_second: float | None, burst: int | None = None) -> None:
        """Change the rate, for instance when the Airflow Connection was edited."""
        with self._lock:
            self._interval = 1 / requests_per_second if requests_per_second else 0.0
            self._tolerance = self._interval * (max(burst or int(requests_per_second or 1), 1) - 1)

    def acquire(self, max_wait: float) -> float:
        """
        Wait for the turn of one request.

        :param max_wait: most seconds to wait.
        :return: seconds waited.
        :raises ImageKitRateLimitError: at once, if the turn comes later than that.
        """
        waited = 0.0
        while True:
            wait = self._reserve(max_wait - waited)
            if wait <= 0:
                return waited
            self._sleep(wait)
            waited += wait
            if self._clock() >= self._paused_until:
                return waited

    def pause(self, seconds: float) -> None:
        """Hold back every request for a number of seconds, since the account is over its limit."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)
            self._next_free = max(self._next_free, self._paused_until)

    def _reserve(self, max_wait: float) -> float:
        """Take the next turn and return the seconds until then (generic cell rate algorithm, ITU-T I.371)."""
        with self._lock:
            now = self._clock()
            free = max(self._next_free, now)
            wait = max(free - self._tolerance, self._paused_until, now) - now
            if wait > max_wait:
                raise ImageKitRateLimitError(
                    f"The request would wait {wait:.1f} s for the account's rate limit, "
                    f"longer than the {max(max_wait, 0):.1f} s allowed.",
                    help="Raise max_wait in the Airflow Connection, or run fewer tasks at once.",
                    status=429,
                    reset_ms=round(wait * 1000),
                )
            self._next_free = free + self._interval
            return wait


_budgets: dict[str, RequestBudget] = {}

# A child of fork() must not inherit a lock that another thread of its parent holds.
os.register_at_fork(after_in_child=_budgets.clear)


def shared_budget(base_url: str, private_key: str, requests_per_second: float | None) -> RequestBudget:
    """
    Return the process's one budget of an account, which the newest caller's rate then governs.

    :param base_url: address of the API.
    :param private_key: the account's key; only a digest of it is kept.
    :param requests_per_second: steady rate; ``None`` for no limit of our own.
    """
    account = hashlib.sha256(f"{base_url}\n{private_key}".encode()).hexdigest()
    budget = _budgets.setdefault(account, RequestBudget())
    budget.set_rate(requests_per_second)
    return budget
