"""
Sends the requests of one account: waits for the rate limit, retries, and coalesces identical reads.

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
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import (
    ImageKitError,
    ImageKitRateLimitError,
    ImageKitTransportError,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.endpoints import Request
    from airflow_provider_imagekit.client.rate_limit import RateLimiter
    from airflow_provider_imagekit.client.settings import RetryLimits
    from airflow_provider_imagekit.client.transport import Transport

__all__ = ["Caller", "RateLimitStats", "Retrying", "SingleFlight"]

log = logging.getLogger(__name__)

_WARNING_INTERVAL_SECONDS = 60.0

# Statuses of requests that ImageKit rejected before it processed them.
_NOT_PROCESSED = {423, 425, 429}


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
