"""What a client is set to, and what a task or one call asks in its place: how far requests may go."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_imagekit.client.endpoints import DEFAULT_BASE_URL, Request
from airflow_provider_imagekit.exceptions import CallLimitError, ImageKitError, ImageKitRateLimitError
from airflow_provider_imagekit.provider_info import CONNECTION_FIELDS

__all__ = ["Ceiling", "ClientSettings", "RetryLimits", "TaskLimits", "is_loopback"]

_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 30.0


def _default(name: str) -> Any:
    return CONNECTION_FIELDS[name]["default"]


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """
    What a client needs to know; hashable. The defaults are those of the Airflow Connection's fields.

    :param private_key: the account's private key.
    :param base_url: address of the API; plain http is refused except for a loopback address or with
        ``allow_http``.
    :param timeout: maximum seconds until an answer has arrived whole, connecting included; see
        :class:`~airflow_provider_imagekit.client.deadline.DeadlineAdapter`.
    :param max_retries: maximum repetitions of a request after connection errors, timeouts, 408, 429 and 5xx.
    :param max_wait: maximum seconds that one call waits in all, for rate limits and between tries.
    :param requests_per_second: steady rate for all clients of the process with this key; ``None``: no limit.
    :param writes_per_second: steady rate of requests that change something; they have this budget for
        themselves, so that reads do not wait for them. ``None``: no limit.
    :param rate_limit_url: address of a Redis through which other processes and machines share the rate and
        the pauses after 429; ``None``: this process alone.
    :param verify: whether to verify certificates, or the path of a CA bundle.
    :param allow_http: whether plain http to another machine is allowed, where the network can read the key.
    :param drop_personal_data: whether operators keep coordinates, serial numbers and people's names out of
        XCom and tables; the client itself returns what ImageKit returns.
    :param proxies: proxy addresses by scheme, as a mapping or as pairs; empty: those of the environment.
    """

    private_key: str = field(repr=False)
    base_url: str = field(default=DEFAULT_BASE_URL, repr=False)  # a wrong one can hold a key
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


class Ceiling:
    """
    Counts the requests of a task, each repetition among them; safe to share between threads.

    :param most: requests that may be sent.
    :param sent: how many of them were sent already.
    """

    def __init__(self, most: int, sent: int = 0) -> None:
        self.most = most
        self.sent = sent
        self._lock = threading.Lock()

    def take(self, request: Request, last: ImageKitError | None) -> None:
        """
        Count a request that is about to be sent.

        :param request: the request.
        :param last: what its last try met; ``None`` at the first.
        :raises CallLimitError: if it would be one too many.
        """
        with self._lock:
            if self.sent < self.most:
                self.sent += 1
                return
        raise CallLimitError(
            f"{request} is not sent: max_calls is {self.most:,}, and the task has sent as many requests."
            + (f" The last one met: {last}" if last else ""),
            help="Raise max_calls if the task needs more.",
        ) from last


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """
    How far one call goes in repeating a request.

    :param max_retries: most repetitions after the first try.
    :param max_wait: maximum seconds that one call waits in all, for rate limits and between tries.
    :param timeout: maximum seconds until an answer has arrived whole; ``None`` for those of the settings.
    :param ceiling: counts the requests; ``None`` if they are not limited.
    """

    max_retries: int = 5
    max_wait: float = 120.0
    timeout: float | None = None
    ceiling: Ceiling | None = None

    def delay(self, error: ImageKitError, *, retries: int, waited: float, jitter: float) -> float | None:
        """
        Return the seconds to wait before the next try, or ``None`` to give up.

        After 429 that is the time until the reset, which ImageKit gives in milliseconds, and never less; else
        0.5 s, 1 s, 2 s … 30 s. The jitter keeps tasks that were refused together from coming back together.

        :param error: what the last try met.
        :param retries: repetitions so far.
        :param waited: seconds that this call has waited so far.
        :param jitter: a random number, 0 to 1.
        """
        if not error.retryable or retries >= self.max_retries:
            return None
        backoff = min(_FIRST_BACKOFF * 2**retries, _LONGEST_BACKOFF)
        if isinstance(error, ImageKitRateLimitError) and error.reset_ms is not None:
            delay = error.reset_ms / 1000 + min(backoff, 1.0) * jitter
        else:
            delay = backoff * (0.5 + 0.5 * jitter)
        return delay if waited + delay <= self.max_wait else None


class TaskLimits:
    """
    What a task asks of its requests in place of what the Airflow Connection says.

    :param timeout: maximum seconds until an answer has arrived whole.
    :param max_retries: maximum repetitions of a request.
    :param max_calls: requests that all calls together may send, each repetition counted; ``None`` for no
        ceiling.
    :param calls_sent: how many of them another process of the task has sent.
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
        self.ceiling = None if max_calls is None else Ceiling(max_calls, calls_sent)

    def __bool__(self) -> bool:
        return (self.timeout, self.max_retries, self.max_calls) != (None, None, None)

    @property
    def calls_sent(self) -> int:
        """How many requests were sent, if there is a ceiling; else 0."""
        return self.ceiling.sent if self.ceiling else 0

    def of_call(self, limits: RetryLimits) -> RetryLimits:
        """
        Return the limits of one call of the task.

        :param limits: those that it would have without the task's.
        """
        if not self:
            return limits
        retries = limits.max_retries if self.max_retries is None else self.max_retries
        timeout, ceiling = self.timeout or limits.timeout, self.ceiling or limits.ceiling
        return replace(limits, max_retries=retries, timeout=timeout, ceiling=ceiling)

    def arguments(self) -> dict[str, Any]:
        """Return what a trigger needs to go on with them, plain JSON."""
        return {
            "request_timeout": self.timeout,
            "max_retries": self.max_retries,
            "max_calls": self.max_calls,
            "calls_sent": self.calls_sent,
        }


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    return host == "localhost" or host == "[::1]" or bool(re.fullmatch(r"127(\.[0-9]{1,3}){3}", host))
