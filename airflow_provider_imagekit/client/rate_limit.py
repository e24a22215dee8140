"""Rate limiter of one ImageKit account, shared by all clients of the process that use its key."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_imagekit.client.per_process import per_process
from airflow_provider_imagekit.client.rate_limit_redis import RedisRateLimiter
from airflow_provider_imagekit.exceptions import ImageKitRateLimitError

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.settings import ClientSettings

__all__ = ["LONGEST_PAUSE", "RateLimiter", "account_rate_limiter"]

#: Maximum seconds for which one 429 pauses the account's requests. A longer reset is treated as a mistake;
#: the next try after this time gets a new response.
LONGEST_PAUSE = 3600.0

# A sleep for a computed time can end early by a rounding error.
_ROUNDING = 1e-6

# At nine tenths of a limit, evenly spaced requests fit into every interval, wherever the interval starts.
_SHARE_OF_LIMIT = 0.9
_SHARE_OF_OBSERVED = 0.7
_MIN_OBSERVED = 20
_OBSERVED_SECONDS = 5.0
_MIN_RATE = 0.5
# A server that states a higher limit has none in practice.
_MAX_RATE = 1000.0
_EXPIRY_SECONDS = 900.0

# A write over the limit is rejected, which costs more than the 5 % of the rate that this margin gives up.
_WRITE_MARGIN = 0.05


class LearnedRate:
    """
    Derives a rate from 429 responses and forgets it 15 minutes after the last one.

    :param clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=1000)
        self._rate: float | None = None
        self._until = 0.0

    @property
    def rate(self) -> float | None:
        """Requests per second; ``None`` if no rate is known."""
        return self._rate if self._clock() < self._until else None

    def count(self) -> None:
        """Record a request that is about to be sent."""
        self._sent.append(self._clock())

    def record_rejection(self, requests_per_second: float | None) -> None:
        """
        Record a 429.

        :param requests_per_second: the limit stated in the response; ``None`` if it states none: the rate of
            the last 5 seconds was then too high.
        """
        rate = _SHARE_OF_LIMIT * requests_per_second if requests_per_second else self._slower()
        if rate is None or rate > _MAX_RATE:
            return
        now = self.rate
        self._rate = rate if requests_per_second or now is None else min(rate, now)
        self._until = self._clock() + _EXPIRY_SECONDS

    def _slower(self) -> float | None:
        end = self._clock()
        sent = [time for time in self._sent if time > end - _OBSERVED_SECONDS]
        if len(sent) < _MIN_OBSERVED or end <= sent[0]:
            return None
        # Start a new observation at the new rate.
        self._sent.clear()
        return max(_SHARE_OF_OBSERVED * len(sent) / (end - sent[0]), _MIN_RATE)


