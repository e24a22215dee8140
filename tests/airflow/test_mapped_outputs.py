"""Several instances of a mapped task that write to the same table, in a real Airflow."""

from __future__ import annotations

import json
from pathlib import Path

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.airflow.running import RunDag

NAMES = ["original.jpg", "recompressed.jpg", "unrelated.jpg"]
MAPPED = (
    f"NAMES = {NAMES}"
    """
from airflow.sdk import DAG
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator

with DAG("mapped", schedule=None, params={"folder": ""}) as dag:
    queries = [f'name = "{name}"' for name in NAMES]
    LibraryMetadataOperator.partial(
        task_id="one_table", output_path="{{ params.folder }}/library.jsonl", max_deleted="100%"
    ).expand(search_query=queries)
    LibraryMetadataOperator.partial(
        task_id="own_tables", output_path="{{ params.folder }}/part-{{ ti.map_index }}.jsonl"
    ).expand(search_query=queries)
"""
)


def rows(file: Path) -> list[tuple[str, str | None]]:
    return [
        (row["name"], row.get("deleted_at")) for row in map(json.loads, file.read_text("utf-8").splitlines())
    ]


def test_the_first_instance_keeps_the_table_and_the_others_fail_with_a_remedy(
    connection: str, imagekit: ImageKitEmulator, run_dag: RunDag, tmp_path: Path
) -> None:
    run = run_dag(MAPPED, "mapped", folder=str(tmp_path))
    assert run.states["own_tables"] == ["success"] * 3
    assert rows(tmp_path / "part-2.jsonl") == [("unrelated.jpg", None)]
    assert sorted(run.states["one_table"]) == ["failed", "failed", "success"]
    first = run.states["one_table"].index("success")
    assert rows(tmp_path / "library.jsonl") == [(NAMES[first], None)]
    assert run.log.count(f"was written by instance {first} of this mapped task in the same DAG run") >= 2
    assert "Put {{ ti.map_index }} into output_path" in run.log
