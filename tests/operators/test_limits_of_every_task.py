"""Request limits apply to each operator and sensor that sends requests, deferred or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.compat import DAG, AirflowFailException, AirflowSensorTimeout, TaskDeferred
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitError
from airflow_provider_imagekit.operators.base import CONNECTION_ARGUMENTS
from tests import pictures
from tests.doubles import context
from tests.operators.public import TASKS, arguments
from tests.triggers.running import Waits, fired

REMOTE = {task.__name__: task for task in TASKS if "imagekit_conn_id" in arguments(task)}
# These tasks only read and write tables.
LOCAL = {
    "FindNearDuplicatesOperator",
    "PlanNearDuplicatesOperator",
    "SearchNearDuplicatesOperator",
    "ThresholdReportOperator",
}
ID, HASH, NEVER = "a" * 24, "f06830ca9f1e3e90", "2124-01-01T00:00:00Z"
SENSOR = {"poke_interval": 0.01, "timeout": 0.01}
# Arguments with which each task sends requests; a sensor continues to wait after a check.
GIVEN: dict[str, dict[str, Any]] = {
    "DeleteFilesOperator": {"file_ids": [ID], "confirm": True},
    "FolderJobOperator": {"action": "copy", "folder": "/shop", "destination": "/docs"},
    "PurgeCacheOperator": {"url": "https://ik.imagekit.io/demo/a.jpg"},
    "LibraryMetadataOperator": {},
    "ListFilesOperator": {},
    "LocationCheckOperator": {"file_id": ID},
    "FileMetadataOperator": {"file_id": ID},
    "RemoteUrlMetadataOperator": {"url": "https://ik.imagekit.io/demo/a.jpg"},
    "PHashBranchOperator": {
        "file_id": ID,
        "reference_phash": HASH,
        "follow_task_ids_if_similar": [],
        "follow_task_ids_if_different": [],
    },
    "PHashShortCircuitOperator": {"file_id": ID, "reference_phash": HASH},
    "ImageQualityOperator": {"file_id": ID, "rules": [{"rule": "min_width", "value": 1}]},
    "TransformationCheckOperator": {
        "file_id": ID,
        "variants": [{"url": "https://ik.imagekit.io/demo/a.jpg"}],
    },
    "UpdateFilesOperator": {"file_ids": [ID], "add_tags": ["a"]},
    "UploadFileOperator": {"file": b"text", "file_name": "a.txt"},
    "UsageOperator": {"limits": {"bandwidthBytes": 1}},
    "NewFilesSensor": {"updated_after": NEVER, **SENSOR},
    "PHashDistanceSensor": {"file_id": ID, "reference_phash": HASH, "max_distance": 8, **SENSOR},
    "UsageSensor": {"limits": {"bandwidthBytes": 1}, "max_share": 0, **SENSOR},
}
# Requests that are not repeated, since ImageKit may have processed them.
ONCE = {"FolderJobOperator"}
WAITING = ("FolderJobOperator", "PurgeCacheOperator", "NewFilesSensor", "PHashDistanceSensor", "UsageSensor")
every_task = pytest.mark.parametrize("name", REMOTE)


@pytest.fixture
def account(imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageKitEmulator]:
    """An account whose Airflow Connection allows many retries and a long timeout."""
    given = imagekit.airflow_connection | {"extra": {"max_retries": 9, "timeout": 60}}
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(given))
    yield imagekit
    imagekit.clear()


def made(name: str, folder: Path, **limits: Any) -> Any:
    given = GIVEN[name] | ({"output_path": f"{folder}/t.jsonl"} if name == "LibraryMetadataOperator" else {})
    with DAG("dag", schedule=None):
        return REMOTE[name](task_id="t", **given | limits)


def error_of(task: Any) -> str:
    with pytest.raises((AirflowFailException, AirflowSensorTimeout, ImageKitError)) as caught:
        task.execute(context(task=task))
    return str(caught.value)


def test_only_tasks_that_send_requests_have_the_limits() -> None:
    assert {task.__name__ for task in TASKS} - set(REMOTE) == LOCAL
    assert set(GIVEN) == set(REMOTE)
    for task in TASKS:
        has = set(CONNECTION_ARGUMENTS) & set(arguments(task))
        assert has == (set() if task.__name__ in LOCAL else set(CONNECTION_ARGUMENTS)), task


@every_task
def test_max_calls_includes_retries_of_requests(name: str, account: ImageKitEmulator, tmp_path: Path) -> None:
    account.inject(status=503, times=None)
    error = error_of(made(name, tmp_path, max_calls=2))
    assert ("may or may not have processed" if name in ONCE else "max_calls is 2") in error
    assert len(account.requests) == (1 if name in ONCE else 2)


@every_task
def test_max_retries_of_the_task_applies(name: str, account: ImageKitEmulator, tmp_path: Path) -> None:
    account.inject(status=503, times=None)
    error_of(made(name, tmp_path, max_retries=0))
    first = {"PHashDistanceSensor", "NewFilesSensor", "UsageSensor"}
    assert len(account.requests) <= (2 if name in first else 1)


@every_task
def test_request_timeout_of_the_task_applies(name: str, account: ImageKitEmulator, tmp_path: Path) -> None:
    account.inject(delay=1, times=None)
    error = error_of(made(name, tmp_path, request_timeout=0.2, max_retries=0))
    assert "timed out" in error


@pytest.mark.parametrize("name", WAITING)
def test_max_calls_applies_across_the_deferral(name: str, account: ImageKitEmulator, tmp_path: Path) -> None:
    account.inject(match="copyFolder", body={"jobId": "job"}, times=None)  # the library does not change
    account.inject(method="GET", match="/purge/", body={"status": "Pending"}, times=None)
    account.inject(method="GET", match="/bulkJobs/", body={"status": "Pending"}, times=None)
    limits = {"max_calls": 3, "max_retries": 1, "request_timeout": 7}
    waits = {"deferrable": True, "timeout": 600, "poke_interval": 5}
    if name.endswith("Operator"):
        waits |= {"url": account.file_url(pictures.ORIGINAL)} if name == "PurgeCacheOperator" else {}
    task = made(name, tmp_path, **waits, **limits)
    about = context(task=task)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(about)
    trigger = deferred.value.trigger
    handed = json.loads(json.dumps(trigger.serialize()[1]))
    assert {key: handed[key] for key in (*limits, "calls_sent")} == {**limits, "calls_sent": 1}
    event = fired(type(trigger)(**handed), Waits())
    with pytest.raises(AirflowFailException, match="max_calls is 3"):
        made(name, tmp_path, **waits, **limits).resume_execution(
            deferred.value.method_name, {"event": event}, about
        )
    assert len(account.requests) == 3
