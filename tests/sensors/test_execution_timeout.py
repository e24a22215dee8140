"""``execution_timeout`` of a sensor in the task's process; tests/stack/test_contract.py tests the states."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from airflow.providers.common.compat.sdk import timeout

from airflow_provider_imagekit.compat import (
    AirflowSensorTimeout,
    AirflowTaskTimeout,
    TaskDeferred,
)
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from tests import pictures
from tests.doubles import context
from tests.support import PATIENCE

try:
    from airflow.sdk.execution_time.timeout import timeout
except ImportError:  # Airflow 2
    from airflow.utils.timeout import timeout

# The check is idle by then: Python drops an alarm that fires during garbage collection.
SECONDS = 1.5
MINUTE = timedelta(seconds=60)
NEVER = "f06830ca9f1e3e90"


def sensor(file_id: str = "a" * 24, **arguments: Any) -> PHashDistanceSensor:
    return PHashDistanceSensor(
        task_id="gate", file_id=file_id, reference_phash=NEVER, min_distance=0, **arguments
    )


def sockets(imagekit: ImageKitEmulator) -> list[Any]:
    """Return this process's connections to the server."""
    port = urlsplit(imagekit.url).port
    return [c for c in psutil.Process().net_connections("tcp") if c.raddr and c.raddr.port == port]


def polling_threads() -> set[str]:
    """Return the provider's threads; the local server starts more of its own when it needs them."""
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if name.startswith("imagekit") and "emulator" not in name}


@pytest.mark.parametrize("deferrable", [False, True])
def test_it_ends_a_hanging_check_and_frees_its_resources(
    deferrable: bool, connection: str, imagekit: ImageKitEmulator
) -> None:
    gate = sensor(imagekit.file_id(pictures.ORIGINAL), deferrable=deferrable)
    gate.hook.get_conn()
    threads, before = polling_threads(), len(sockets(imagekit))
    imagekit.inject(delay=120)
    start = time.monotonic()
    with pytest.raises(AirflowTaskTimeout), timeout(SECONDS):
        gate.execute(context())
    assert time.monotonic() - start < PATIENCE
    assert len(sockets(imagekit)) <= before
    assert polling_threads() == threads
    # The task neither keeps a slot of the rate limit nor waits for a response that never arrives.
    assert gate.execute(context())["matched"]
    gate.hook.get_conn().close()


@pytest.mark.parametrize("age", [0, 20])
def test_a_task_is_deferred_for_the_rest_of_it(age: float, connection: str) -> None:
    with pytest.raises(TaskDeferred) as caught:
        sensor(deferrable=True, timeout=3600, execution_timeout=MINUTE).execute(context(age=age))
    waits = caught.value.timeout
    assert waits is not None
    assert 50 - age < waits.total_seconds() <= 60 - age


def test_a_task_is_not_deferred_for_a_negative_time(connection: str) -> None:
    with pytest.raises(TaskDeferred) as caught:
        sensor(deferrable=True, execution_timeout=MINUTE).execute(context(age=70))
    assert caught.value.timeout == timedelta(0)


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("seconds", [60, 3600])
def test_a_task_whose_wait_it_ended_is_retried_and_not_skipped(seconds: float, soft_fail: bool) -> None:
    gate = sensor(deferrable=True, timeout=seconds, soft_fail=soft_fail, execution_timeout=MINUTE)
    with pytest.raises(AirflowTaskTimeout):
        gate.resume_execution("__fail__", {"error": "Trigger timeout"}, context())


def test_a_shorter_timeout_ends_the_wait() -> None:
    with pytest.raises(AirflowSensorTimeout):
        sensor(deferrable=True, timeout=59, execution_timeout=MINUTE).resume_execution(
            "__fail__", {"error": "Trigger timeout"}, context()
        )
