"""Files are deleted only by explicit ids, and only with confirmation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.deletion import DeleteFilesOperator
from tests import pictures
from tests.doubles import context

GONE = "f" * 24


def delete(**arguments: Any) -> dict[str, Any]:
    result: dict[str, Any] = DeleteFilesOperator(task_id="delete", **arguments).execute(context())
    json.dumps(result, allow_nan=False)
    return result


def test_files_are_deleted_and_missing_ones_count_as_deleted(server: ImageKitEmulator) -> None:
    file_id = server.file_id(pictures.ORIGINAL)
    found = delete(file_ids=[file_id, GONE], confirm=True)
    assert [(row["file_id"], row["status"]) for row in found["files"]] == [
        (file_id, "deleted"),
        (GONE, "missing"),
    ]
    assert delete(file_ids=file_id, confirm="true")["files"][0]["status"] == "missing"


def test_a_dry_run_needs_no_confirmation_and_deletes_nothing(server: ImageKitEmulator) -> None:
    file_id = server.file_id(pictures.ORIGINAL)
    assert delete(file_ids=[file_id], dry_run=True)["files"][0]["status"] == "planned"
    assert server.requests == []


def test_a_file_that_imagekit_cannot_delete_fails_the_task(server: ImageKitEmulator) -> None:
    response = {"successfullyDeletedFileIds": [], "errors": [{"fileId": GONE, "error": "It is locked."}]}
    server.inject(status=207, body=response)
    with pytest.raises(Exception, match=f"1 of 1 file could not be deleted. {GONE}: It is locked."):
        delete(file_ids=GONE, confirm=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"file_ids": [GONE]}, "confirm is not true"),
        ({"file_ids": [GONE], "confirm": "None"}, "confirm is 'None'"),
        ({"file_ids": [GONE], "confirm": ""}, "confirm is ''"),
        ({"file_ids": "None", "confirm": True}, "file_ids is 'None'"),
        ({"file_ids": "", "confirm": True}, "file_ids is ''"),
        ({"file_ids": None, "confirm": True}, "file_ids is None"),
        ({"file_ids": {"path": "/shop"}, "confirm": True}, "file_ids is None"),
        ({"file_ids": [GONE, "e" * 24], "confirm": True, "max_files": 1}, "max_files allows 1"),
    ],
    ids=str,
)
def test_nothing_is_deleted_that_was_not_named_and_confirmed(
    server: ImageKitEmulator, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(AirflowFailException, match=says):
        delete(**arguments)
    assert server.requests == []


def test_no_ids_delete_nothing(server: ImageKitEmulator) -> None:
    assert delete(file_ids=[], confirm=True)["files"] == []
    assert server.requests == []
