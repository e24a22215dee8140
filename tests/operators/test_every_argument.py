"""
Unusual values in every templated argument of every operator and sensor.

Each value is rendered by a template, with and without native rendering. The task accepts the value or refuses
it with an error. It sends no request that it would not send without the argument, does not mark rows of a
table as deleted, and raises only the package's own exceptions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.arguments import is_absent
from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitInputError
from airflow_provider_imagekit.operators.base_gate import PHashGateOperator
from airflow_provider_imagekit.operators.base_write import WritingOperator
from tests.operators.public import TASKS, arguments
from tests.operators.worlds import UPSTREAM, World, world_in
from tests.support import AIRFLOW_3

pytestmark = pytest.mark.slow

# Airflow 2 skips tasks in its database, which these tests do not have.
HERE = [task for task in TASKS if AIRFLOW_3 or not issubclass(task, PHashGateOperator)]
every_task = pytest.mark.parametrize("task", HERE, ids=lambda task: task.__name__)
# Values for templates, which do not distinguish a value from its text, even with native rendering.
HALF = "a\ud800"  # an unpaired surrogate, the result of a wrong decoding
VALUES: tuple[Any, ...] = (None, "", [], ["a"], 7, "7.0", "1234567890123456", 0.5, HALF)
# Values that an upstream task can pass without a template.
PUSHED = (None, "None", [], ["a"], 7, {"a": 1}, HALF, [HALF], {HALF: HALF})
# Arguments that do not change the selection of files.
NO_FILTER = {"sort"}
# Switches for which an absent value is safe.
SAFE_WITHOUT = {"confirm"}


@pytest.fixture(scope="module")
def world(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("arguments"), library) as found:
        yield found


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


@every_task
def test_the_base_arguments_of_a_task_work(task: type[Any], world: World) -> None:
    found, _ = world.known(task, world.base_of(task), native=False)
    assert not isinstance(found, ImageKitError), repr(found)


CASES = [
    pytest.param(task, name, id=f"{task.__name__}-{name}") for task in HERE for name in task.template_fields
]


def narrows(world: World, task: type[Any], name: str, *, native: bool) -> bool:
    """Return whether a sample of an argument reduces the requests or the plan."""
    base = {key: value for key, value in world.base_of(task).items() if key != name}
    if name not in world.samples or name in NO_FILTER:
        return False
    found, requested = world.known(task, base | {name: world.samples[name]}, native=native)
    found_without, requested_without = world.known(task, base, native=native)
    plans = issubclass(task, WritingOperator) and str(found) != str(found_without)
    return (requested != requested_without or plans) and not isinstance(found, ImageKitError)


@pytest.mark.parametrize("way", ["text", "native", "upstream"])
@pytest.mark.parametrize(("task", "name"), CASES)
def test_an_unusual_value_is_accepted_or_refused(task: type[Any], name: str, way: str, world: World) -> None:
    native, argument = way == "native", arguments(task)[name]
    base = {key: value for key, value in world.base_of(task).items() if key != name}
    # Without dry_run the task would execute its plan.
    needed = argument.default is argument.empty or (name == "dry_run" and issubclass(task, WritingOperator))
    without = None if needed else world.known(task, base, native=native)[1]
    refused = needed or narrows(world, task, name, native=native)
    before = {row["file_id"] for row in read_jsonl(world.folder / "before.jsonl")}
    arriving = UPSTREAM if way == "upstream" else "{{ params.value }}"
    for value in PUSHED if way == "upstream" else VALUES:
        found, requested = world.outcome(task, base | {name: arriving}, value, native=native)
        case = f"{name}={value!r}: {found!r}"
        if isinstance(found, ImageKitInputError):
            assert name.removeprefix("bank_") in str(found), case
        if is_absent(value):
            assert isinstance(found, ImageKitError) or not refused, case
            assert isinstance(found, ImageKitError) or requested == without, case
            if isinstance(argument.default, bool) and name not in SAFE_WITHOUT:
                assert isinstance(found, ImageKitInputError), case
        if base.get("output_path") == str(world.library):
            left = read_jsonl(world.library)
            assert [row for row in left if row.get("deleted_at")] == [], case
            assert {row["file_id"] for row in left} == before, case
