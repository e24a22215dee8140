"""Shared helpers of the tests."""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.rate_limit import RateLimiter
from airflow_provider_imagekit.emulator import ImageKitEmulator

#: Whether the tests run on Airflow 3.
AIRFLOW_3 = not importlib.metadata.version("apache-airflow").startswith("2.")

#: Maximum seconds to wait for a condition, enough for a slow and busy machine.
PATIENCE = 60.0


class Clock:
    """A simulated clock that advances only when a caller sleeps; thread-safe."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the time without waiting."""
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds


def client_of(imagekit: ImageKitEmulator, clock: Clock, **arguments: object) -> ImageKitClient:
    """Return a client of a local server with a simulated clock and a separate rate limiter."""
    return ImageKitClient(
        **{
            "settings": imagekit.private_key,
            "base_url": imagekit.url,
            "sleep": clock.sleep,
            "jitter": lambda: 0.0,
            "rate_limiter": RateLimiter(clock=clock, sleep=clock.sleep),
            "write_rate_limiter": RateLimiter(clock=clock, sleep=clock.sleep, burst=1),
            **arguments,
        }  # type: ignore[arg-type]
    )


def secrets_masker() -> Any:
    """Return the object with which Airflow masks secrets in the logs of this process."""
    name = "airflow.sdk._shared.secrets_masker" if AIRFLOW_3 else "airflow.utils.log.secrets_masker"
    return importlib.import_module(name)._secrets_masker()


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], what: str) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"After {PATIENCE:g} s this is still not true: {what}."
        time.sleep(0.01)


async def await_until(condition: Callable[[], Any], what: str) -> None:
    """Wait until a condition is true while the event loop continues to run."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"After {PATIENCE:g} s this is still not true: {what}."
        await asyncio.sleep(0.01)


def one_of_three(holds: Callable[[], bool]) -> bool:
    """Return whether a limit is met in one of three trials, because a busy machine may spoil a trial."""
    return any(holds() for _ in range(3))
