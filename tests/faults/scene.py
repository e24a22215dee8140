"""Environment of one run of the fault matrix: one caller, one fault, one server, one clock."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.endpoints import Request
from airflow_provider_imagekit.client.rate_limit import RateLimiter
from airflow_provider_imagekit.client.retry import RetryLimits
from airflow_provider_imagekit.client.settings import ClientSettings
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from tests import pictures
from tests.doubles import context
from tests.faults.expected import Fault
from tests.support import Clock

__all__ = ["PLENTY", "Scene", "connection_id", "reference"]

#: Limits of a plan that the account is far from reaching.
PLENTY = {"bandwidthBytes": 1e15}

T = TypeVar("T")

MAX_CHECKS = 80


class _SceneClient(ImageKitClient):
    """A client with the fault's timeout during the fault."""

    scene: Scene

    def call(self, request: Request, *, limits: RetryLimits | None = None) -> Any:
        if self.scene.fault_lasts:
            limits = replace(limits or self.limits, timeout=self.scene.fault.timeout)
        return super().call(request, limits=limits)


class Scene:
    """
    One caller, one fault, one server, one clock.

    :param starts_at: number of the check with which the fault begins.
    """

    def __init__(self, fault: Fault, imagekit: ImageKitEmulator, *, starts_at: int) -> None:
        self.fault = fault
        self.imagekit = imagekit
        self.clock = Clock()
        self.connection = connection_id(imagekit)
        self.file_id = imagekit.file_id(pictures.ORIGINAL)
        self.url = imagekit.file_url(pictures.ORIGINAL)
        self.reference = reference(imagekit)  # read before the fault begins
        self.requests: int | None = None
        self.waited = 0.0
        self._rate_limiter = RateLimiter(clock=self.clock, sleep=self.clock.sleep)
        self._write_rate_limiter = RateLimiter(clock=self.clock, sleep=self.clock.sleep, burst=1)
        self._starts_at = starts_at
        self._check = 0
        self._lasting = contextlib.ExitStack()
        self.client_of = functools.cache(self._client_of)

    @property
    def fault_lasts(self) -> bool:
        """Whether the fault is active now."""
        return self._check >= self._starts_at and self.requests is None

    @property
    def went_on(self) -> bool:
        """Whether the caller was still running when the fault ended."""
        return self._check >= self._starts_at + self.fault.checks

    def hook(self) -> ImageKitHook:
        hook = ImageKitHook(self.connection)
        hook.client_of = self.client_of
        return hook

    def task(self, operator: Callable[..., T], **arguments: Any) -> T:
        """Return a task that uses the scene's server and clock."""
        task: Any = operator(task_id="task", imagekit_conn_id=self.connection, **arguments)
        task.hook = self.hook()
        return cast("T", task)

    def run(self, operator: Callable[..., Any], **arguments: Any) -> Any:
        """Run a task and return its result."""
        return self.task(operator, **arguments).execute(context())

    def next_check(self, waited: float = 0.0) -> None:
        """Move on to the next check, some seconds after the previous one."""
        self.clock.now += waited
        self._check += 1
        if self._check > MAX_CHECKS:
            raise TimeoutError
        if self._check == self._starts_at:
            self.imagekit.clear()
            self.clock.slept.clear()
            self._lasting.enter_context(self.fault.server(self.imagekit))
        elif self._check == self._starts_at + self.fault.checks:
            self.end()
        elif self._check < self._starts_at:
            self.imagekit.inject(**{"times": None, **(self.fault.before or {"status": 404})})

    def end(self) -> None:
        """End the fault, and record the requests and the wait during it."""
        if self.requests is None:
            self.requests, self.waited = len(self.imagekit.requests), sum(self.clock.slept)
        self._lasting.close()

    def _client_of(self, settings: ClientSettings) -> ImageKitClient:
        client = _SceneClient(
            settings,
            rate_limiter=self._rate_limiter,
            write_rate_limiter=self._write_rate_limiter,
            sleep=self.clock.sleep,
            jitter=lambda: 1.0,
        )
        client.scene = self
        return client


def connection_id(imagekit: ImageKitEmulator) -> str:
    return f"imagekit_{imagekit.url.rpartition(':')[2]}"


@functools.cache
def reference(imagekit: ImageKitEmulator) -> str:
    return str(metadata(imagekit)["pHash"])


@functools.cache
def metadata(imagekit: ImageKitEmulator) -> dict[str, Any]:
    """Return the picture's metadata without a fault."""
    with ImageKitClient(imagekit.private_key, base_url=imagekit.url) as client:
        return client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
