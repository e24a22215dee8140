"""
### Look for duplicates every night

A table of hashes of some folders, a report on the radius that they can afford, and a search: groups around
the picture to keep, as a table and as a page with thumbnails that the task links to. Nothing is deleted. Set
a `schedule` for every night: what was there the night before is compared with new pictures only, and pairs
listed in `not_duplicates.jsonl` never come back.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

from airflow_provider_imagekit.compat import DAG, ObjectStoragePath, Param, task
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.threshold import ThresholdReportOperator

HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())
OUTPUT = "{{ params.output }}"

with DAG(
    dag_id="example_imagekit_nightly_duplicates",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    params={
        "folders": Param(["/landscapes", "/products", "/variants"], type="array"),
        "output": Param(
            f"file://{HOME}/imagekit/dedup", type="string", description="Such as s3://bucket/dedup"
        ),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):

    @task
    def write_table(path: str, params: dict[str, Any] | None = None) -> str:
        hook, table = ImageKitHook(), ObjectStoragePath(path)
        table.parent.mkdir(parents=True, exist_ok=True)
        with table.open("w") as output:
            for folder in (params or {})["folders"]:
                for file in hook.list_files(path=folder, file_type="image"):
                    row = file | {"pHash": str(hook.get_phash(file_id=file["fileId"]))}
                    output.write(f"{json.dumps(row)}\n")
        return path

    table = write_table(f"{OUTPUT}/tonight.jsonl")
    # [START howto_operator_find_near_duplicates]
    radius = ThresholdReportOperator(task_id="radius", input_path=table, output_path=OUTPUT)
    find = FindNearDuplicatesOperator(
        task_id="find",
        input_path=table,
        known_path=f"{OUTPUT}/last_night.jsonl",
        not_duplicates_path=f"{OUTPUT}/not_duplicates.jsonl",
        max_distance=radius.output["suggested_radius"],
        preferred_folders=["/landscapes", "/products"],
        output_path=f"{OUTPUT}/{{{{ run_id }}}}",
    )
    # [END howto_operator_find_near_duplicates]

    @task
    def remember(tonight: str, groups: int, duplicates: int) -> str:
        ObjectStoragePath(tonight).replace(ObjectStoragePath(tonight).parent / "last_night.jsonl")
        return f"{duplicates} near-duplicates in {groups} groups."

    remember(table, find.output["groups"], find.output["duplicates"])
