"""An account, tables and sample arguments with which every operator and sensor can run."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
import pytest
from airflow.exceptions import AirflowNotFoundException
from jinja2.nativetypes import NativeEnvironment

from airflow_provider_imagekit.compat import (
    DAG,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseOperator,
)
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitError
from airflow_provider_imagekit.operators.base_write import WritingOperator
from airflow_provider_imagekit.operators.duplicates_parts import PlanNearDuplicatesOperator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from tests import pictures
from tests.doubles import context
from tests.operators.public import arguments

PHASH, OTHER = "f06830ca9f1e3e90", "2222222222222222"
#: Placeholder for the output of an upstream task.
UPSTREAM = object()
#: Placeholder for an output folder.
FOLDER = object()
# Arguments that a task needs to run besides its required ones.
BASES: dict[str, dict[str, Any]] = {
    "FindNearDuplicatesOperator": {"input_path": ..., "output_path": FOLDER},
    "ThresholdReportOperator": {"input_path": ..., "output_path": FOLDER},
    "LocationCheckOperator": {"file_id": ..., "fail_on_location": False},
    "PlanNearDuplicatesOperator": {"input_path": ..., "output_path": FOLDER, "parts": ...},
    "ImageQualityOperator": {"input_path": ..., "rules": ...},
    "PHashBranchOperator": {"phash": ..., "reference_phash": ..., "follow_task_ids_if_undecidable": []},
    "PHashShortCircuitOperator": {"phash": ..., "reference_phash": ..., "continue_if": "different"},
    "PHashDistanceSensor": {"phash": ..., "reference_phash": ..., "min_distance": 0, "timeout": 0},
    "TransformationCheckOperator": {"phash": ..., "fail_on_problem": False},
    "UpdateFilesOperator": {"file_ids": ..., "add_tags": ...},
    "NewFilesSensor": {"timeout": 0},
    "UsageSensor": {"timeout": 0},
}
_JINJA = {False: jinja2.Environment(), True: NativeEnvironment()}
for _environment in _JINJA.values():  # the same templates are compiled thousands of times
    _environment.from_string = lru_cache(maxsize=1024)(_environment.from_string)  # type: ignore[method-assign]


class World:
    """An account with a few pictures, tables of them, and a sample value for each argument."""

    def __init__(self, imagekit: ImageKitEmulator, folder: Path) -> None:
        self.imagekit, self.folder = imagekit, folder
        self.library = folder / "library.jsonl"
        self._known: dict[tuple[Any, ...], tuple[Any, list[str]]] = {}
        file = next(file for file in imagekit.files() if file["filePath"].endswith(pictures.ORIGINAL))
        files = folder / "files.jsonl"
        row = {"fileId": file["fileId"], "pHash": PHASH, "url": file["url"], "width": 640}
        files.write_text(f"{json.dumps(row)}\n")
        self.samples: dict[str, Any] = {
            "file_id": file["fileId"],
            "file_ids": file["fileId"],
            "url": file["url"],
            "urls": file["url"],
            "file_url": file["url"],
            "phash": PHASH,
            "reference_file_id": file["fileId"],
            "reference_url": file["url"],
            "reference_phash": OTHER,
            "reference_bank": str(files),
            "input_path": str(files),
            "known_path": str(files),
            "reference_path": str(files),
            "output_path": str(self.library),
            "search_query": 'name : "original"',
            "path": "/shop",
            "type": "file",
            "file_type": "image",
            "created_after": "2020-01-01T00:00:00Z",
            "created_before": "2999-01-01T00:00:00Z",
            "updated_after": "2020-01-01T00:00:00Z",
            "limit": "2",
            "fields": "fileId",
            "variants": [{"url": file["url"]}],
            "follow_task_ids_if_similar": [],
            "follow_task_ids_if_different": [],
            "file": str(folder / "account" / pictures.ORIGINAL),
            "file_name": "another.jpg",
            "folder": "/shop",
            "tags": "new",
            "description": "A picture.",
            "duplicate_of": str(files),
            "action": "copy",
            "destination": "/docs",
            "add_tags": "new",
            "remove_tags": "old",
            "published": "false",
            "where": {"pHash": PHASH},
            "records": [row],
            "rules": [{"rule": "min_width", "value": 100, "severity": "warn"}],
            "parts": "2",
            "limits": {"bandwidthBytes": 1_000_000_000},
            "max_calls": "9",
        }

    def requested(self) -> list[str]:
        """Return the requests to ImageKit since the last call."""
        found = sorted(f"{request.method} {request.raw_target}" for request in self.imagekit.requests)
        self.imagekit.clear()
        return found

    def base_of(self, task: type[Any]) -> dict[str, Any]:
        """Return arguments with which a task can run; a task that changes the account gets ``dry_run``."""
        parameters = arguments(task).items()
        needed = {name: ... for name, argument in parameters if argument.default is argument.empty}
        given = needed | BASES.get(task.__name__, {})
        if issubclass(task, WritingOperator) or task.__name__ == "UpdateFilesOperator":
            given["dry_run"] = True
        found = str(self.folder / "found")
        return {
            name: self.samples[name] if value is ... else found if value is FOLDER else value
            for name, value in given.items()
        }

    def known(self, task: type[Any], given: dict[str, Any], *, native: bool) -> tuple[Any, list[str]]:
        """Return the cached outcome of arguments without templates."""
        key = (task, tuple(sorted((name, repr(value)) for name, value in given.items())), native)
        if key not in self._known:
            self._known[key] = self.outcome(task, given, None, native=native)
        return self._known[key]

    def outcome(
        self, task: type[Any], given: dict[str, Any], value: Any, *, native: bool
    ) -> tuple[Any, list[str]]:
        """Return the error or the result of a task, and its requests to ImageKit."""
        if given.get("output_path") is not None:
            self._restore()
        self.requested()
        dag = DAG("dag", schedule=None, render_template_as_native_obj=native)
        with dag:
            if UPSTREAM in given.values():
                output = BaseOperator(task_id="source").output
                given = {name: output if each is UPSTREAM else each for name, each in given.items()}
            made = task(task_id="task", **given)
        about = context(
            secrets.token_hex(8), params={"value": value}, dag=dag, task=made, expanded_ti_count=None
        )
        about["ti"].task = made
        about["ti"].xcom_pull = lambda *_, **__: value
        about["ti"].get_relevant_upstream_map_indexes = lambda *_, **__: None  # called by Airflow 2
        made.render_template_fields(about, _JINJA[native])
        try:
            found = made.execute(about)
        except AirflowFailException as failed:
            found = failed.__cause__ or failed.__context__ or failed
            assert isinstance(found, ImageKitError | AirflowFailException), repr(found)
        except (AirflowNotFoundException, ImageKitError, AirflowSensorTimeout, AirflowSkipException) as error:
            found = error
        return found, self.requested()

    def _restore(self) -> None:
        """Restore the table of the whole library to its state before the task."""
        for file in self.folder.glob("library.jsonl.run*"):
            shutil.rmtree(file, ignore_errors=True)
        shutil.copy(self.folder / "before.jsonl", self.library)


@contextmanager
def world_in(folder: Path, library: Path) -> Iterator[World]:
    """Open a world in a folder, with an account that has copies of a library's pictures."""
    shutil.copytree(library, folder / "account")
    key = f"private_{secrets.token_urlsafe(20)}="
    with (
        ImageKitEmulator(library=folder / "account", private_key=key) as imagekit,
        pytest.MonkeyPatch.context() as environment,
    ):
        connection = imagekit.airflow_connection
        connection["extra"] |= {"max_retries": 0}
        environment.chdir(folder)  # for relative paths such as "7"
        environment.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(connection))
        found = World(imagekit, folder)
        LibraryMetadataOperator(task_id="task", output_path=str(folder / "before.jsonl")).execute(context())
        plan = PlanNearDuplicatesOperator(task_id="task", **found.base_of(PlanNearDuplicatesOperator))
        found.samples["part"] = plan.execute(context())[0]
        yield found
