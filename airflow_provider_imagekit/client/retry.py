"""
Sends the requests of one account: limits and retries them, and coalesces identical reads.

A write whose response is lost may have been processed. :mod:`airflow_provider_imagekit.client.changes` marks
the writes that are retried all the same. The others are retried only if the request was certainly not
processed: after 423, 425 and 429, and if no connection was established.
"""

from __future__ import annotations

import copy
import logging
import math
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import (
    CallLimitError,
    ImageKitError,
    ImageKitRateLimitError,
    ImageKitTransportError,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.endpoints import Request
    from airflow_provider_imagekit.client.rate_limit import RateLimiter
    from airflow_provider_imagekit.client.transport import Transport

__all__ = [
    "CallLimit",
    "Caller",
    "RateLimitStats",
    "RetryLimits",
    "Retrying",
    "SingleFlight",
    "TaskLimits",
]

log = logging.getLogger(__name__)

_FIRST_BACKOFF = 0.5
_MAX_BACKOFF = 30.0
_WARNING_INTERVAL_SECONDS = 60.0

# Statuses of requests that ImageKit rejected before it processed them.
_NOT_PROCESSED = {423, 425, 429}


class CallLimit:
    """
    Limits the number of requests of a task, retries included; safe to share between threads.

    :param maximum: maximum number of requests.
    :param sent: number of requests already sent.
    """

    def __init__(self, maximum: int, sent: int = 0) -> None:
        self.maximum = maximum
        self.sent = sent
        self._lock = threading.Lock()

    def count(self, request: Request, last: ImageKitError | None) -> None:
        """
        Count a request that is about to be sent.

        :param request: the request.
        :param last: error of the previous try; ``None`` for the first try.
        :raises CallLimitError: if the task has already sent the maximum number of requests.
        """
        with self._lock:
            if self.sent < self.maximum:
                self.sent += 1
                return
        raise CallLimitError(
            f"{request} was not sent: max_calls is {self.maximum:,}, and the task has sent that many."
            + (f" The last error was: {last}" if last else ""),
            help="Raise max_calls if the task needs more requests.",
        ) from last


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """
    Limits of the retries of one call.

    :param max_retries: maximum retries after the first try.
    :param max_wait: maximum total seconds that one call waits for rate limits and between tries.
    :param timeout: maximum seconds until the complete response has arrived; ``None`` for the settings' value.
    :param call_limit: limits the requests of the task; ``None`` for no limit.
    """

    max_retries: int = 5
    max_wait: float = 120.0
    timeout: float | None = None
    call_limit: CallLimit | None = None

    def delay(self, error: ImageKitError, *, retries: int, waited: float, jitter: float) -> float | None:
        """
        Return the seconds to wait before the next try, or ``None`` to give up.

        After a 429, that is at least the time until the reset, which ImageKit states in milliseconds.
        Otherwise it is 0.5 s, 1 s, 2 s … 30 s. The jitter keeps tasks that were rejected together from
        retrying together.

        :param error: error of the last try.
        :param retries: retries so far.
        :param waited: seconds that this call has waited so far.
        :param jitter: a random number, 0 to 1.
        """
        if not error.retryable or retries >= self.max_retries:
            return None
        backoff = min(_FIRST_BACKOFF * 2**retries, _MAX_BACKOFF)
        if isinstance(error, ImageKitRateLimitError) and error.reset_ms is not None:
            delay = error.reset_ms / 1000 + min(backoff, 1.0) * jitter
        else:
            delay = backoff * (0.5 + 0.5 * jitter)
        return delay if waited + delay <= self.max_wait else None


class TaskLimits:
    """
    Limits of a task's requests, which override those of the Airflow Connection.

    :param timeout: maximum seconds until the complete response has arrived.
    :param max_retries: maximum retries of a request.
    :param max_calls: maximum requests of all calls together, retries included; ``None`` for no limit.
    :param calls_sent: number of requests that another process of the task has already sent.
    """

    def __init__(
        self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        max_calls: int | None = None,
        calls_sent: int = 0,
    ) -> None:
        self.timeout = timeout
        self.max_retries = max_retries
        self.max_calls = max_calls
        self.call_limit = None if max_calls is None else CallLimit(max_calls, calls_sent)

    def __bool__(self) -> bool:
        return (self.timeout, self.max_retries, self.max_calls) != (None, None, None)

    @property
    def calls_sent(self) -> int:
        """Number of requests sent if they are limited; otherwise 0."""
        return self.call_limit.sent if self.call_limit else 0

    def for_call(self, limits: RetryLimits) -> RetryLimits:
        """
        Return the limits of one call of the task.

        :param limits: the limits to override.
        """
        if not self:
            return limits
        retries = limits.max_retries if self.max_retries is None else self.max_retries
        timeout, call_limit = self.timeout or limits.timeout, self.call_limit or limits.call_limit
        return replace(limits, max_retries=retries, timeout=timeout, call_limit=call_limit)

    def arguments(self) -> dict[str, Any]:
        """Return these limits as a trigger's arguments, in plain JSON."""
        return {
            "request_timeout": self.timeout,
            "max_retries": self.max_retries,
            "max_calls": self.max_calls,
            "calls_sent": self.calls_sent,
        }


class RateLimitStats:
    """Cost of the rate limit for a client: ``seconds`` waited, and number of requests ``rejected``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seconds = 0.0
        self.rejected = 0

    def add(self, seconds: float, *, rejected: bool = False) -> None:
        """Count a wait, a rejected request, or both."""
        with self._lock:
            self.seconds += seconds
            self.rejected += rejected


class Caller:
    """Interface of a class that sends requests."""

    def call(self, request: Request, *, limits: RetryLimits | None = None) -> Any:
        """Send a request, and return its decoded response; the subclass implements it."""
        raise NotImplementedError


class SingleFlight:
    """Coalesces identical concurrent calls into one; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[Hashable, Future[Any]] = {}

    def share(self, key: Hashable, call: Callable[[], Any]) -> Any:
        """
        Make a call, or wait for the identical call of another thread.

        :param key: identifies identical calls.
        :param call: makes the call; it must end within a limited time.
        :return: the result of the call; threads that waited for it get a copy.
        :raises ImageKitError: the error of the call.
        """
        while True:
            with self._lock:
                theirs = self._calls.get(key)
                mine = self._calls[key] = theirs or Future()
            if theirs is None:
                return self._make(key, call, mine)
            try:
                return copy.deepcopy(theirs.result())
            except ImageKitError as error:
                raise copy.copy(error) from None
            except CancelledError:
                continue

    def _make(self, key: Hashable, call: Callable[[], Any], future: Future[Any]) -> Any:
        try:
            result = call()
        except ImageKitError as error:
            self._forget(key)
            future.set_exception(error)
            raise
        except BaseException:
            # This concerns only this caller, whose task may have been stopped; the others make a new call.
            self._forget(key)
            future.cancel()
            raise
        self._forget(key)
        future.set_result(result)
        return result

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            del self._calls[key]


class Retrying:
    """
    Makes the calls of a client; safe to share between threads.

    :param transport: sends a single request.
    :param rate_limiter: the account's rate limiter.
    :param stats: counts waits and rejected requests.
    :param sleep: waits for a number of seconds between tries.
    :param jitter: returns random numbers from 0 to 1.
    """

    def __init__(
        self,
        transport: Transport,
        rate_limiter: RateLimiter,
        stats: RateLimitStats,
        *,
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
    ) -> None:
        self._stats = stats
        self._transport = transport
        self._rate_limiter = rate_limiter
        self._in_flight = SingleFlight()
        self._lock = threading.Lock()
        self._next_warning_at = -math.inf
        self._sleep = sleep
        self._jitter = jitter

    def call(self, request: Request, limits: RetryLimits) -> Any:
        """
        Send a request with retries and return its decoded response; identical reads in flight share one.

        :param request: one of :mod:`airflow_provider_imagekit.client.endpoints`.
        :param limits: limits of the retries.
        :raises UnknownOutcomeError: if a write that must not be repeated got no usable response.
        :raises ImageKitError: the last try's error.
        """
        if request.writes:
            return self._send(request, limits)
        return self._in_flight.share((request.target, limits), lambda: self._send(request, limits))

    def _send(self, request: Request, limits: RetryLimits) -> Any:
        retries, waited = 0, 0.0
        last: ImageKitError | None = None
        while True:
            slot_wait = self._rate_limiter.acquire(limits.max_wait - waited)
            self._stats.add(slot_wait)
            waited += slot_wait
            if limits.call_limit:
                limits.call_limit.count(request, last)
            try:
                return self._transport.send(request, limits.timeout)
            except ImageKitError as error:
                last = error
                if not request.repeatable and _may_be_processed(error):
                    raise _unknown(request, error) from error
                delay = limits.delay(error, retries=retries, waited=waited, jitter=self._jitter())
                if isinstance(error, ImageKitRateLimitError):
                    self._record_rejection(error, delay)
                if delay is None:
                    raise
                retries += 1
                level = logging.DEBUG if isinstance(error, ImageKitRateLimitError) else logging.WARNING
                log.log(level, "%s: %s Retry %d in %.1f s.", request, error, retries, delay)
            self._sleep(delay)
            waited += delay

    def _record_rejection(self, error: ImageKitRateLimitError, delay: float | None) -> None:
        """Pause the account's requests, and log at most one warning a minute."""
        if error.status is None:
            return
        self._stats.add(0.0, rejected=True)
        pause = _pause_after(error, delay)
        self._rate_limiter.record_rejection(pause, error.requests_per_second)
        with self._lock:
            if self._rate_limiter.clock() < self._next_warning_at:
                return
            self._next_warning_at = self._rate_limiter.clock() + _WARNING_INTERVAL_SECONDS
        rate = self._rate_limiter.rate
        log.warning(
            "The account is over its rate limit. Requests rejected so far: %d. All wait %.1f s%s.",
            self._stats.rejected,
            pause,
            f", then continue at {rate:.4g} a second" if rate else "",
        )


def _may_be_processed(error: ImageKitError) -> bool:
    """Return whether ImageKit may have processed a request without a usable response."""
    if isinstance(error, ImageKitTransportError):
        return error.sent
    return error.retryable and error.status not in _NOT_PROCESSED


def _unknown(request: Request, error: ImageKitError) -> UnknownOutcomeError:
    return UnknownOutcomeError(
        f"{request}: {error.message} ImageKit may or may not have processed the request.",
        help="Check the media library before you run it again.",
        status=error.status,
        request_id=error.request_id,
    )


def _pause_after(error: ImageKitRateLimitError, delay: float | None) -> float:
    """Return the seconds for which the account pauses: until the reset, or else this caller's delay."""
    return error.reset_ms / 1000 if error.reset_ms is not None else delay or 0.0
