"""
### Search for duplicates every night

Each night, one task updates a table of the hashes of some folders, fetching only new and changed files. A
second task reports a suitable radius for them. A third searches them for near-duplicates and writes groups
around the picture to keep, as a table and as a page with thumbnails that the task links to. Nothing is
deleted. Pairs listed in `not_duplicates.jsonl` are no longer reported.
"""

from __future__ import annotations

import os
import tempfile

import pendulum

from airflow_provider_imagekit.compat import DAG, Param, task
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.threshold import ThresholdReportOperator

HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())
SEARCH = 'path : "/landscapes/" OR path : "/products/" OR path : "/variants/"'
OUTPUT = "{{ params.output }}"

with DAG(
    dag_id="example_imagekit_nightly_duplicates",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    params={
        "search": Param(SEARCH, type="string", description="In ImageKit's search language"),
        "output": Param(
            f"file://{HOME}/imagekit/dedup", type="string", description="Such as s3://bucket/dedup"
        ),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    table = LibraryMetadataOperator(
        task_id="table",
        search_query="{{ params.search }}",
        file_type="image",
        output_path=f"{OUTPUT}/table.jsonl",
    ).output["path"]
    # [START howto_operator_find_near_duplicates]
    radius = ThresholdReportOperator(task_id="radius", input_path=table, output_path=OUTPUT)
    find = FindNearDuplicatesOperator(
        task_id="find",
        input_path=table,
        not_duplicates_path=f"{OUTPUT}/not_duplicates.jsonl",
        max_distance=radius.output["suggested_radius"],
        preferred_folders=["/landscapes", "/products"],
        output_path=f"{OUTPUT}/{{{{ run_id }}}}",
    )
    # [END howto_operator_find_near_duplicates]

    @task
    def report(groups: int, duplicates: int) -> str:
        return f"{duplicates} near-duplicates in {groups} groups."

    report(find.output["groups"], find.output["duplicates"])
