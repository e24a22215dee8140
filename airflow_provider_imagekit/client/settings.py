"""Settings of a client, and the limits with which a task or a single call overrides them."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_imagekit.client.endpoints import DEFAULT_BASE_URL, Request
from airflow_provider_imagekit.exceptions import CallLimitError, ImageKitError, ImageKitRateLimitError
from airflow_provider_imagekit.provider_info import CONNECTION_FIELDS

__all__ = ["CallLimit", "ClientSettings", "RetryLimits", "TaskLimits", "is_loopback"]

_FIRST_BACKOFF = 0.5
_MAX_BACKOFF = 30.0


def _default(name: str) -> Any:
    return CONNECTION_FIELDS[name]["default"]


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """
    Settings of a client; hashable. The defaults are those of the Airflow Connection's fields.

    :param private_key: the account's private key.
    :param base_url: address of the API; plain http requires a loopback address or ``allow_http``.
    :param timeout: maximum seconds until the complete response has arrived, connecting included; see
        :class:`~airflow_provider_imagekit.client.deadline.DeadlineAdapter`.
    :param max_retries: maximum retries of a request after connection errors, timeouts, 408, 429 and 5xx.
    :param max_wait: maximum total seconds that one call waits for rate limits and between tries.
    :param requests_per_second: steady rate for all clients of the process with this key; ``None``: no limit.
    :param writes_per_second: steady rate of requests that write, which are counted separately so that reads
        do not wait for them; ``None``: no limit.
    :param rate_limit_url: address of a Redis that shares the rate and the pauses after 429 with other
        processes and machines; ``None``: this process only.
    :param verify: whether to verify certificates, or the path of a CA bundle.
    :param allow_http: whether plain http to another machine is allowed, where the network can read the key.
    :param drop_personal_data: whether operators keep coordinates, serial numbers and people's names out of
        XCom and tables; the client itself returns ImageKit's values unchanged.
    :param proxies: proxy addresses by scheme, as a mapping or as pairs; empty: those of the environment.
    """

    private_key: str = field(repr=False)
    base_url: str = field(default=DEFAULT_BASE_URL, repr=False)  # a mistyped one may contain a key
    timeout: float = _default("timeout")
    max_retries: int = _default("max_retries")
    max_wait: float = _default("max_wait")
    requests_per_second: float | None = _default("requests_per_second")
    writes_per_second: float | None = _default("writes_per_second")
    rate_limit_url: str | None = field(default=_default("rate_limit_url"), repr=False)
    verify: bool | str = _default("verify")
    allow_http: bool = _default("allow_http")
    drop_personal_data: bool = _default("drop_personal_data")
    proxies: tuple[tuple[str, str], ...] = field(default=_default("proxies"), repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "proxies", tuple(sorted(dict(self.proxies or ()).items())))


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


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is a loopback address."""
    return host == "localhost" or host == "[::1]" or bool(re.fullmatch(r"127(\.[0-9]{1,3}){3}", host))
