"""
What becomes of odd values in every templated argument of every operator and sensor.

Each value arrives as a template yields it, with native rendering and without. The task ends with the value or
with one refusal; it asks ImageKit for nothing that it would not ask for without the argument, it marks no row
of a table as deleted, and no foreign exception comes out.
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

# Airflow 2 skips tasks in its database, which is not here.
HERE = [task for task in TASKS if AIRFLOW_3 or not issubclass(task, PHashGateOperator)]
every_task = pytest.mark.parametrize("task", HERE, ids=lambda task: task.__name__)
# What templates yield; a value and its text are the same to them, with native rendering, too.
HALF = "a\ud800"  # of a character, as a wrong decoding leaves it
VALUES: tuple[Any, ...] = (None, "", [], ["a"], 7, "7.0", "1234567890123456", 0.5, HALF)
# What an upstream task may hand over as it is; templates yield the others, too.
PUSHED = (None, "None", [], ["a"], 7, {"a": 1}, HALF, [HALF], {HALF: HALF})
# Without it ImageKit sorts by its own default; the files are the same.
NO_FILTER = {"sort"}
# Nothing is the safe side of these switches.
SAFE_WITHOUT = {"confirm"}


@pytest.fixture(scope="module")
def world(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("arguments"), library) as found:
        yield found


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


@every_task
def test_a_base_does_its_work(task: type[Any], world: World) -> None:
    found, _ = world.known(task, world.base_of(task), native=False)
    assert not isinstance(found, ImageKitError), repr(found)


CASES = [
    pytest.param(task, name, id=f"{task.__name__}-{name}") for task in HERE for name in task.template_fields
]


def narrows(world: World, task: type[Any], name: str, *, native: bool) -> bool:
    """Return whether less is asked for, or planned, with a sample of an argument than without it."""
    base = {key: value for key, value in world.base_of(task).items() if key != name}
    if name not in world.samples or name in NO_FILTER:
        return False
    found, asked = world.known(task, base | {name: world.samples[name]}, native=native)
    found_without, asked_without = world.known(task, base, native=native)
    plans = issubclass(task, WritingOperator) and str(found) != str(found_without)
    return (asked != asked_without or plans) and not isinstance(found, ImageKitError)


@pytest.mark.parametrize("way", ["text", "native", "upstream"])
@pytest.mark.parametrize(("task", "name"), CASES)
def test_an_odd_value_is_taken_or_refused(task: type[Any], name: str, way: str, world: World) -> None:
    native, argument = way == "native", arguments(task)[name]
    base = {key: value for key, value in world.base_of(task).items() if key != name}
    # Without dry_run it would do what it only is to plan.
    needed = argument.default is argument.empty or (name == "dry_run" and issubclass(task, WritingOperator))
    without = None if needed else world.known(task, base, native=native)[1]
    refused = needed or narrows(world, task, name, native=native)
    before = {row["file_id"] for row in read_jsonl(world.folder / "before.jsonl")}
    arriving = UPSTREAM if way == "upstream" else "{{ params.value }}"
    for value in PUSHED if way == "upstream" else VALUES:
        found, asked = world.outcome(task, base | {name: arriving}, value, native=native)
        case = f"{name}={value!r}: {found!r}"
        if isinstance(found, ImageKitInputError):
            assert name.removeprefix("bank_") in str(found), case
        if is_absent(value):
            assert isinstance(found, ImageKitError) or not refused, case
            assert isinstance(found, ImageKitError) or asked == without, case
            if isinstance(argument.default, bool) and name not in SAFE_WITHOUT:
                assert isinstance(found, ImageKitInputError), case
        if base.get("output_path") == str(world.library):
            left = read_jsonl(world.library)
            assert [row for row in left if row.get("deleted_at")] == [], case
            assert {row["file_id"] for row in left} == before, case
