"""An unwritable output fails a task with a clear error before its first request or comparison."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.duplicates_parts import (
    PlanNearDuplicatesOperator,
    SearchNearDuplicatesOperator,
)
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.quality import ImageQualityOperator
from airflow_provider_imagekit.operators.threshold import ThresholdReportOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator
from tests.doubles import context

ABSENT = "none.jsonl"  # a missing input, which would cause another error
RULE = {"rule": "min_width", "value": 10}


def of_file(operator: Callable[..., Any], **arguments: Any) -> Callable[[Path], Any]:
    return lambda path: operator(task_id="t", output_path=str(path), **arguments)


def of_folder(operator: Callable[..., Any], name: str, **arguments: Any) -> Callable[[Path], Any]:
    """Return a factory of operators that write a file in the folder of the path."""

    def make(path: Path) -> Any:
        if os.path.lexists(path):
            is_link, file = path.is_symlink(), path.rename(path.with_name(name))
            if is_link:
                file.unlink()
                file.symlink_to(file)
        return operator(task_id="t", output_path=str(path.parent), input_path=f"/{ABSENT}", **arguments)

    return make


WRITERS: dict[str, Callable[[Path], Any]] = {
    "library": of_file(LibraryMetadataOperator),
    "listing": of_file(ListFilesOperator),
    "updates": of_file(UpdateFilesOperator, file_ids=["5f"], add_tags=["a"]),
    "quality": of_file(ImageQualityOperator, input_path=f"/{ABSENT}", rules=[RULE]),
    "groups": of_folder(FindNearDuplicatesOperator, "groups.jsonl"),
    "pairs": of_folder(FindNearDuplicatesOperator, "pairs.csv", output_format="csv"),
    "page": of_folder(FindNearDuplicatesOperator, "groups.html", write_pairs=False),
    "threshold": of_folder(ThresholdReportOperator, "threshold.md"),
    "threshold's JSON": of_folder(ThresholdReportOperator, "threshold.json"),
    "threshold's plot": of_folder(ThresholdReportOperator, "threshold.svg", plot_format="svg"),
}


def below_a_file(path: Path) -> Path:
    path.parent.write_text("")
    return path


def a_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def a_loop(path: Path) -> Path:
    path.parent.mkdir()
    path.symlink_to(path)
    return path


def below_a_loop(path: Path) -> Path:
    path.parent.symlink_to(path.parent)
    return path


def below_a_dead_link(path: Path) -> Path:
    path.parent.symlink_to(path.parent.with_name("none"))
    return path


def with_a_long_folder(path: Path) -> Path:
    return path.parent / ("x" * 300) / path.name


def with_half_a_character(path: Path) -> Path:
    return path.parent / "a\ud800" / path.name


def with_nul(path: Path) -> Path:
    return path.parent / "a\0" / path.name


@pytest.mark.parametrize(
    "place",
    [
        *(below_a_file, a_folder, a_loop, below_a_loop, below_a_dead_link),
        *(with_a_long_folder, with_half_a_character, with_nul),
    ],
)
@pytest.mark.parametrize("writer", WRITERS)
def test_an_unwritable_output_fails_before_requests_and_comparisons(
    server: ImageKitEmulator, tmp_path: Path, writer: str, place: Callable[[Path], Path]
) -> None:
    task = WRITERS[writer](place(tmp_path / "out" / "table.jsonl"))
    with pytest.raises(AirflowFailException, match=r"^output_path"):
        task.execute(context())
    assert server.requests == []
    assert list(tmp_path.rglob("unfinished-*")) == []


def test_a_part_and_its_plan_fail_before_they_search(tmp_path: Path) -> None:
    records = [{"id": "a", "phash": "f06830ca9f1e3e90"}]
    output = {"output_path": str(tmp_path)}
    [part] = PlanNearDuplicatesOperator(task_id="t", parts=1, records=records, **output).execute(context())
    (tmp_path / "parts/pairs-00000-of-00001.bin").mkdir()
    hashes = Path(part["hashes_path"])
    hashes.unlink()
    with pytest.raises(AirflowFailException, match=r"^output_path is .*pairs-00000-of-00001\.bin"):
        SearchNearDuplicatesOperator(task_id="t", part=part).execute(context())
    hashes.mkdir()
    with pytest.raises(AirflowFailException, match=r"^output_path is .*hashes\.bin"):
        PlanNearDuplicatesOperator(task_id="t", parts=1, input_path=f"/{ABSENT}", **output).execute(context())
