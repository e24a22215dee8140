"""
What becomes of odd values in every templated argument of every operator and sensor.

Each value arrives as a template yields it, with native rendering and without. The task ends with the value or
with one refusal; it asks ImageKit for nothing that it would not ask for without the argument, it marks no row
of a table as deleted, and no foreign exception comes out.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
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
from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitInputError
from airflow_provider_imagekit.io.arguments import is_absent
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from tests import pictures
from tests.doubles import context
from tests.operators.public import TASKS, arguments
from tests.support import AIRFLOW_3

pytestmark = pytest.mark.skipif(not AIRFLOW_3, reason="it hands outputs over as Airflow 3 does")

every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
VALUES: tuple[Any, ...] = (None, "None", "", "[]", "['a']", "7", "7.0", "1234567890123456", [], ["a"], 7, 0.5)
# What an upstream task may hand over as it is; templates yield the others, too.
PUSHED = (None, "None", [], ["a"], 7, {"a": 1})
#: Stands for the output of a task upstream.
UPSTREAM = object()
PHASH, OTHER = "f06830ca9f1e3e90", "2222222222222222"
# Without it ImageKit sorts by its own default; the files are the same.
NO_FILTER = {"sort"}
# Nothing is the safe side of these switches.
SAFE_WITHOUT = {"confirm"}


class World:
    """An account with a few pictures, tables of them, and a value for each argument by its name."""

    def __init__(self, imagekit: ImageKitEmulator, folder: Path) -> None:
        self.imagekit, self.folder = imagekit, folder
        self.library = folder / "library.jsonl"
        file = next(file for file in imagekit.files() if file["filePath"].endswith(pictures.ORIGINAL))
        files = folder / "files.jsonl"
        rows = [{"fileId": file["fileId"], "pHash": PHASH, "url": file["url"]}]
        files.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
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
        }

    def restore(self) -> None:
        """Put the table of the whole library in its place, as the night before left it."""
        shutil.rmtree(f"{self.library}.run", ignore_errors=True)
        for file in self.folder.glob("library.jsonl.run*"):
            shutil.rmtree(file, ignore_errors=True)
        shutil.copy(self.folder / "before.jsonl", self.library)

    def asked(self) -> list[str]:
        """Return what was asked of ImageKit since the last time."""
        found = sorted(f"{request.method} {request.raw_target}" for request in self.imagekit.requests)
        self.imagekit.clear()
        return found


#: Stands for a folder to write to.
FOLDER = object()
# What a task needs besides its required arguments to do its work, where that is not plain from them.
BASES: dict[str, dict[str, Any]] = {
    "FindNearDuplicatesOperator": {"input_path": ..., "output_path": FOLDER},
    "ThresholdReportOperator": {"input_path": ..., "output_path": FOLDER},
    "LocationCheckOperator": {"file_id": ..., "fail_on_location": False},
    "PHashBranchOperator": {"phash": ..., "reference_phash": ..., "follow_task_ids_if_undecidable": []},
    "PHashShortCircuitOperator": {"phash": ..., "reference_phash": ..., "continue_if": "different"},
    "PHashDistanceSensor": {"phash": ..., "reference_phash": ..., "min_distance": 0, "timeout": 0},
    "TransformationCheckOperator": {"phash": ..., "fail_on_problem": False},
    "NewFilesSensor": {"timeout": 0},
}


@pytest.fixture(scope="module")
def world(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("arguments")
    with (
        ImageKitEmulator(library=library, private_key=f"private_{secrets.token_urlsafe(20)}=") as imagekit,
        pytest.MonkeyPatch.context() as environment,
    ):
        connection = imagekit.airflow_connection
        connection["extra"] |= {"max_retries": 0}
        environment.chdir(folder)  # where a path such as "7" leads
        environment.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(connection))
        found = World(imagekit, folder)
        LibraryMetadataOperator(task_id="task", output_path=str(folder / "before.jsonl")).execute(context())
        yield found


def base_of(task: type[Any], world: World) -> dict[str, Any]:
    """Return the arguments with which a task does its work."""
    parameters = arguments(task).items()
    needed = {name: ... for name, argument in parameters if argument.default is argument.empty}
    given = needed | BASES.get(task.__name__, {})
    if "dry_run" in arguments(task) and task is not LibraryMetadataOperator:
        given["dry_run"] = True
    samples = {name: world.samples.get(name) for name in given}
    folder = str(world.folder / "found")
    return {
        name: samples[name] if value is ... else folder if value is FOLDER else value
        for name, value in given.items()
    }


def outcome(task: type[Any], world: World, given: dict[str, Any], value: Any, *, native: bool) -> Any:
    """Return what came of a task, an error or its result, and what it asked of ImageKit."""
    world.restore()
    world.asked()
    dag = DAG("dag", schedule=None, render_template_as_native_obj=native)
    with dag:
        output = BaseOperator(task_id="source").output
        given = {name: output if each is UPSTREAM else each for name, each in given.items()}
        made = task(task_id="task", **given)
    about = context(secrets.token_hex(8), params={"value": value}, dag=dag, task=made)
    about["ti"].task = made
    about["ti"].xcom_pull = lambda **_: value
    made.render_template_fields(about, NativeEnvironment() if native else jinja2.Environment())
    try:
        found = made.execute(about)
    except AirflowFailException as failed:
        found = failed.__cause__ or failed.__context__ or failed
        assert isinstance(found, ImageKitError | AirflowFailException), repr(found)
    except (AirflowNotFoundException, ImageKitError, AirflowSensorTimeout, AirflowSkipException) as error:
        found = error
    return found, world.asked()


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


@every_task
def test_a_base_does_its_work(task: type[Any], world: World) -> None:
    if task.__name__ in BASES or all(name in world.samples for name in base_of(task, world)):
        found, _ = outcome(task, world, base_of(task, world), None, native=False)
        assert not isinstance(found, ImageKitError), repr(found)


CASES = [
    pytest.param(task, name, id=f"{task.__name__}-{name}") for task in TASKS for name in task.template_fields
]


@pytest.mark.parametrize("way", ["text", "native", "upstream"])
@pytest.mark.parametrize(("task", "name"), CASES)
def test_an_odd_value_is_taken_or_refused(task: type[Any], name: str, way: str, world: World) -> None:
    native = way == "native"
    base = {key: value for key, value in base_of(task, world).items() if key != name}
    required = arguments(task)[name].default is arguments(task)[name].empty
    without = None if required else outcome(task, world, base, None, native=native)
    narrows = False
    if without and name in world.samples and name not in NO_FILTER:
        found, asked = outcome(task, world, base | {name: world.samples[name]}, None, native=native)
        narrows = asked != without[1] and not isinstance(found, ImageKitError)
    before = {row["file_id"] for row in read_jsonl(world.folder / "before.jsonl")}
    works = not isinstance(outcome(task, world, base_of(task, world), None, native=native)[0], ImageKitError)
    arriving = UPSTREAM if way == "upstream" else "{{ params.value }}"
    for value in PUSHED if way == "upstream" else VALUES:
        found, asked = outcome(task, world, base | {name: arriving}, value, native=native)
        case = f"{name}={value!r}: {found!r}"
        if not works:  # without a base of its own only foreign exceptions count
            continue
        if isinstance(found, ImageKitInputError):
            assert name.removeprefix("bank_") in str(found), case
        if is_absent(value):
            assert isinstance(found, ImageKitError) or not (narrows or required), case
            assert isinstance(found, ImageKitError) or without is None or asked == without[1], case
            if isinstance(arguments(task)[name].default, bool) and name not in SAFE_WITHOUT:
                assert isinstance(found, ImageKitInputError), case
        if base.get("output_path") == str(world.library):
            left = read_jsonl(world.library)
            assert [row for row in left if row.get("deleted_at")] == [], case
            assert {row["file_id"] for row in left} == before, case
