"""
### A reviewer approves suggested duplicates (Airflow 3.1 and later)

A search suggests for each group of near-duplicates which picture to keep. A reviewer sees the pictures side
by side under *Required Actions* in Airflow. If the reviewer approves, the other pictures get the tag
`duplicate` in the media library. If the reviewer rejects, or does not respond before the run ends after two
days, nothing changes. If the search finds no duplicates, the approval is skipped.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.hitl import ApprovalOperator

from airflow_provider_imagekit.compat import DAG, AirflowSkipException, Param, task
from airflow_provider_imagekit.io.object_storage import read_table
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator
from airflow_provider_imagekit.similarity.review.groups_markdown import groups_markdown

HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())
OUTPUT = "{{ params.output }}/{{ run_id }}"

with DAG(
    dag_id="example_imagekit_review_duplicates",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    dagrun_timeout=timedelta(days=2),
    default_args={"retries": 1},
    params={
        "folder": Param("/variants", type="string", description="A folder of the library"),
        "output": Param(f"file://{HOME}/imagekit/review", type="string", description="Such as s3://bucket/x"),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    library = LibraryMetadataOperator(
        task_id="library", path="{{ params.folder }}", output_path=f"{OUTPUT}/library.jsonl"
    )
    find = FindNearDuplicatesOperator(task_id="find", input_path=library.output["path"], output_path=OUTPUT)

    # [START howto_review_duplicates]
    @task
    def side_by_side(groups_path: str) -> str:
        if table := groups_markdown(read_table(groups_path)):
            return table
        raise AirflowSkipException("The search found no near-duplicates to review.")

    approve = ApprovalOperator(
        task_id="approve",
        subject="Tag the pictures on the right as duplicates of those on the left?",
        body=side_by_side(find.output["groups_path"]),  # type: ignore[arg-type]
        defaults="Reject",
    )

    tag = UpdateFilesOperator(
        task_id="tag", input_path=find.output["groups_path"], where={"keep": False}, add_tags=["duplicate"]
    )

    approve >> tag
    # [END howto_review_duplicates]
