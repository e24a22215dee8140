"""The example of one table a day: the same day gives the same table, however often it is made."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.dagruns import run_dags
from demo.environment import EXAMPLE_DAGS
from demo.plan import Run
from tests import pictures

pytestmark = pytest.mark.airflow_db

DAG_ID = "example_imagekit_daily_window"
INSIDE, OUTSIDE = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)


def test_two_runs_of_one_day_make_the_same_table_of_that_days_files(tmp_path: Path) -> None:
    library = pictures.draw(tmp_path / "library")
    first, *others = sorted(file for file in library.rglob("*.jpg"))
    for file in others:
        os.utime(file, (OUTSIDE.timestamp(), OUTSIDE.timestamp()))
    os.utime(first, (INSIDE.timestamp(), INSIDE.timestamp()))
    folders = [tmp_path / "one", tmp_path / "another"]
    runs = [
        Run(DAG_ID, "", str, {"folder": folder.as_uri(), "end": "2026-03-02T00:00:00+00:00"})
        for folder in folders
    ]
    with ImageKitEmulator(library=library) as imagekit:
        connection = json.dumps(imagekit.airflow_connection)
        ended = list(run_dags(runs, [EXAMPLE_DAGS], connection, tmp_path / "log", {}))
    assert [run.state for run in ended] == ["success", "success"], (tmp_path / "log").read_text()[-3000:]
    one, another = ((folder / "2026-03-02T000000.jsonl").read_text() for folder in folders)
    [row] = map(json.loads, one.splitlines())
    assert row["path"] == f"/{first.relative_to(library)}"
    for column in ("fetched_at", "first_seen_at", "run"):
        row.pop(column, None)
    assert json.loads(another).items() >= row.items()
