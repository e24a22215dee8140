"""
### Check the quality of a folder's pictures

The DAG builds a table of the folder and checks rules on it: a minimum width, the shop's aspect ratio, an
embedded colour profile. The severity of a rule selects whether breaking it fails the run, logs a warning, or
selects another branch.
"""

from __future__ import annotations

import os
from pathlib import Path

import pendulum

from airflow_provider_imagekit.compat import DAG, Param, task
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.quality import ImageQualityOperator

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
TABLE = (HOME / "imagekit" / "quality.jsonl").as_uri()

with DAG(
    dag_id="example_imagekit_library_quality",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={
        "table": Param(TABLE, type="string", description="Path of the table, on disk or in object storage"),
        "folder": Param("/products", type="string"),
        "min_width": Param(1000, type="integer", description="Minimum width in pixels"),
        "severity": Param("branch", enum=["fail", "warn", "branch"]),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    library = LibraryMetadataOperator(
        task_id="library", path="{{ params.folder }}", file_type="image", output_path="{{ params.table }}"
    )
    # [START howto_library_quality_gate]
    quality = ImageQualityOperator(
        task_id="quality",
        input_path=library.output["path"],
        output_path="{{ params.table }}.violations.jsonl",
        rules=[
            {"rule": "readable"},
            {"rule": "min_width", "value": "{{ params.min_width }}", "severity": "{{ params.severity }}"},
            {
                "rule": "expression",
                "value": "0.5 <= width / height <= 2",
                "severity": "{{ params.severity }}",
            },
            {"rule": "color_profile", "severity": "warn"},
        ],
        follow_task_ids_if_passed="publish",
        follow_task_ids_if_broken="review",
    )
    # [END howto_library_quality_gate]

    library >> quality
    quality >> [
        task(task_id="publish")(lambda: "published")(),
        task(task_id="review")(lambda: "sent to review")(),
    ]
