"""Every example DAG can be parsed on each Airflow, is short, and is listed in the README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.support import AIRFLOW_3

EXAMPLES = Path(__file__).parents[2] / "example_dags"
#: DAGs that use features of Airflow 3.1.
NEEDS_AIRFLOW_3_1 = {"example_imagekit_review_duplicates"}
NEEDS_AIRFLOW_3 = NEEDS_AIRFLOW_3_1 | {"example_imagekit_on_upload"}
FILES = sorted(EXAMPLES.glob("example_*.py"))
#: DAGs with a schedule, and their timetables on Airflow 2 or 3.
SCHEDULED = {
    "example_imagekit_after_library": {"AssetTriggeredTimetable", "DatasetTriggeredTimetable"},
    "example_imagekit_after_replacement": {"AssetTriggeredTimetable", "DatasetTriggeredTimetable"},
    "example_imagekit_on_upload": {"AssetTriggeredTimetable"},
    "example_imagekit_quarantine": {"AssetTriggeredTimetable", "ContinuousTimetable"},
    "example_imagekit_daily_window": {"CronTriggerTimetable", "CronDataIntervalTimetable"},
    "example_imagekit_library_nightly": {"CronTriggerTimetable", "CronDataIntervalTimetable"},
    "example_imagekit_nightly_duplicates": {"CronTriggerTimetable", "CronDataIntervalTimetable"},
}
#: Longer maximum numbers of lines.
LONGEST = {"example_imagekit_quarantine": 80}
DAG_IDS = {
    "example_imagekit_after_library",
    "example_imagekit_after_replacement",
    "example_imagekit_daily_window",
    "example_imagekit_banned_images",
    "example_imagekit_before_upload",
    "example_imagekit_duplicates_in_parts",
    "example_imagekit_file_metadata",
    "example_imagekit_hero_replaced",
    "example_imagekit_library_nightly",
    "example_imagekit_library_privacy",
    "example_imagekit_library_quality",
    "example_imagekit_mapped_listing",
    "example_imagekit_migration_check",
    "example_imagekit_nightly_duplicates",
    "example_imagekit_quarantine",
    "example_imagekit_remote_url",
    "example_imagekit_searchable_metadata",
    "example_imagekit_similarity_gate",
    "example_imagekit_transformation_check",
    "example_imagekit_warehouse_duplicates",
} | NEEDS_AIRFLOW_3
PARSED = DAG_IDS if AIRFLOW_3 else DAG_IDS - NEEDS_AIRFLOW_3


def parse() -> Any:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 2
        from airflow.models.dagbag import DagBag
    return DagBag(dag_folder=str(EXAMPLES))


@pytest.fixture(scope="module")
def bag() -> Any:
    return parse()


def test_each_file_defines_the_dag_of_its_name(bag: Any) -> None:
    assert {Path(file).stem for file in bag.import_errors} == DAG_IDS - PARSED
    assert set(bag.dags) == PARSED
    assert {file.stem for file in FILES} == DAG_IDS


def test_parsing_gives_no_warning(bag: Any) -> None:
    assert bag.captured_warnings == {}


@pytest.mark.usefixtures("connection")
def test_parsing_sends_no_request_to_imagekit(imagekit: ImageKitEmulator) -> None:
    parse()
    assert imagekit.requests == []


@pytest.mark.parametrize("dag_id", sorted(PARSED))
def test_every_dag_has_description_tags_and_its_schedule(bag: Any, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert dag.doc_md.strip().startswith("### ")
    assert {"example", "imagekit"} <= set(dag.tags)
    assert type(dag.timetable).__name__ in SCHEDULED.get(dag_id, {"NullTimetable"})
    assert dag.start_date is not None
    assert dag.catchup is False
    assert all(task.retries == 1 for task in dag.tasks)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_is_short_and_its_marked_regions_are_closed(file: Path) -> None:
    text = file.read_text()
    assert 30 <= len(text.splitlines()) <= LONGEST.get(file.stem, 70)
    starts, ends = (re.findall(rf"# \[{word} (\w+)\]", text) for word in ("START", "END"))
    assert starts
    assert starts == ends


def test_the_readme_lists_every_dag() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\((\w+)\.py\)", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert {dag_id for dag_id, _ in rows} == DAG_IDS
    assert all(dag_id == file for dag_id, file in rows)