class RateLimiter:
    """
    Spaces requests evenly and pauses all of them while the account is over its limit.

    ImageKit limits the account, not the caller, so a 429 for one task concerns all of them. The request with
    the earliest deadline is sent first. A sensor's check, which waits for seconds, is therefore not starved
    by a batch, whose requests may wait for minutes; each of those is sent first when its deadline is near.

    :param requests_per_second: steady rate; ``None`` for no limit of our own.
    :param burst: maximum number of requests sent at once after an idle period; by default one second's worth.
    :param margin: share added to the interval between requests, because their latency varies: at 0.05, no
        second exceeds the rate as long as latencies differ by at most 50 ms.
    :param account: key of the account in Redis; a digest, not a secret.
    :param clock: monotonic seconds.
    :param sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        requests_per_second: float | None = None,
        *,
        burst: int | None = None,
        margin: float = 0.0,
        account: str = "",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.clock = clock
        self.learned_rate = LearnedRate(clock)
        self._sleep = sleep
        self._burst = burst
        self._margin = margin
        self._account = account
        self._lock = threading.Lock()
        self._queue: list[tuple[float, int]] = []
        self._sequence = itertools.count()
        self._next_free = 0.0
        self._paused_until = 0.0
        self._sources: dict[str, tuple[float | None, str | None]] = {"": (requests_per_second, None)}
        self._shared_url: str | None = None
        self._shared: RedisRateLimiter | None = None

    def follow(
        self, source: str, requests_per_second: float | None, rate_limit_url: str | None = None
    ) -> None:
        """
        Set the rate of a source; the lowest rate of all sources applies.

        :param source: where the rate comes from, such as the id of an Airflow Connection.
        :param requests_per_second: steady rate; ``None`` for no limit of our own.
        :param rate_limit_url: address of the Redis that shares the rate limit with other processes; ``None``
            for none.
        """
        with self._lock:
            self._sources[source] = (requests_per_second, rate_limit_url)
            urls = [url for _, url in self._sources.values() if url]
            if (url := urls[-1] if urls else None) != self._shared_url:
                self._shared_url = url
                self._shared = RedisRateLimiter(url, self._account) if url else None

    def share(self, limiter: RedisRateLimiter | None) -> None:
        """Share rate and pauses with other processes from now on; ``None`` stops sharing."""
        self._shared = limiter

    @property
    def rate(self) -> float | None:
        """Requests per second of this process; ``None`` for no limit."""
        rates = (*(rate for rate, _ in self._sources.values()), self.learned_rate.rate)
        return min(filter(None, rates), default=None)

    def acquire(self, max_wait: float) -> float:
        """
        Wait for a slot for one request.

        :param max_wait: maximum seconds to wait.
        :return: seconds waited.
        :raises ImageKitConfigurationError: if the address of the shared rate limiter is not valid.
        :raises ImageKitRateLimitError: as soon as it is clear that the wait would exceed ``max_wait``.
        """
        start = self.clock()
        ticket = (start + max_wait, next(self._sequence))
        with self._lock:
            bisect.insort(self._queue, ticket)
        try:
            while wait := self._acquire_slot(ticket):
                self._sleep(wait)
        finally:
            with self._lock:
                self._queue.remove(ticket)
        self._acquire_shared_slot(ticket)
        self.learned_rate.count()
        return self.clock() - start

    def record_rejection(self, seconds: float, requests_per_second: float | None) -> None:
        """
        Pause all requests after a 429, and lower the rate.

        :param seconds: length of the pause.
        :param requests_per_second: the limit stated in the response; ``None`` if it states none.
        """
        self.learned_rate.record_rejection(requests_per_second)
        self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """Pause all requests for a number of seconds, because the account is over its limit."""
        seconds = min(seconds, LONGEST_PAUSE)
        with self._lock:
            self._paused_until = max(self._paused_until, self.clock() + seconds)
            # No burst after a 429: it would use up the new interval at once and be rejected again.
            self._next_free = max(self._next_free, self._paused_until + self._spacing()[1])
        if self._shared:
            self._shared.pause(seconds)

    def _acquire_slot(self, ticket: tuple[float, int]) -> float:
        """Take a slot and return 0, or return the seconds to wait for one (generic cell rate algorithm)."""
        with self._lock:
            now = self.clock()
            interval, tolerance = self._spacing()
            free = max(self._next_free, now)
            ahead = bisect.bisect_left(self._queue, ticket) * interval
            wait = max(free + ahead - tolerance, self._paused_until) - now
            if wait > _ROUNDING:
                self._check_wait(wait, ticket[0] - now)
                return wait
            self._next_free = free + interval
            return 0.0

    def _spacing(self) -> tuple[float, float]:
        """Return the seconds between requests, and how many seconds early a burst may be sent."""
        rate = self.rate
        if not rate:
            return 0.0, 0.0
        interval = (1 + self._margin) / rate
        if self._shared:
            interval = self._shared.own_interval(interval)
        burst = 1 if rate == self.learned_rate.rate else max(self._burst or int(rate), 1)
        return interval, interval * (burst - 1)

    def _acquire_shared_slot(self, ticket: tuple[float, int]) -> None:
        if not (shared := self._shared):
            return
        name = uuid.uuid4().hex
        while True:
            left = ticket[0] - self.clock()
            if not (wait := shared.acquire_slot(self.rate, name, left)):
                return
            self._check_wait(wait, left)
            self._sleep(wait)

    @staticmethod
    def _check_wait(wait: float, left: float) -> None:
        if wait > left + _ROUNDING:
            raise ImageKitRateLimitError(
                f"The request would wait {wait:.1f} s for the account's rate limit, "
                f"longer than the {max(left, 0):.1f} s allowed.",
                help="Raise max_wait in the Airflow Connection, or run fewer tasks at once.",
                reset_ms=round(wait * 1000),
            )


@per_process
def _limiters() -> dict[str, RateLimiter]:
    return {}


def account_rate_limiter(settings: ClientSettings, *, writes: bool = False) -> RateLimiter:
    """
    Return the process-wide rate limiter of an account; :meth:`RateLimiter.follow` sets its rate.

    :param settings: settings of a client; only a digest of its key is kept.
    :param writes: whether to return the rate limiter of writes, which are never sent in a burst.
    """
    account = hashlib.sha256(f"{settings.base_url}\n{settings.private_key}".encode()).hexdigest()
    if not writes:
        return _limiters().setdefault(account, RateLimiter(account=account))
    account += "-writes"
    return _limiters().setdefault(account, RateLimiter(account=account, burst=1, margin=_WRITE_MARGIN))
