"""
Scheduled DAGs under a real scheduler: a repeatable backfill, and an asset's consumer.

The DAGs are the package's examples. The tests of this module depend on each other and run in order.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.environment import EXAMPLE_DAGS
from demo.stack import AirflowStack
from tests import pictures
from tests.stack.api import Api, wait_until
from tests.stack.whole_airflow import whole_airflow
from tests.support import AIRFLOW_3

WINDOW, NIGHTLY, AFTER = (
    f"example_imagekit_{name}" for name in ("daily_window", "library_nightly", "after_library")
)
#: Pictures uploaded on each day.
UPLOADS = {2: ["a.png", "b.png"], 3: [], 4: ["c.png"]}
#: Columns that differ between backfills.
FETCHED = {"fetched_at"}

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


class Story:
    """The running Airflow."""

    def __init__(self, stack: AirflowStack) -> None:
        self.stack = stack
        self.api = Api(stack)
        self.days = stack.home / "imagekit" / "days"
        self.tables: dict[str, list[dict[str, Any]]] = {}

    def backfill(self) -> None:
        """Run the days of March 2026 that have pictures, even if they have run before."""
        if not AIRFLOW_3:
            dates = ("--start-date", "2026-03-02", "--end-date", "2026-03-04")
            self.stack.run_once("backfill", "dags", "backfill", *dates, "--reset-dagruns", "--yes", WINDOW)
            return
        body = {
            "dag_id": WINDOW,
            # A cron schedule in Airflow 3 has no interval: the run at midnight covers the previous day.
            "from_date": "2026-03-03T00:00:00Z",
            "to_date": "2026-03-05T00:00:00Z",
            "reprocess_behavior": "completed",
            "max_active_runs": 2,
        }
        path = f"/backfills/{self.api.call('POST', '/backfills', body)['id']}"
        wait_until(lambda: self.api.call("GET", path)["completed_at"], 240, "the backfill has ended")

    def read(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of each day's table."""
        return {
            file.stem: [json.loads(line) for line in file.read_text("utf-8").splitlines()]
            for file in sorted(self.days.glob("2026-03-*.jsonl"))
        }


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    library, dags = tmp_path_factory.mktemp("library"), tmp_path_factory.mktemp("dags")
    for dag in (WINDOW, NIGHTLY, AFTER):
        shutil.copy(EXAMPLE_DAGS / f"{dag}.py", dags)
    for day, names in UPLOADS.items():
        for name in names:
            pictures.scene(1).save(library / name)
            noon = datetime(2026, 3, day, 12, tzinfo=UTC).timestamp()
            os.utime(library / name, (noon, noon))
    with ImageKitEmulator(library=library) as imagekit:
        connection = json.dumps(imagekit.airflow_connection)
        with whole_airflow(dags, {"imagekit_default": connection}) as stack:
            yield Story(stack)


def test_a_backfill_has_each_days_uploads_in_a_table(story: Story) -> None:
    story.api.wait_for_dag(WINDOW)
    story.backfill()
    story.tables = story.read()
    found = {day: [row["name"] for row in rows] for day, rows in story.tables.items()}
    assert found == {f"2026-03-{day + 1:02}T000000": names for day, names in UPLOADS.items()}


def test_the_same_backfill_again_leaves_each_table_as_it_is(story: Story) -> None:
    before = {file.name: file.read_bytes() for file in story.days.glob("2026-03-*.jsonl")}
    story.backfill()
    assert {file.name: file.read_bytes() for file in story.days.glob("2026-03-*.jsonl")} == before


def test_a_backfill_restores_deleted_tables(story: Story) -> None:
    shutil.rmtree(story.days)
    story.backfill()

    def compared(tables: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
        return {
            day: [{key: value for key, value in row.items() if key not in FETCHED} for row in rows]
            for day, rows in tables.items()
        }

    assert compared(story.read()) == compared(story.tables)


def test_the_scheduler_starts_the_consumer_with_the_producers_results(story: Story) -> None:
    runs = wait_until(
        lambda: [
            run
            for run in story.api.call("GET", f"/dags/{AFTER}/dagRuns")["dag_runs"]
            if run["state"] == "success"
        ],
        180,
        f"{AFTER} has run",
    )
    updates = story.api.xcom(f"/dags/{AFTER}/dagRuns/{runs[0]['dag_run_id']}", "what_changed")
    files = sum(map(len, UPLOADS.values()))
    assert [update["path"] for update in updates] == [str(story.stack.home / "imagekit" / "library.parquet")]
    assert (updates[0]["counts"]["rows"], updates[0]["counts"]["fetched"]) == (files, files)
