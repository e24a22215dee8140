"""XComs of a listing in a real Airflow, and the files that a custom task reads from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.airflow.running import RunDag

FILES = [{"fileId": f"{number:024x}", "name": "n" * 200} for number in range(400)]
THRESHOLD = 1000

LISTINGS = """
from airflow.sdk import DAG, task
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.listing_pointers import read_listing

with DAG("listings", schedule=None, params={"output": ""}) as dag:

    @task
    def count(listed):
        return len({file["fileId"] for file in read_listing(listed)})

    small = ListFilesOperator(task_id="small", limit=2)
    large = ListFilesOperator(task_id="large")
    file = ListFilesOperator(task_id="file", output_path="{{ params.output }}", batches=2)

    count.override(task_id="of_small")(small.output)
    count.override(task_id="of_large")(large.output)
    count.override(task_id="of_file")(file.output)
    count.override(task_id="of_batch").expand(listed=file.output)
"""


def test_a_task_reads_a_large_listing_from_a_file_like_a_small_one(
    connection: str,
    imagekit: ImageKitEmulator,
    run_dag: RunDag,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend"
    monkeypatch.setenv("AIRFLOW__CORE__XCOM_BACKEND", backend)
    monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", f"file://{tmp_path}/xcom")
    monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD", str(THRESHOLD))
    imagekit.inject(status=200, body=FILES[:2], match="limit=2")
    imagekit.inject(status=200, body=FILES, match="/v1/files", times=None)

    run = run_dag(LISTINGS, "listings", output=str(tmp_path / "listing.jsonl"))

    assert run.state == "success", run.log[-5000:]
    assert (run.xcom("of_small"), run.xcom("of_large"), run.xcom("of_file")) == (2, len(FILES), len(FILES))
    assert sum(run.xcoms["of_batch"]["return_value"]) == len(FILES)
    [kept] = [path for path in (tmp_path / "xcom").rglob("*") if path.is_file()]
    assert json.loads(kept.read_text()) == FILES
    assert [pointer["path"] for pointer in run.xcom("file")] == [str(tmp_path / "listing.jsonl")] * 2
