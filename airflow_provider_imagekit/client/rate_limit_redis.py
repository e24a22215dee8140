"""Turns and pauses of one account that processes and machines share through Redis (extra ``redis``)."""

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitConfigurationError

if TYPE_CHECKING:
    from limits import RateLimitItem

__all__ = ["RedisRateLimiter"]

log = logging.getLogger(__name__)

_PREFIX = "imagekit"
_SOCKET_SECONDS = 1.0
_AWAY_SECONDS = 30.0
_SHORTEST_WAIT = 0.01


class RedisRateLimiter:
    """
    Hands out the turns of one account to whoever asks the same Redis.

    While Redis is away every turn is granted, so that each process keeps to its own budget: nothing stops
    for a rate limiter that is down.

    :param url: ``redis://``, ``rediss://``, ``redis+unix://``, or the same with ``valkey``.
    :param account: what the turns belong to; a digest, no secret.
    :param clock: monotonic seconds.
    """

    def __init__(self, url: str, account: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._account = account
        self._clock = clock
        self._away = False
        self._away_until = -math.inf

    @functools.cached_property
    def _storage(self) -> Any:
        # On first use, thus in the thread of a request: a triggerer's event loop does not wait for imports.
        return _storage(self._url)

    def take_turn(self, requests_per_second: float | None) -> float:
        """
        Return 0 and take a turn, or return the seconds after which to ask again.

        :param requests_per_second: the steady rate of all who share; ``None`` to share pauses alone.
        :raises ImageKitConfigurationError: if the address cannot be used, or the extra ``redis`` is missing.
        """
        return float(self._ask(lambda: self._take_turn(requests_per_second)) or 0.0)

    def pause(self, seconds: float) -> None:
        """Hold back the turns of all who share for a number of seconds."""
        self._ask(lambda: self._pause(math.ceil(seconds * 1000)))

    def _take_turn(self, requests_per_second: float | None) -> float:
        paused_ms = self._storage.get_connection().pttl(self._pause_key)
        if paused_ms > 0:
            return float(paused_ms) / 1000
        if requests_per_second is None:
            return 0.0
        from limits.strategies import MovingWindowRateLimiter

        limiter, window = MovingWindowRateLimiter(self._storage), _window(requests_per_second)
        if limiter.hit(window, self._account):
            return 0.0
        reset = limiter.get_window_stats(window, self._account).reset_time
        return float(max(reset - time.time(), _SHORTEST_WAIT))

    def _pause(self, milliseconds: int) -> None:
        redis = self._storage.get_connection()
        if milliseconds > max(redis.pttl(self._pause_key), 0):
            redis.set(self._pause_key, 1, px=milliseconds)

    @property
    def _pause_key(self) -> str:
        return f"{_PREFIX}:{self._account}:paused"

    def _ask(self, question: Callable[[], float | None]) -> float | None:
        if self._clock() < self._away_until:
            return None
        try:
            answer = question()
        except self._storage.base_exceptions as error:
            self._away_until = self._clock() + _AWAY_SECONDS
            if not self._away:
                log.warning(
                    "The Redis of rate_limit_url cannot be used (%s). Until it is back, this process keeps "
                    "to requests_per_second by itself.",
                    error,
                )
            self._away = True
            return None
        self._away = False
        return answer


def _storage(url: str) -> Any:
    try:
        from limits.errors import ConfigurationError
        from limits.storage import RedisStorage
    except ImportError as error:
        raise ImageKitConfigurationError(
            "rate_limit_url in the Airflow Connection's extra needs the package extra redis.",
            help="Install airflow-provider-imagekit[redis] on every machine that runs tasks or triggers.",
        ) from error
    if url.split("://", maxsplit=1)[0] in RedisStorage.STORAGE_SCHEME:
        try:
            return RedisStorage(
                url,
                key_prefix=_PREFIX,
                socket_timeout=_SOCKET_SECONDS,
                socket_connect_timeout=_SOCKET_SECONDS,
            )
        except (ConfigurationError, ValueError):
            pass
    # The address can hold a password, so it is not repeated here.
    raise ImageKitConfigurationError(
        "rate_limit_url in the Airflow Connection's extra cannot be used.",
        help="Use an address such as redis://:password@host:6379/0, or rediss:// for TLS.",
    )


def _window(requests_per_second: float) -> RateLimitItem:
    """Return a whole number of requests in a whole number of seconds."""
    from limits import RateLimitItemPerSecond

    ratio = Fraction(requests_per_second).limit_denominator(10)
    if ratio < Fraction(1, 10):
        ratio = Fraction(1, math.ceil(1 / requests_per_second))
    return RateLimitItemPerSecond(ratio.numerator, ratio.denominator)
