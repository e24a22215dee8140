"""The request budget of one ImageKit account, shared by every client of the process that uses its key."""

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

#: Maximum seconds that one 429 holds the account's requests back: a longer reset is taken for a mistake, and
#: the request that tries again after this time gets a new answer.
LONGEST_PAUSE = 3600.0

# Sleeping for a computed time can end a rounding error before it is over.
_ROUNDING = 1e-6


# Evenly spaced requests at nine tenths of a limit fit into each of its intervals, wherever those begin.
_SHARE = 0.9
_SHARE_OF_OBSERVED = 0.7
_FEWEST_OBSERVED = 20
_OBSERVED_SECONDS = 5.0
_SLOWEST = 0.5
# A higher one is a server without a limit.
_FASTEST = 1000.0
_LASTS_SECONDS = 900.0

# A write too many in a second is refused, and so costs more than the twentieth that this takes.
_WRITE_MARGIN = 0.05


class LearnedPace:
    """
    Derives a rate from 429 answers and forgets it a quarter of an hour after the last one.

    :param clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=1000)
        self._rate: float | None = None
        self._until = 0.0

    @property
    def rate(self) -> float | None:
        """Requests per second; ``None`` as long as nothing was learned."""
        return self._rate if self._clock() < self._until else None

    def count(self) -> None:
        """Note that a request goes out."""
        self._sent.append(self._clock())

    def refuse(self, requests_per_second: float | None) -> None:
        """
        Note a 429.

        :param requests_per_second: the limit that it names; ``None`` if it names none: then the rate of the
            last seconds was too high.
        """
        rate = _SHARE * requests_per_second if requests_per_second else self._slower()
        if rate is None or rate > _FASTEST:
            return
        now = self.rate
        self._rate = rate if requests_per_second or now is None else min(rate, now)
        self._until = self._clock() + _LASTS_SECONDS

    def _slower(self) -> float | None:
        end = self._clock()
        sent = [time for time in self._sent if time > end - _OBSERVED_SECONDS]
        if len(sent) < _FEWEST_OBSERVED or end <= sent[0]:
            return None
        # What is observed is over and begins again at the new pace.
        self._sent.clear()
        return max(_SHARE_OF_OBSERVED * len(sent) / (end - sent[0]), _SLOWEST)


class RateLimiter:
    """
    Spaces requests evenly and holds all of them back while the account is over its limit.

    ImageKit limits the account, not the caller: a 429 that one task sees concerns all of them. The earliest
    deadline goes first, so a sensor's check, which waits for seconds, is not starved by a batch, whose
    requests may wait for minutes; and each of those goes first when its own time is nearly over.

    :param requests_per_second: steady rate; ``None`` for no limit of our own.
    :param burst: requests that may go out at once after a quiet time; by default one second's worth.
    :param margin: share by which requests are further apart than the rate asks, since some are longer on
        their way than others: at 0.05 no second has more than the rate while they differ by 50 ms.
    :param account: what Redis knows the account by; a digest, no secret.
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
        self.learned = LearnedPace(clock)
        self._sleep = sleep
        self._burst = burst
        self._margin = margin
        self._account = account
        self._lock = threading.Lock()
        self._line: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._next_free = 0.0
        self._paused_until = 0.0
        self._sources: dict[str, tuple[float | None, str | None]] = {"": (requests_per_second, None)}
        self._shared_url: str | None = None
        self._shared: RedisRateLimiter | None = None

    def follow(
        self, source: str, requests_per_second: float | None, rate_limit_url: str | None = None
    ) -> None:
        """
        Keep to a rate until the same source gives another; the lowest of all sources counts.

        :param source: who gives the rate, such as the id of an Airflow Connection.
        :param requests_per_second: steady rate; ``None`` for no limit of our own.
        :param rate_limit_url: address of the Redis through which others share the budget; ``None`` for none.
        """
        with self._lock:
            self._sources[source] = (requests_per_second, rate_limit_url)
            urls = [url for _, url in self._sources.values() if url]
            if (url := urls[-1] if urls else None) != self._shared_url:
                self._shared_url = url
                self._shared = RedisRateLimiter(url, self._account) if url else None

    def share(self, turns: RedisRateLimiter | None) -> None:
        """Keep rate and pauses together with other processes from now on; ``None`` ends that."""
        self._shared = turns

    @property
    def rate(self) -> float | None:
        """Requests per second that this process keeps to; ``None`` for no limit."""
        rates = (*(rate for rate, _ in self._sources.values()), self.learned.rate)
        return min(filter(None, rates), default=None)

    def acquire(self, max_wait: float) -> float:
        """
        Wait for the turn of one request.

        :param max_wait: maximum seconds to wait.
        :return: seconds waited.
        :raises ImageKitConfigurationError: if the address of the shared budget cannot be used.
        :raises ImageKitRateLimitError: as soon as it is clear that the turn comes later than that.
        """
        start = self.clock()
        ticket = (start + max_wait, next(self._numbers))
        with self._lock:
            bisect.insort(self._line, ticket)
        try:
            while wait := self._take_turn(ticket):
                self._sleep(wait)
        finally:
            with self._lock:
                self._line.remove(ticket)
        self._wait_for_others(ticket)
        self.learned.count()
        return self.clock() - start

    def refuse(self, seconds: float, requests_per_second: float | None) -> None:
        """
        Note that ImageKit refused a request.

        :param seconds: how long every request is held back.
        :param requests_per_second: the rate that the refusal names, if it does.
        """
        self.learned.refuse(requests_per_second)
        self.pause(seconds)

    def pause(self, seconds: float) -> None:
        """Hold back every request for a number of seconds, since the account is over its limit."""
        seconds = min(seconds, LONGEST_PAUSE)
        with self._lock:
            self._paused_until = max(self._paused_until, self.clock() + seconds)
            # No burst after a refusal: it would spend the new interval at once, and be refused again.
            self._next_free = max(self._next_free, self._paused_until + self._pace()[1])
        if self._shared:
            self._shared.pause(seconds)

    def _take_turn(self, ticket: tuple[float, int]) -> float:
        """Return 0 and take a turn, or return the seconds to wait for it (generic cell rate algorithm)."""
        with self._lock:
            now = self.clock()
            interval, tolerance = self._pace()
            free = max(self._next_free, now)
            ahead = bisect.bisect_left(self._line, ticket) * interval
            wait = max(free + ahead - tolerance, self._paused_until) - now
            if wait > _ROUNDING:
                self._allow(wait, ticket[0] - now)
                return wait
            self._next_free = free + interval
            return 0.0

    def _pace(self) -> tuple[float, float]:
        """Return the seconds between requests, and those by which a burst may be early."""
        rate = self.rate
        if not rate:
            return 0.0, 0.0
        interval = (1 + self._margin) / rate
        if self._shared:
            interval = self._shared.own_interval(interval)
        burst = 1 if rate == self.learned.rate else max(self._burst or int(rate), 1)
        return interval, interval * (burst - 1)

    def _wait_for_others(self, ticket: tuple[float, int]) -> None:
        if not (shared := self._shared):
            return
        name = uuid.uuid4().hex
        while True:
            left = ticket[0] - self.clock()
            if not (wait := shared.take_turn(self.rate, name, left)):
                return
            self._allow(wait, left)
            self._sleep(wait)

    @staticmethod
    def _allow(wait: float, left: float) -> None:
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
    Return the process's one rate limiter of an account; :meth:`RateLimiter.follow` gives it a rate.

    :param settings: those of a client; only a digest of its key is kept.
    :param writes: whether it is that of the requests that change something, which are never sent in a burst.
    """
    account = hashlib.sha256(f"{settings.base_url}\n{settings.private_key}".encode()).hexdigest()
    if not writes:
        return _limiters().setdefault(account, RateLimiter(account=account))
    account += "-writes"
    return _limiters().setdefault(account, RateLimiter(account=account, burst=1, margin=_WRITE_MARGIN))
