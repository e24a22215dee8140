"""Operators that compute for long log their progress, stop when killed, and recommend NumPy."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.exceptions import StoppedError
from airflow_provider_imagekit.io.progress import Progress
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.duplicates_parts import PlanNearDuplicatesOperator
from airflow_provider_imagekit.operators.quality import ImageQualityOperator
from airflow_provider_imagekit.operators.threshold import ThresholdReportOperator
from airflow_provider_imagekit.similarity.pairs.pairs import without_numpy
from tests.doubles import context

HINT = "Install airflow-provider-imagekit[numpy]"
PHASES = {
    FindNearDuplicatesOperator: {"Reading", "Searching", "Grouping", "Writing groups", "Writing pairs"},
    PlanNearDuplicatesOperator: {"Reading"},
    ThresholdReportOperator: {"Reading", "Searching"},
    ImageQualityOperator: {"Checking"},
}
every_long_task = pytest.mark.parametrize("task", PHASES, ids=lambda task: task.__name__)


def made(task: type[Any], folder: Path, rows: int = 500) -> Any:
    pick = random.Random(5)
    table = folder / "hashes.csv"
    hashes = [f"a{number},{pick.getrandbits(64):016x},800\n" for number in range(rows)]
    table.write_text(
        "".join(["id,phash,width\n", *hashes, "near,a000000000000000,800\n", "it,a000000000000001,9\n"])
    )
    given: dict[str, Any] = {"input_path": str(table)}
    if task is ImageQualityOperator:
        given |= {"rules": [{"rule": "min_width", "value": 1}]}
    else:
        given |= {"output_path": str(folder / "out")}
    if task is PlanNearDuplicatesOperator:
        given |= {"parts": 2}
    return task(task_id="t", **given)


def lines_of(task: Any) -> list[str]:
    """Run a task that logs every progress update, and return the lines."""
    lines: list[str] = []
    task._progress = Progress(lines.append, every=0.0)
    task.execute(context())
    return lines


@every_long_task
def test_each_long_phase_reports_its_progress(task: type[Any], tmp_path: Path) -> None:
    lines = lines_of(made(task, tmp_path))
    assert {line.partition(":")[0] for line in lines} >= PHASES[task], lines


@every_long_task
def test_a_killed_task_stops_and_writes_nothing(task: type[Any], tmp_path: Path) -> None:
    killed = made(task, tmp_path)
    killed.on_kill()
    with pytest.raises(StoppedError, match="was stopped"):
        killed.execute(context())
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["hashes.csv"]


@pytest.mark.parametrize("task", [FindNearDuplicatesOperator, ThresholdReportOperator])
def test_a_large_search_without_numpy_recommends_it_once(task: type[Any], tmp_path: Path) -> None:
    with without_numpy():
        lines = lines_of(made(task, tmp_path, rows=20_000))
        assert [HINT in line for line in lines].count(True) == 1
        assert HINT not in "".join(lines_of(made(task, tmp_path)))
    assert HINT not in "".join(lines_of(made(task, tmp_path, rows=20_000)))
