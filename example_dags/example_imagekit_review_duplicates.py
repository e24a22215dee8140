"""
### A person approves what the search suggests (Airflow 3.1 and later)

A search suggests for each group of near-duplicates which picture to keep. Somebody sees the pictures side by
side, under *Required Actions* in Airflow. Approved: the others get the tag `duplicate` in the media library.
Rejected, or no answer until the run ends after two days: nothing happens. Nothing found: nobody is asked.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.hitl import ApprovalOperator

from airflow_provider_imagekit.compat import DAG, AirflowSkipException, Param, task
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.object_storage import read_table
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator
from airflow_provider_imagekit.similarity.review.thumbnails import thumbnail_step, thumbnail_url

HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())

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

    @task
    def hashes(folder: str) -> list[dict]:
        hook = ImageKitHook()
        files = hook.list_files(path=folder, file_type="image", limit=50)  # as many as somebody looks at
        return [file | {"pHash": str(hook.get_phash(file_id=file["fileId"]))} for file in files]

    find = FindNearDuplicatesOperator(
        task_id="find", records=hashes("{{ params.folder }}"), output_path="{{ params.output }}/{{ run_id }}"
    )

    # [START howto_review_duplicates]
    @task
    def side_by_side(groups_path: str) -> str:
        """Return a Markdown table: what to keep beside what looks like it."""
        lines = ["| keep | tag as duplicate | bits apart |", "|---|---|---:|"]
        step = thumbnail_step(200, 150)
        for row in read_table(groups_path):
            picture = f"![]({thumbnail_url(row['url'], step)}) {row['path']}"
            if row["keep"]:  # it comes first in its group
                keeper = picture
            else:
                lines.append(f"| {keeper} | {picture} | {row['distance']} |")
        if len(lines) == 2:
            raise AirflowSkipException("No near-duplicates: nothing to ask.")
        return "\n".join(lines)

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
