"""Callers that write, with and without a retry after a lost response."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from airflow_provider_imagekit.operators.deletion import DeleteFilesOperator
from airflow_provider_imagekit.operators.jobs import FolderJobOperator, PurgeCacheOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator
from airflow_provider_imagekit.operators.upload import UploadFileOperator
from tests.faults.expected import DELETE, FOLDER_JOB, OVERWRITE, PURGE, UPDATE, UPLOAD
from tests.faults.scene import Scene

__all__ = ["WRITERS"]

_numbers = itertools.count()


def run_update(scene: Scene) -> Any:
    return scene.run(UpdateFilesOperator, file_ids=[scene.file_id], add_tags=["fault"])["counts"]


def run_upload(scene: Scene, **arguments: Any) -> Any:
    name = f"upload-{next(_numbers)}.txt"
    found = scene.run(
        UploadFileOperator, file=b"content", file_name=name, folder="/in", response_fields=[], **arguments
    )
    return found["uploaded"], "fileId" in found


def run_overwrite(scene: Scene) -> Any:
    return run_upload(scene, on_existing="overwrite")


def run_delete(scene: Scene) -> Any:
    deleted = scene.run(DeleteFilesOperator, file_ids=["f" * 24], confirm=True)
    return [row["status"] for row in deleted["files"]]


def run_purge(scene: Scene) -> Any:
    return scene.run(PurgeCacheOperator, url=scene.url, wait=False)["status"]


def run_folder_job(scene: Scene) -> Any:
    job = scene.run(FolderJobOperator, action="copy", folder="/docs", destination="/copies", wait=False)
    return job["status"]


#: Callers by name: a function, and the number of the check with which the fault begins.
WRITERS: dict[str, tuple[Callable[[Scene], Any], int]] = {
    UPDATE: (run_update, 1),
    UPLOAD: (run_upload, 1),
    DELETE: (run_delete, 1),
    PURGE: (run_purge, 1),
    OVERWRITE: (run_overwrite, 1),
    FOLDER_JOB: (run_folder_job, 1),
}
