"""Callers that write: those whose request is sent again after a lost answer, and those whose is not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from airflow_provider_imagekit.operators.deletion import DeleteFilesOperator
from airflow_provider_imagekit.operators.jobs import FolderJobOperator, PurgeCacheOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator
from airflow_provider_imagekit.operators.upload import UploadFileOperator
from tests.doubles import context
from tests.faults.faults import DELETE, FOLDER_JOB, OVERWRITE, PURGE, UPDATE, UPLOAD
from tests.faults.scene import Scene

__all__ = ["WRITERS"]

_numbers = itertools.count()


def run_update(scene: Scene) -> Any:
    operator = UpdateFilesOperator(task_id="update", file_ids=[scene.file_id], add_tags=["fault"])
    operator.hook = scene.hook()
    return operator.execute(context())["counts"]


def run_upload(scene: Scene, **arguments: Any) -> Any:
    name = f"upload-{next(_numbers)}.txt"
    operator = UploadFileOperator(
        task_id="upload", file=b"content", file_name=name, folder="/in", response_fields=[], **arguments
    )
    operator.hook = scene.hook()
    found = operator.execute(context())
    return found["uploaded"], "fileId" in found


def run_overwrite(scene: Scene) -> Any:
    return run_upload(scene, on_existing="overwrite")


def run_delete(scene: Scene) -> Any:
    operator = DeleteFilesOperator(task_id="delete", file_ids=["f" * 24], confirm=True)
    operator.hook = scene.hook()
    return [row["status"] for row in operator.execute(context())["files"]]


def run_purge(scene: Scene) -> Any:
    operator = PurgeCacheOperator(task_id="purge", url=scene.url, wait=False)
    operator.hook = scene.hook()
    return operator.execute(context())["status"]


def run_folder_job(scene: Scene) -> Any:
    operator = FolderJobOperator(
        task_id="copy", action="copy", folder="/docs", destination="/copies", wait=False
    )
    operator.hook = scene.hook()
    return operator.execute(context())["status"]


#: Who calls: a function, and with which check the fault begins.
WRITERS: dict[str, tuple[Callable[[Scene], Any], int]] = {
    UPDATE: (run_update, 1),
    UPLOAD: (run_upload, 1),
    DELETE: (run_delete, 1),
    PURGE: (run_purge, 1),
    OVERWRITE: (run_overwrite, 1),
    FOLDER_JOB: (run_folder_job, 1),
}
