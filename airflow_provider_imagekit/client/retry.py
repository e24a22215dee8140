"""
Sends the requests of one account: waits for the rate limit, retries, coalesces identical reads.

A write whose answer is lost may have been done. Those that may be sent again all the same are marked so in
:mod:`airflow_provider_imagekit.client.changes`; the others are repeated only after answers that say that
nothing was done: 423, 425, 429, and where no connection came about.
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

__all__ = ["Caller", "Retrying", "SingleFlight", "Waits"]

log = logging.getLogger(__name__)

_QUIET_SECONDS = 60.0

# Answers that say that the request was not begun.
_NOT_BEGUN = {423, 425, 429}


class Waits:
    """What the rate limit has cost a client so far: ``seconds`` of waiting, and requests ``refused``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seconds = 0.0
        self.refused = 0

    def add(self, seconds: float, *, refused: bool = False) -> None:
        """Count a wait, a refusal, or both."""
        with self._lock:
            self.seconds += seconds
            self.refused += refused


class Caller:
    """What the methods of the client are built on."""

    def call(self, request: Request, *, limits: RetryLimits | None = None) -> Any:
        """Send a request, and return its decoded answer; the class that has the methods defines it."""
        raise NotImplementedError


class SingleFlight:
    """Gives to those who ask for the same at the same time one answer; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[Hashable, Future[Any]] = {}

    def share(self, key: Hashable, call: Callable[[], Any]) -> Any:
        """
        Make a call, or wait for the same call of another thread.

        :param key: what makes two calls the same.
        :param call: asks; it ends in a bounded time.
        :return: what the call returned; a copy, except for the one who made it.
        :raises ImageKitError: what the call raised.
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
            answer = call()
        except ImageKitError as error:
            self._forget(key)
            future.set_exception(error)
            raise
        except BaseException:
            # It concerns this caller alone, such as the end of its task: the others ask for themselves.
            self._forget(key)
            future.cancel()
            raise
        self._forget(key)
        future.set_result(answer)
        return answer

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            del self._calls[key]


class Retrying:
    """
    Makes the calls of a client; safe to share between threads.

    :param transport: sends one request.
    :param budget: gives turns; the account's.
    :param waits: counts what the rate limit costs.
    :param sleep: waits for a number of seconds between tries.
    :param jitter: random numbers from 0 to 1.
    """

    def __init__(
        self,
        transport: Transport,
        budget: RateLimiter,
        waits: Waits,
        *,
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
    ) -> None:
        self.waits = waits
        self._transport = transport
        self._budget = budget
        self._in_flight = SingleFlight()
        self._lock = threading.Lock()
        self._quiet_until = -math.inf
        self._sleep = sleep
        self._jitter = jitter

    def call(self, request: Request, limits: RetryLimits) -> Any:
        """
        Return the decoded answer to a request, or to an equal one that reads and is under way already.

        :param request: one of :mod:`airflow_provider_imagekit.client.endpoints`.
        :param limits: how far to go in repeating it.
        :raises UnknownOutcomeError: if a write that must not be repeated got no usable answer.
        :raises ImageKitError: the last try's error.
        """
        if request.writes:
            return self._send(request, limits)
        return self._in_flight.share((request.target, limits), lambda: self._send(request, limits))

    def _send(self, request: Request, limits: RetryLimits) -> Any:
        retries, waited = 0, 0.0
        last: ImageKitError | None = None
        while True:
            turn = self._budget.acquire(limits.max_wait - waited)
            self.waits.add(turn)
            waited += turn
            if limits.ceiling:
                limits.ceiling.take(request, last)
            try:
                return self._transport.send(request, limits.timeout)
            except ImageKitError as error:
                last = error
                if not request.repeatable and _may_be_done(error):
                    raise _unknown(request, error) from error
                delay = limits.delay(error, retries=retries, waited=waited, jitter=self._jitter())
                if isinstance(error, ImageKitRateLimitError):
                    self._refuse(error, delay)
                if delay is None:
                    raise
                retries += 1
                level = logging.DEBUG if isinstance(error, ImageKitRateLimitError) else logging.WARNING
                log.log(level, "%s: %s Retry %d in %.1f s.", request, error, retries, delay)
            self._sleep(delay)
            waited += delay

    def _refuse(self, error: ImageKitRateLimitError, delay: float | None) -> None:
        """Hold the account back, and log one line for all refusals of a minute."""
        if error.status is None:
            return
        self.waits.add(0.0, refused=True)
        pause = _pause_after(error, delay)
        self._budget.refuse(pause, error.requests_per_second)
        with self._lock:
            if self._budget.clock() < self._quiet_until:
                return
            self._quiet_until = self._budget.clock() + _QUIET_SECONDS
        rate = self._budget.rate
        log.warning(
            "The account is over its rate limit. Requests refused so far: %d. All wait %.1f s, then go %s.",
            self.waits.refused,
            pause,
            f"out at {rate:.4g} a second" if rate else "on",
        )


def _may_be_done(error: ImageKitError) -> bool:
    """Return whether ImageKit may have done what was asked although there is no usable answer."""
    if isinstance(error, ImageKitTransportError):
        return error.sent
    return error.retryable and error.status not in _NOT_BEGUN


def _unknown(request: Request, error: ImageKitError) -> UnknownOutcomeError:
    return UnknownOutcomeError(
        f"{request}: {error.message} ImageKit may have done it or not.",
        help="Look in the media library before it is run again.",
        status=error.status,
        request_id=error.request_id,
    )


def _pause_after(error: ImageKitRateLimitError, delay: float | None) -> float:
    """Return the seconds for which the whole account is quiet: until the reset, or as long as this caller."""
    return error.reset_ms / 1000 if error.reset_ms is not None else delay or 0.0
