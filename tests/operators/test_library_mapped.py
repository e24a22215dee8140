"""The documented way to several workers, in a real Airflow: a listing, and a mapped task for each batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.dagruns import run_dags
from demo.plan import Run

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


def test_a_listing_is_mapped_over_by_batch_and_by_file(imagekit: ImageKitEmulator, tmp_path: Path) -> None:
    dags, output = tmp_path / "dags", tmp_path / "output"
    dags.mkdir()
    (dags / "mapped.py").write_text(DAG_FILE.format(folder=output))
    run = Run("mapped_library", "Mapped", lambda results: str(len(results["library"])), {})
    connection = json.dumps(imagekit.airflow_connection)
    log = tmp_path / "log.txt"
    (ended,) = run_dags([run], [dags], connection, log, {})
    assert ended.state == "success", log.read_text()[-5000:]

    pointers = ended.results["files"][0]
    assert [result["counts"]["rows"] for result in ended.results["library"]] == [
        pointer["count"] for pointer in pointers
    ]
    parts = sorted(output.glob("part-*.jsonl"))
    assert [part.name for part in parts] == ["part-0.jsonl", "part-1.jsonl", "part-2.jsonl"]
    names = [json.loads(line)["name"] for part in parts for line in part.read_text().splitlines()]
    assert sorted(names) == sorted(file["name"] for file in imagekit.files())
    assert {len(metadata["pHash"]) for metadata in ended.results["metadata"]} == {16}
