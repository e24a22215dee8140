"""
### Find near-duplicates on many workers

A search among millions of pictures is divided into parts that mapped tasks run on any worker: one task reads
the table and writes the hashes, each part searches a share of them, and one task writes groups, pairs and the
page. The parts share only the storage at `output`, and a part that fails is repeated alone.
"""

from __future__ import annotations

import os
import tempfile

import pendulum

from airflow_provider_imagekit.compat import DAG, Param
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.duplicates_parts import (
    PlanNearDuplicatesOperator,
    SearchNearDuplicatesOperator,
)
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator

HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())
OUTPUT = "{{ params.output }}"

with DAG(
    dag_id="example_imagekit_duplicates_in_parts",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    params={
        "output": Param(
            f"file://{HOME}/imagekit/parts", type="string", description="Such as s3://bucket/dedup"
        ),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    table = LibraryMetadataOperator(
        task_id="table", file_type="image", output_path=f"{OUTPUT}/table.jsonl"
    ).output["path"]
    # [START howto_operator_near_duplicates_in_parts]
    # The planning and merging tasks need the same arguments.
    arguments = {"input_path": table, "max_distance": 4, "output_path": f"{OUTPUT}/{{{{ run_id }}}}"}
    plan = PlanNearDuplicatesOperator(task_id="plan", parts=4, **arguments)
    search = SearchNearDuplicatesOperator.partial(task_id="search").expand(part=plan.output)
    FindNearDuplicatesOperator(task_id="merge", parts=search.output, **arguments)
    # [END howto_operator_near_duplicates_in_parts]
