"""The client of one ImageKit account: its requests with retries and rate limits. No Airflow."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_imagekit.client.limits import RetryLimits, TaskLimits
from airflow_provider_imagekit.client.rate_limit import RateLimiter, account_rate_limiter
from airflow_provider_imagekit.client.reads import Reads
from airflow_provider_imagekit.client.retry import Retrying, Waits
from airflow_provider_imagekit.client.settings import ClientSettings
from airflow_provider_imagekit.client.transport import Transport, check_base_url
from airflow_provider_imagekit.client.writes import Writes
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError, ImageKitError

if TYPE_CHECKING:
    from airflow_provider_imagekit.client import endpoints

__all__ = ["ImageKitClient"]

# The operating system's: tasks that were forked together, or that seed Python's own, draw different ones.
_CHANCE = random.SystemRandom()


class ImageKitClient(Reads, Writes):
    """
    Talks to one ImageKit account; safe to share between threads.

    :param settings: the account's private key, or
        :class:`~airflow_provider_imagekit.client.settings.ClientSettings`.
    :param user_agent: what stands behind this package's name in the ``User-Agent`` header.
    :param budget: the rate limiter; by default the account's shared one, which then follows these
        settings.
    :param write_budget: the same for requests that change something, which have a rate of their own.
    :param sleep: waits for a number of seconds between tries.
    :param jitter: random numbers from 0 to 1.
    :param fields: fields of the settings by name, such as ``base_url`` or ``requests_per_second``; beside
        settings, those that differ.
    """

    base_url = ""

    def __init__(
        self,
        settings: str | ClientSettings | None = None,
        *,
        user_agent: str = "",
        budget: RateLimiter | None = None,
        write_budget: RateLimiter | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = _CHANCE.random,
        **fields: Any,
    ) -> None:
        if isinstance(settings, ClientSettings):
            settings = replace(settings, **fields)
        else:
            key: dict[str, Any] = {} if settings is None else {"private_key": settings}
            settings = ClientSettings(**key, **fields)
            del key
        del fields  # a traceback with locals would show the key
        try:
            self.base_url = check_base_url(settings.base_url, allow_http=settings.allow_http)
        except ImageKitConfigurationError as error:
            raise error.with_traceback(None) from None
        self.limits = RetryLimits(settings.max_retries, settings.max_wait)
        self.requests_per_second = settings.requests_per_second
        self.drop_personal_data = settings.drop_personal_data
        self.writes_per_second = settings.writes_per_second
        self._transport = Transport(settings, self.base_url, user_agent)
        self._settings = settings
        self._budget = budget or account_rate_limiter(settings)
        self._write_budget = write_budget or account_rate_limiter(settings, writes=True)
        if budget is None:
            self.follow_settings("")
        self.waits = Waits()
        self._calls = Retrying(self._transport, self._budget, self.waits, sleep=sleep, jitter=jitter)
        self._write_calls = Retrying(
            self._transport, self._write_budget, self.waits, sleep=sleep, jitter=jitter
        )
        self.sleep = sleep
        self.of_task = TaskLimits()

    def __repr__(self) -> str:
        return f"ImageKitClient({self.base_url})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def follow_settings(self, source: str) -> None:
        """
        Have the account's rate limiters follow the settings of this client.

        :param source: whose settings they are, such as the id of an Airflow Connection; they replace those
            that the same source gave before.
        """
        settings = self._settings
        self._budget.follow(source, settings.requests_per_second, settings.rate_limit_url)
        self._write_budget.follow(source, settings.writes_per_second, settings.rate_limit_url)

    def limited(self, of_task: TaskLimits) -> Self:
        """
        Return a client with the limits of a task; it shares sockets, budgets and answers under way.

        :param of_task: limits of all calls of the returned client together.
        """
        if not of_task:
            return self
        limited = copy.copy(self)
        limited.of_task = of_task
        return limited

    @property
    def origin(self) -> object:
        """What stands for the client and for all that :meth:`limited` made of it."""
        return self._transport

    def close(self) -> None:
        """Close the pooled sockets; the client opens new ones if it is used again."""
        self._transport.close()

    def call(self, request: endpoints.Request, *, limits: RetryLimits | None = None) -> Any:
        """
        Send a request, repeat it as the limits allow, and return its decoded answer.

        While an equal call that reads is under way in another thread, its answer serves this one too.

        :param request: one of :mod:`airflow_provider_imagekit.client.endpoints` or of
            :mod:`airflow_provider_imagekit.client.changes`.
        :param limits: how often to repeat it; by default as the client's settings say.
        :raises UnknownOutcomeError: if a write that must not be repeated got no usable answer.
        :raises ImageKitError: the last try's error.
        """
        calls = self._write_calls if request.writes else self._calls
        try:
            return calls.call(request, self.of_task.of_call(limits or self.limits))
        except ImageKitError as error:
            if not request.subject:
                raise
            raise error.about(request.subject) from error.__cause__
