"""The quarantine example: pictures that a reviewer approved are published and never held again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures
from tests.airflow.running import RunDag

pytestmark = pytest.mark.airflow_db

DAG_ID = "example_imagekit_quarantine"
EXAMPLE = Path(__file__).parents[2] / f"example_dags/{DAG_ID}.py"


def test_a_decision_is_stored_and_applies_to_later_runs(
    run_dag: RunDag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = pictures.draw(tmp_path / "library")
    # On Airflow 2 a run waits for files that arrived after the start of the previous run; here none arrives.
    source = EXAMPLE.read_text("utf-8").replace("prev_start_date_success or ", "")

    def run_once() -> dict[str, Any]:
        run = run_dag(source, DAG_ID, output=(tmp_path / "output").as_uri())
        assert run.state == "success", run.log[-4000:]
        return {task_id: run.xcom(task_id)["counts"] for task_id in ("publish", "quarantine")}

    with ImageKitEmulator(library=library) as imagekit:
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))
        client = ImageKitClient(imagekit.private_key, base_url=imagekit.url)
        client.upload_file((library / pictures.ORIGINAL).read_bytes(), "original.jpg", folder="/products")
        copy = client.upload_file((library / pictures.RESIZED).read_bytes(), "copy.png", folder="/variants")
        client.upload_file((library / pictures.NO_PICTURE).read_bytes(), "paper.pdf", folder="/variants")
        assert run_once()["quarantine"] == {"files": 1, "updated": 1, "failed": 0}
        held = client.get_file_details(copy["fileId"])
        assert (held["isPublished"], held["tags"]) == (False, ["quarantine"])
        client.add_tags([copy["fileId"]], ["approved"])  # a reviewer does this in the dashboard
        for published in (1, 0):
            counts = run_once()
            assert counts["publish"]["updated"] == published
            assert counts["quarantine"]["files"] == 0
            released = client.get_file_details(copy["fileId"])
            assert (released["isPublished"], released["tags"]) == (True, ["approved"])
