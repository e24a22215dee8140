"""Every operator that changes something logs its plan first, and with ``dry_run`` only that."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.base_write import WritingOperator
from airflow_provider_imagekit.operators.deletion import DeleteFilesOperator
from airflow_provider_imagekit.operators.jobs import FolderJobOperator, PurgeCacheOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator
from airflow_provider_imagekit.operators.upload import UploadFileOperator
from tests import pictures
from tests.doubles import context
from tests.operators.public import TASKS

WRITERS: dict[Callable[..., Any], Callable[[ImageKitEmulator], dict[str, Any]]] = {
    UploadFileOperator: lambda _: {"file": b"text", "file_name": "a.txt"},
    UpdateFilesOperator: lambda server: {"file_ids": server.file_id(pictures.ORIGINAL), "add_tags": ["a"]},
    DeleteFilesOperator: lambda server: {"file_ids": server.file_id(pictures.ORIGINAL), "confirm": True},
    PurgeCacheOperator: lambda server: {"url": server.file_url(pictures.ORIGINAL)},
    FolderJobOperator: lambda _: {"action": "copy", "folder": "/shop", "destination": "/copies"},
}


def test_every_operator_that_writes_is_tested() -> None:
    assert set(WRITERS) == {task for task in TASKS if issubclass(task, WritingOperator)}


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("operator", WRITERS, ids=lambda operator: operator.__name__)
def test_the_plan_is_logged_before_the_first_change(
    operator: Callable[..., Any],
    dry_run: bool,
    server: ImageKitEmulator,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("INFO")
    server.inject(status=403, method="POST", times=None)
    task = operator(task_id="task", dry_run=dry_run, **WRITERS[operator](server))
    # The first change is refused, so the log was written before it.
    with contextlib.nullcontext() if dry_run else pytest.raises(AirflowFailException):
        task.execute(context())
    text = caplog.text + "".join(capsys.readouterr())  # Airflow 2 logs there, Airflow 3 here
    assert "Plan: " in text
    assert ("dry_run is set, so nothing is changed." in text) == dry_run
    assert any(request.method != "GET" for request in server.requests) != dry_run
