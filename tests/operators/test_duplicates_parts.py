"""A search in parts has the same result as a single task, and a part is retried alone."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.exceptions import StoppedError
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.duplicates_parts import (
    PlanNearDuplicatesOperator,
    SearchNearDuplicatesOperator,
)
from tests.doubles import context

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("tables")
    rng = Random(3)
    rows = []
    for number in range(3000):
        bits = rng.getrandbits(64)
        for copy in range(1 + number % 3):
            bits ^= 1 << rng.randrange(64)
            rows.append(
                {"id": f"{number}-{copy}", "pHash": f"{bits:016x}", "width": rng.randrange(9), "height": 5}
            )
    rng.shuffle(rows)

    def write(name: str, part: list[dict[str, Any]]) -> str:
        path = folder / f"{name}.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in part))
        return str(path)

    return {
        "input_path": write("new", rows[:4000]),
        "known_path": write("known", rows[3900:5000]),
        "reference_path": write("masters", rows[5000:]),
    }


def search(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [SearchNearDuplicatesOperator(task_id="search", part=part).execute(context()) for part in parts]


def contents(found: dict[str, Any]) -> tuple[Any, ...]:
    paths = [name for name in found if name.endswith("_path")]
    counts = {name: value for name, value in found.items() if name not in paths}
    return counts, *(Path(found[name]).read_text() for name in sorted(paths))


@pytest.mark.parametrize("number", [1, 4, "16"])
def test_parts_write_what_one_task_writes(number: int | str, tables: dict[str, str], tmp_path: Path) -> None:
    arguments = {**tables, "max_distance": 4}
    one = FindNearDuplicatesOperator(task_id="find", output_path=str(tmp_path / "one"), **arguments)
    expected = contents(one.execute(context()))
    arguments["output_path"] = str(tmp_path / "parts")
    plan = PlanNearDuplicatesOperator(task_id="plan", parts=number, **arguments).execute(context())
    json.dumps(plan)
    assert len(plan) == int(number)
    found = search(plan)
    merge = FindNearDuplicatesOperator(task_id="merge", parts=found, **arguments)
    assert contents(merge.execute(context())) == expected
    if int(number) > 1:
        assert sum(part["pairs"] > 0 for part in found) > 1, "one part did all the work"


def test_a_stopped_part_leaves_no_file_and_is_retried_alone(tables: dict[str, str], tmp_path: Path) -> None:
    arguments = {**tables, "max_distance": 4, "output_path": str(tmp_path)}
    plan = PlanNearDuplicatesOperator(task_id="plan", parts=3, **arguments).execute(context())
    stopped = SearchNearDuplicatesOperator(task_id="search", part=plan[1])
    stopped.on_kill()
    with pytest.raises(StoppedError, match="Searching was stopped"):
        stopped.execute(context())
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["hashes.bin"]
    first, last = search([plan[0], plan[2]])
    before = Path(first["part_path"]).read_bytes()
    [repeated] = search([plan[1]])
    assert Path(first["part_path"]).read_bytes() == before
    merge = FindNearDuplicatesOperator(task_id="merge", parts=[first, repeated, last], **arguments)
    assert merge.execute(context())["groups"] > 0


def test_bad_parts_fail_without_a_retry(tables: dict[str, str], tmp_path: Path) -> None:
    arguments = {**tables, "max_distance": 4, "output_path": str(tmp_path)}
    with pytest.raises(AirflowFailException, match="parts is 0"):
        PlanNearDuplicatesOperator(task_id="plan", parts=0, **arguments).execute(context())
    with pytest.raises(AirflowFailException, match="not a part of a plan"):
        search([{"part": 1}])
    plan = PlanNearDuplicatesOperator(task_id="plan", parts=2, **arguments).execute(context())
    for parts, text in (
        (search(plan[:1]), "The parts are"),
        ([{"pairs": 1}], "parts is"),
        ([{"part_path": f"{tmp_path}/none.bin"}], "There is no file"),
    ):
        with pytest.raises(AirflowFailException, match=text):
            FindNearDuplicatesOperator(task_id="merge", parts=parts, **arguments).execute(context())


def test_only_an_error_in_a_part_names_its_file(tables: dict[str, str], tmp_path: Path) -> None:
    arguments = {**tables, "max_distance": 4, "output_path": str(tmp_path)}
    parts = search(PlanNearDuplicatesOperator(task_id="plan", parts=2, **arguments).execute(context()))
    merge = FindNearDuplicatesOperator(task_id="merge", parts=parts, max_pairs=0, **arguments)
    with pytest.raises(AirflowFailException, match="pairs") as caught:
        merge.execute(context())
    assert parts[1]["part_path"] not in str(caught.value)
    Path(parts[1]["part_path"]).write_bytes(b"{}")
    with pytest.raises(AirflowFailException, match=rf"{parts[1]['part_path']}.*not a file of a search"):
        FindNearDuplicatesOperator(task_id="merge", parts=parts, **arguments).execute(context())
