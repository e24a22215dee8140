from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.rate_limit import RateLimiter
from airflow_provider_imagekit.client.settings import ClientSettings
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from tests import pictures
from tests.support import Clock


class Task:
    """As much of a task instance as an operator looks at."""

    dag_id, task_id, run_id, map_index = "dag", "task", "run", -1

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.loads(json.dumps(value))


def context(**more: Any) -> Any:
    started = SimpleNamespace(start_date=datetime.now(UTC))
    return {"ti": Task(), "outlet_events": {}, "dag_run": started, **more}


def hook_on(clock: Clock) -> ImageKitHook:
    """Return a hook whose client sleeps on a clock."""
    hook = ImageKitHook()

    def client_of(settings: ClientSettings) -> ImageKitClient:
        budgets = [RateLimiter(clock=clock, sleep=clock.sleep) for _ in range(2)]
        return ImageKitClient(settings, budget=budgets[0], write_budget=budgets[1], sleep=clock.sleep)

    hook.client_of = client_of
    return hook


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageKitEmulator]:
    """A server whose library the test may change, and an Airflow Connection to it."""
    library = pictures.draw(tmp_path / "library")
    with ImageKitEmulator(library=library, job_seconds=0.0) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(emulator.airflow_connection))
        yield emulator


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """The folder of the server's library."""
    return tmp_path / "library"
