"""The sensor for new files has the same result in every mode."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowSensorTimeout, AirflowSkipException, TaskDeferred
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitAuthError, ImageKitInputError
from airflow_provider_imagekit.sensors.files import NewFilesSensor
from airflow_provider_imagekit.triggers.new_files import NewFilesTrigger
from tests.doubles import context as context_of
from tests.triggers.running import Waits, fired
from tests.triggers.watching import upload

MODES = ["poke", "reschedule", "deferrable", "after deferral"]


class Run:
    start_date = datetime.now(UTC) - timedelta(seconds=30)


def context() -> Any:
    found: Any = context_of()
    found["dag_run"] = Run()
    return found


def sensor_of(mode: str, **arguments: Any) -> NewFilesSensor:
    return NewFilesSensor(
        task_id="files",
        mode="reschedule" if mode == "reschedule" else "poke",
        deferrable="defer" in mode,
        **{"poke_interval": 0.01, "timeout": 20, **arguments},
    )


def run(mode: str, come: Any = None, **arguments: Any) -> Any:
    """Run a sensor to its end in a mode, as Airflow does; files arrive before or after the first check."""
    run_context = context()
    if mode in ("poke", "deferrable") and come is not None:
        come()
    sensor = sensor_of(mode, **arguments)
    if mode == "reschedule":
        found = sensor.poke(run_context)
        if come is not None and not found:
            come()
            found = sensor_of(mode, **arguments).poke(run_context)
        return found.xcom_value
    try:
        return sensor.execute(run_context)
    except TaskDeferred as deferred:
        if come is not None:
            come()
        rebuilt = NewFilesTrigger(**json.loads(json.dumps(deferred.trigger.serialize()[1])))
        payload = fired(rebuilt, Waits())
        return sensor_of(mode, **arguments).resume_execution(
            deferred.method_name, {"event": payload}, run_context
        )


@pytest.mark.parametrize("mode", MODES)
def test_the_same_files_are_found_in_every_mode(new_library: ImageKitEmulator, mode: str) -> None:
    def come() -> None:
        upload(new_library, "a.txt", "b.txt", folder="/in")
        upload(new_library, "elsewhere.txt")

    found = run(mode, come, path="/in")
    assert [file["filePath"] for file in found["files"]] == ["/in/a.txt", "/in/b.txt"]
    assert (found["count"], found["new"], found["changed"], found["deleted"]) == (2, 2, 0, 0)
    assert found["from"] <= found["to"]


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_key_fails_at_once_in_every_mode(new_library: ImageKitEmulator, mode: str) -> None:
    new_library.inject(status=403, times=None)
    with pytest.raises(ImageKitAuthError):
        run(mode, soft_fail=True)


@pytest.mark.parametrize("mode", MODES)
def test_a_rate_limit_means_not_yet_in_every_mode(new_library: ImageKitEmulator, mode: str) -> None:
    new_library.inject(status=503, method="GET", times=1)

    def come() -> None:
        upload(new_library, "a.txt")

    assert run(mode, come)["count"] == 1


@pytest.mark.parametrize("mode", ["poke", "after deferral"])
def test_a_timeout_fails_with_a_reason_and_soft_fail_skips(new_library: ImageKitEmulator, mode: str) -> None:
    with pytest.raises(AirflowSensorTimeout, match=r"The last check: (No file|There was no check)"):
        run(mode, timeout=0.05)
    with pytest.raises(AirflowSkipException):
        run(mode, timeout=0.05, soft_fail=True)


def test_files_from_before_the_time_do_not_count(new_library: ImageKitEmulator) -> None:
    upload(new_library, "old.txt")
    later = datetime.now(UTC) + timedelta(seconds=30)
    assert not sensor_of("poke", updated_after=later).poke(context())
    assert not sensor_of("poke", updated_after=later.isoformat()).poke(context())
    assert sensor_of("poke", updated_after="2026-01-01T00:00:00Z").poke(context())
    assert not sensor_of("poke", kinds="changed").poke(context())


@pytest.mark.parametrize(
    "wrong",
    [{"updated_after": "noon"}, {"kinds": ["deleted"]}, {"kinds": []}, {"file_type": "sound"}],
    ids=str,
)
def test_bad_arguments_are_refused_before_a_request(
    new_library: ImageKitEmulator, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ImageKitInputError, match=next(iter(wrong))):
        run("poke", **wrong)
    assert new_library.requests == []
