"""An operator's request limits take precedence over those of its Airflow Connection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException, TaskDeferred
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import CallLimitError, ImageKitInputError, ImageKitServerError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.jobs import PurgeCacheOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator
from tests import pictures
from tests.doubles import context
from tests.operators.libraries import metadata_calls, operator, rows


def metadata(imagekit: ImageKitEmulator, **limits: Any) -> FileMetadataOperator:
    return FileMetadataOperator(task_id="metadata", file_id=imagekit.file_id(pictures.ORIGINAL), **limits)


def test_the_tasks_limits_apply_and_max_calls_is_final(connection: str, imagekit: ImageKitEmulator) -> None:
    fault = imagekit.inject(status=503, times=99)
    with pytest.raises(ImageKitServerError):
        metadata(imagekit, max_retries="0").execute(context())
    assert fault.hits == 1
    with pytest.raises(AirflowFailException, match="max_calls is 2") as caught:
        metadata(imagekit, max_calls="2").execute(context())
    assert isinstance(caught.value.__context__, CallLimitError)
    assert fault.hits == 3


def test_a_limit_that_is_not_reached_changes_nothing(connection: str, imagekit: ImageKitEmulator) -> None:
    assert metadata(imagekit, max_calls=1).execute(context()) == metadata(imagekit).execute(context())


def test_the_same_arguments_limit_a_hook(connection: str, imagekit: ImageKitEmulator) -> None:
    hook = ImageKitHook(connection, max_calls=2)
    for _ in range(2):
        hook.find_file(pictures.ORIGINAL)
    with pytest.raises(CallLimitError):
        hook.find_file(pictures.ORIGINAL)
    assert hook.get_conn(refresh=True) is hook.get_conn()
    with pytest.raises(CallLimitError):  # reading the Connection again does not reset the count
        hook.find_file(pictures.ORIGINAL)


@pytest.mark.parametrize("name", ["request_timeout", "max_retries", "max_calls"])
@pytest.mark.parametrize("value", ["x", -1, [1], True])
def test_an_invalid_limit_is_refused_before_the_first_request(
    name: str, value: Any, connection: str, imagekit: ImageKitEmulator
) -> None:
    with pytest.raises(AirflowFailException, match=f"{name} is") as caught:
        metadata(imagekit, **{name: value}).execute(context())
    assert isinstance(caught.value.__context__, ImageKitInputError)
    assert len(imagekit.requests) == 0


def test_rows_fetched_before_the_limit_are_kept_for_the_next_run(
    connection: str, imagekit: ImageKitEmulator, tmp_path: Path
) -> None:
    output = tmp_path / "library.jsonl"
    with pytest.raises(AirflowFailException, match="max_calls is 4"):
        operator(output, max_calls=4, threads=1).execute(context("monday"))
    assert len(imagekit.requests) == 4
    assert not output.exists()
    fetched = metadata_calls(imagekit)
    assert fetched
    operator(output).execute(context("tuesday"))
    assert metadata_calls(imagekit) == len(rows(output)) == len(imagekit.files())


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_job_counts_its_request_and_its_checks(
    deferrable: bool, connection: str, imagekit: ImageKitEmulator
) -> None:
    imagekit.inject(match="/purge/", body={"status": "Pending"}, times=99)
    purge = PurgeCacheOperator(
        task_id="purge",
        url=imagekit.file_url(pictures.ORIGINAL),
        deferrable=deferrable,
        poke_interval=1,
        max_calls=3,
    )
    purge.sleep = lambda _: None
    if deferrable:
        with pytest.raises(TaskDeferred) as deferred:
            purge.execute(context())
        arguments = json.loads(json.dumps(deferred.value.trigger.serialize()[1]))
        assert (arguments["max_calls"], arguments["calls_sent"]) == (3, 1)
        return
    with pytest.raises(AirflowFailException, match="max_calls is 3"):
        purge.execute(context())
    assert len(imagekit.requests) == 3
