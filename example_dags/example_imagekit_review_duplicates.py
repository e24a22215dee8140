"""
### A person approves what the search suggests (Airflow 3.1 and later)

A search suggests for each group of near-duplicates which picture to keep. Somebody sees the pictures side by
side, under *Required Actions* in Airflow, and approves or rejects; only then the run goes on. Nobody answers
for two days: rejected.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task
from airflow.providers.standard.operators.hitl import ApprovalOperator

from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.report.thumbnails import thumbnail_url
from airflow_provider_imagekit.storage import read_table

HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())

with DAG(
    dag_id="example_imagekit_review_duplicates",
    schedule=None,
    catchup=False,
    default_args={"retries": 1},
    params={
        "folder": Param("/variants", type="string", description="A folder of the library"),
        "output": Param(f"file://{HOME}/imagekit/review", type="string", description="Such as s3://bucket/x"),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):

    @task
    def hashes(folder: str) -> list[dict[str, Any]]:
        hook = ImageKitHook()
        files = hook.list_files(path=folder, file_type="image", limit=100)
        return [file | {"pHash": str(hook.get_phash(file_id=file["fileId"]))} for file in files]

    find = FindNearDuplicatesOperator(
        task_id="find", records=hashes("{{ params.folder }}"), output_path="{{ params.output }}"
    )

    # [START howto_review_duplicates]
    @task
    def side_by_side(groups_path: str) -> str:
        """Return a Markdown table of the first pictures; a group's keeper comes first."""
        lines = ["| keep? | picture | bits away | name |", "|---|---|---:|---|"]
        for row in list(read_table(groups_path))[:40]:
            thumbnail = thumbnail_url(row["url"], 200, 150)
            keep = "**keep**" if row["keep"] else ""
            lines.append(f"| {keep} | ![]({thumbnail}) | {row['distance']} | {row['path']} |")
        return "\n".join(lines)

    approve = ApprovalOperator(
        task_id="approve",
        subject="Near-duplicates: keep the suggested pictures?",
        body=side_by_side(find.output["groups_path"]),  # type: ignore[arg-type]
        defaults="Reject",
        response_timeout=timedelta(days=2),
    )
    # [END howto_review_duplicates]

    @task
    def archive(groups_path: str) -> list[str]:
        """Return what you may move or tag now; nothing in this provider deletes a picture."""
        return [row["id"] for row in read_table(groups_path) if not row["keep"]]

    approve >> archive(find.output["groups_path"])
