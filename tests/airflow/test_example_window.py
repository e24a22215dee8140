"""The example with one table for each day: repeated runs for a day write the same table."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures
from tests.airflow.running import RunDag

pytestmark = pytest.mark.airflow_db

DAG_ID = "example_imagekit_daily_window"
EXAMPLE = Path(__file__).parents[2] / f"example_dags/{DAG_ID}.py"
INSIDE, OUTSIDE = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)


def test_two_runs_of_one_day_make_the_same_table_of_that_days_files(
    run_dag: RunDag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = pictures.draw(tmp_path / "library")
    first, *others = sorted(file for file in library.rglob("*.jpg"))
    for file in others:
        os.utime(file, (OUTSIDE.timestamp(), OUTSIDE.timestamp()))
    os.utime(first, (INSIDE.timestamp(), INSIDE.timestamp()))
    folders = [tmp_path / "one", tmp_path / "another"]
    with ImageKitEmulator(library=library) as imagekit:
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))
        for folder in folders:
            conf = {"folder": folder.as_uri(), "end": "2026-03-02T00:00:00+00:00"}
            run = run_dag(EXAMPLE.read_text("utf-8"), DAG_ID, **conf)
            assert run.state == "success", run.log[-4000:]
    one, another = ((folder / "2026-03-02T000000.jsonl").read_text() for folder in folders)
    [row] = map(json.loads, one.splitlines())
    assert row["path"] == f"/{first.relative_to(library)}"
    for column in ("fetched_at", "first_seen_at", "run"):
        row.pop(column, None)
    assert json.loads(another).items() >= row.items()
