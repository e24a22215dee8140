"""A listing and a mapped task for each batch in a real Airflow, as documented for several workers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.airflow.running import RunDag

pytestmark = pytest.mark.airflow_db

DAG_FILE = """
from __future__ import annotations

from airflow_provider_imagekit.compat import DAG, Asset

from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator

with DAG("mapped_library", schedule=None, catchup=False, params={{"gps": "coarse", "dry_run": False}}):
    files = ListFilesOperator(task_id="files", output_path="{folder}/listing.jsonl", batches=3)
    LibraryMetadataOperator.partial(
        task_id="library",
        output_path="{folder}/part-{{{{ ti.map_index }}}}.jsonl",
        gps="{{{{ params.gps }}}}",
        dry_run="{{{{ params.dry_run }}}}",
        outlets=[Asset("imagekit-parts")],
    ).expand(input_path=files.output)

    pictures = ListFilesOperator(task_id="pictures", path="/shop", file_type="image")
    FileMetadataOperator.partial(task_id="metadata", fields=["pHash"]).expand(
        file_id=pictures.output.map(lambda file: file["fileId"])
    )
"""


@pytest.mark.usefixtures("connection")
def test_a_listing_is_mapped_over_by_batch_and_by_file(
    run_dag: RunDag, imagekit: ImageKitEmulator, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    run = run_dag(DAG_FILE.format(folder=output), "mapped_library")
    assert run.state == "success", run.log[-4000:]

    results = {task_id: xcoms["return_value"] for task_id, xcoms in run.xcoms.items()}
    [pointers] = results["files"]
    assert [result["counts"]["rows"] for result in results["library"]] == [
        pointer["count"] for pointer in pointers
    ]
    parts = sorted(output.glob("part-*.jsonl"))
    assert [part.name for part in parts] == ["part-0.jsonl", "part-1.jsonl", "part-2.jsonl"]
    names = [json.loads(line)["name"] for part in parts for line in part.read_text().splitlines()]
    assert sorted(names) == sorted(file["name"] for file in imagekit.files())
    assert {len(metadata["pHash"]) for metadata in results["metadata"]} == {16}
