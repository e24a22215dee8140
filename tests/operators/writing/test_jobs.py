"""Purges and folder jobs are started once, and the task waits on the worker or in the triggerer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException, TaskDeferred
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.jobs import FolderJobOperator, PurgeCacheOperator
from airflow_provider_imagekit.triggers.waiting import JobTrigger
from tests import pictures
from tests.doubles import context
from tests.operators.clocked import hook_on
from tests.support import Clock


@pytest.fixture
def slow_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageKitEmulator]:
    """A server whose jobs stay pending for a long time."""
    library = pictures.draw(tmp_path / "library")
    with ImageKitEmulator(library=library, job_seconds=3600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(emulator.airflow_connection))
        yield emulator


def folder_job(**arguments: Any) -> FolderJobOperator:
    return FolderJobOperator(
        task_id="job", **{"action": "copy", "folder": "/shop", "destination": "/copies", **arguments}
    )


def paths(server: ImageKitEmulator, method: str = "POST") -> list[str]:
    return [request.path for request in server.requests if request.method == method]


def fire(trigger: JobTrigger, clock: Clock) -> Any:
    async def sleep(seconds: float) -> None:
        clock.sleep(seconds)

    async def first() -> Any:
        return (await anext(trigger.run())).payload

    trigger.sleep, trigger.clock = sleep, clock
    return json.loads(json.dumps(asyncio.run(first())))


@pytest.mark.parametrize(
    ("action", "destination", "path"),
    [("copy", "/copies", "/copies/shop"), ("move", "/old", "/old/shop"), ("rename", "store", "/store")],
)
def test_a_folder_is_copied_moved_or_renamed(
    server: ImageKitEmulator, action: str, destination: str, path: str
) -> None:
    found = folder_job(action=action, destination=destination).execute(context())
    assert (found["status"], found["type"]) == ("Completed", f"{action.upper()}_FOLDER")
    assert len(list(ImageKitHook().list_files(path=path))) == 5


def test_a_url_is_purged(server: ImageKitEmulator) -> None:
    operator = PurgeCacheOperator(task_id="purge", url=f"{server.url_endpoint}/shop/*")
    found = operator.execute(context())
    assert found["status"] == "Completed"
    assert paths(server) == ["/v1/files/purge"]


def test_without_waiting_the_job_id_is_returned(slow_server: ImageKitEmulator) -> None:
    found = folder_job(wait=False).execute(context())
    assert found["status"] == "Pending"
    assert ImageKitHook().get_folder_job(found["job_id"])["status"] == "Pending"


@pytest.mark.parametrize(
    "operator",
    [
        folder_job(dry_run="yes"),
        PurgeCacheOperator(task_id="purge", url="https://ik.imagekit.io/x/*", dry_run=True),
    ],
    ids=lambda operator: type(operator).__name__,
)
def test_a_dry_run_starts_no_job(server: ImageKitEmulator, operator: Any) -> None:
    assert operator.execute(context()) == {"dry_run": True, "status": None}
    assert server.requests == []


def test_waiting_on_the_worker_times_out_and_does_not_start_the_job_again(
    slow_server: ImageKitEmulator, clock: Clock
) -> None:
    operator = folder_job(poke_interval=30, timeout=100)
    operator.sleep, operator.clock = clock.sleep, clock
    with pytest.raises(AirflowFailException, match=r"timeout is over.* is pending.*does not start it again"):
        operator.execute(context())
    assert clock.slept == [30, 30, 30]
    assert paths(slow_server) == ["/v1/bulkJobs/copyFolder"]


def test_a_deferred_job_is_waited_for_in_the_triggerer(server: ImageKitEmulator, clock: Clock) -> None:
    operator = folder_job(deferrable=True)
    operator.clock = clock
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context())
    path, arguments = deferred.value.trigger.serialize()
    assert path == "airflow_provider_imagekit.triggers.waiting.JobTrigger"
    server.inject(match="/v1/bulkJobs/", times=3, status=503)
    payload = fire(JobTrigger(**json.loads(json.dumps(arguments))), clock)
    found = operator.execute_complete(context(), payload)
    assert (found["status"], found["dry_run"]) == ("Completed", False)
    assert paths(server) == ["/v1/bulkJobs/copyFolder"]


def test_a_trigger_that_times_out_reports_its_last_check(slow_server: ImageKitEmulator, clock: Clock) -> None:
    job = ImageKitHook().copy_folder("/shop", "/copies")
    waiting = {"imagekit_conn_id": "imagekit_default", "poke_interval": 10, "deadline": clock() + 35}
    payload = fire(JobTrigger(kind="folder", job_id=job, **waiting), clock)
    assert payload == {"status": "timed out", "reason": f"The folder job {job} is pending."}
    with pytest.raises(AirflowFailException, match="is pending"):
        folder_job().execute_complete(context(), payload)


def test_a_lasting_error_ends_the_wait_without_starting_the_job_again(
    server: ImageKitEmulator, clock: Clock
) -> None:
    waiting = {"imagekit_conn_id": "imagekit_default", "poke_interval": 10, "deadline": clock() + 35}
    server.inject(status=403, times=None)
    payload = fire(JobTrigger(kind="purge", job_id="a" * 24, **waiting), clock)
    with pytest.raises(AirflowFailException, match="does not start it again"):
        folder_job().execute_complete(context(), payload)
    with pytest.raises(AirflowFailException, match="The trigger failed"):
        folder_job().resume_execution("__fail__", {"error": "Trigger timeout"}, context())


def test_a_lost_response_fails_without_a_second_job(server: ImageKitEmulator, clock: Clock) -> None:
    server.inject(drop="before", times=None)
    operator = folder_job()
    operator.hook = hook_on(clock)
    with pytest.raises(AirflowFailException, match="may or may not have processed"):
        operator.execute(context())
    assert paths(server) == ["/v1/bulkJobs/copyFolder"]


def test_a_folder_locked_by_a_job_is_left_to_a_retry_after_a_wait(
    slow_server: ImageKitEmulator, clock: Clock
) -> None:
    ImageKitHook().copy_folder("/shop", "/copies")
    operator = folder_job(action="move", destination="/old")
    operator.hook = hook_on(clock)
    with pytest.raises(ImageKitError, match="423"):
        operator.execute(context())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"action": "burn"}, "action is 'burn'"),
        ({"folder": "/"}, "the whole media library"),
        ({"folder": "None"}, "folder is 'None'"),
        ({"destination": ""}, "destination is ''"),
        ({"action": "rename", "destination": "/a/b"}, "which is a path"),
        ({"wait": "None"}, "wait is 'None'"),
        ({"timeout": "soon"}, "timeout is 'soon'"),
        ({"dry_run": ""}, "dry_run is ''"),
    ],
    ids=str,
)
def test_invalid_arguments_are_refused_before_a_request(
    server: ImageKitEmulator, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(AirflowFailException, match=says):
        folder_job(**arguments).execute(context())
    assert server.requests == []
