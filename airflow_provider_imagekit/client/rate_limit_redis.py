"""Rate limiter that processes and machines share through Redis (extra ``redis``)."""

from __future__ import annotations

import functools
import logging
import math
import time
import uuid
from collections.abc import Callable
from typing import Any

from airflow_provider_imagekit.exceptions import ImageKitConfigurationError
from airflow_provider_imagekit.provider_info import field_label

__all__ = ["RedisRateLimiter"]

log = logging.getLogger(__name__)

_PREFIX = "imagekit"
_SOCKET_SECONDS = 1.0
_RECONNECT_SECONDS = 3.0
_MICRO = 1_000_000

# All times come from Redis, because workers' clocks differ. They are microseconds, written without exponent.
_COMMON = """
local function text(number) return string.format('%.0f', number) end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state, rates, line, alive = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local function number(field) return tonumber(redis.call('HGET', state, field) or '0') end
local function longest_interval()
  local longest, seen = 0, redis.call('HGETALL', rates)
  for i = 1, #seen, 2 do
    local interval, last = string.match(seen[i + 1], '(%d+) (%d+)')
    if now - tonumber(last) > 60000000 then
      redis.call('HDEL', rates, seen[i])
    else
      longest = math.max(longest, tonumber(interval))
    end
  end
  return longest
end
local function tolerance(interval)
  if interval == 0 then return 0 end
  return interval * (math.max(math.floor(1000000 / interval), 1) - 1)
end
local function keep() for i = 1, 4 do redis.call('EXPIRE', KEYS[i], 7200) end end
"""

# The generic cell rate algorithm, earliest deadline first. A caller that exits while it is queued is removed
# two seconds after it should have retried.
_ACQUIRE_SLOT = f"""{_COMMON}
local worker, own, ticket, left = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
redis.call('HSET', rates, worker, text(own) .. ' ' .. text(now))
local interval = longest_interval()
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', alive, '-inf', text(now))) do
  redis.call('ZREM', line, gone)
  redis.call('ZREM', alive, gone)
end
local deadline = tonumber(redis.call('ZSCORE', line, ticket) or text(now + left))
local ahead = redis.call('ZCOUNT', line, '-inf', '(' .. text(deadline)) * interval
local free = math.max(number('free'), now)
local wait = math.max(free + ahead - tolerance(interval), number('paused')) - now
if wait <= 0 or wait > left then
  redis.call('ZREM', line, ticket)
  redis.call('ZREM', alive, ticket)
else
  redis.call('ZADD', line, text(deadline), ticket)
  redis.call('ZADD', alive, text(now + wait + 2000000), ticket)
end
if wait <= 0 then
  wait = 0
  redis.call('HSET', state, 'free', text(free + interval))
end
keep()
return {{text(wait), text(interval), redis.call('HLEN', rates)}}
"""

_PAUSE = f"""{_COMMON}
local paused = math.max(number('paused'), now + tonumber(ARGV[1]))
redis.call('HSET', state, 'paused', text(paused))
redis.call('HSET', state, 'free', text(math.max(number('free'), paused + tolerance(longest_interval()))))
keep()
return {{'0', '0', 0}}
"""


class RedisRateLimiter:
    """
    Grants the slots of one account to all processes that use the same Redis.

    The lowest rate of the workers seen in the last minute applies. While Redis is unavailable, every slot is
    granted and each process limits itself to its share of that rate, so requests continue without Redis.

    :param url: ``redis://``, ``rediss://``, ``redis+unix://``, or the same with ``valkey``.
    :param account: key of the account in Redis; a digest, not a secret.
    :param clock: monotonic seconds, for the time until Redis is tried again.
    """

    def __init__(self, url: str, account: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._keys = [f"{_PREFIX}:{{{account}}}:{name}" for name in ("state", "rates", "line", "alive")]
        self._worker = uuid.uuid4().hex
        self._clock = clock
        self._unavailable = False
        self._retry_at = -math.inf
        self._interval = 0.0
        self._workers = 1
        self._logged_interval = 0.0

    @functools.cached_property
    def _storage(self) -> Any:
        # Created on first use, in the thread of a request: imports must not block a triggerer's event loop.
        return _storage(self._url)

    @functools.cached_property
    def _scripts(self) -> tuple[Any, Any]:
        connection = self._storage.get_connection()
        return connection.register_script(_ACQUIRE_SLOT), connection.register_script(_PAUSE)

    def acquire_slot(
        self, requests_per_second: float | None, ticket: str = "", left: float = math.inf
    ) -> float:
        """
        Take a slot and return 0, or return the seconds after which to try again.

        :param requests_per_second: this process's steady rate; ``None`` to share only the pauses.
        :param ticket: identifies the request across repeated calls.
        :param left: seconds until the request gives up; the request with the fewest is served first.
        :raises ImageKitConfigurationError: if the address is not valid, or the extra ``redis`` is missing.
        """
        own = round(_MICRO / requests_per_second) if requests_per_second else 0
        max_wait = round(max(min(left, 86_400.0), 0.0) * _MICRO)
        reply = self._run(
            lambda: self._scripts[0](self._keys, [self._worker, own, ticket or uuid.uuid4().hex, max_wait])
        )
        if reply is None:
            return 0.0
        wait, self._interval, self._workers = int(reply[0]) / _MICRO, int(reply[1]) / _MICRO, int(reply[2])
        self._log_lower_rate(own / _MICRO)
        return wait

    def pause(self, seconds: float) -> None:
        """Pause the requests of all processes for a number of seconds."""
        self._run(lambda: self._scripts[1](self._keys, [math.ceil(seconds * _MICRO)]))

    def own_interval(self, interval: float) -> float:
        """
        Return the seconds between requests that this process enforces itself.

        While Redis is unavailable, that is the interval of the process's share of the rate.

        :param interval: seconds between requests at the process's own rate.
        """
        return max(interval, self._interval) * self._workers if self._unavailable else interval

    def _log_lower_rate(self, own: float) -> None:
        if self._interval != self._logged_interval and self._interval > own:
            log.warning(
                "requests_per_second is %s here and %.4g in another process of the account; the lower one "
                "applies.",
                f"{1 / own:.4g}" if own else "not set",
                1 / self._interval,
            )
        self._logged_interval = self._interval

    def _run(self, script: Callable[[], Any]) -> Any:
        if self._clock() < self._retry_at:
            return None
        if self._unavailable:  # one caller tries; the others must not wait for a Redis that hangs
            self._retry_at = self._clock() + _RECONNECT_SECONDS
        try:
            reply = script()
        except self._storage.base_exceptions as error:
            self._retry_at = self._clock() + _RECONNECT_SECONDS
            if not self._unavailable:
                log.warning(
                    "The Redis at rate_limit_url is unavailable (%s). Until it is back, this process limits "
                    "itself to its share of requests_per_second.",
                    type(error).__name__,
                )
            self._unavailable = True
            return None
        self._unavailable, self._retry_at = False, -math.inf
        return reply


def _storage(url: str) -> Any:
    try:
        from limits.errors import ConfigurationError
        from limits.storage import RedisStorage
    except ImportError as error:
        raise ImageKitConfigurationError(
            f"{field_label('rate_limit_url')} of the Airflow Connection requires the package extra redis.",
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
    # The address may contain a password, so the message does not repeat it.
    raise ImageKitConfigurationError(
        f"{field_label('rate_limit_url')} of the Airflow Connection is not a valid Redis URL.",
        help="Use a URL such as redis://:password@host:6379/0, or rediss:// for TLS.",
    )
