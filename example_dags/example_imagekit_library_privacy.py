"""
### Find pictures that reveal where they were taken

Coordinates in published pictures reveal homes and secret places. The table does not contain them here
(`gps="drop"` is the default), but its column `has_gps` shows which files do, so that they can be removed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pendulum

from airflow_provider_imagekit.compat import DAG, ObjectStoragePath, Param, task
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
TABLE = (HOME / "imagekit" / "privacy.jsonl").as_uri()

with DAG(
    dag_id="example_imagekit_library_privacy",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={
        "table": Param(TABLE, type="string", description="Path of the table, on disk or in object storage")
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    # [START howto_operator_library_metadata_privacy]
    library = LibraryMetadataOperator(
        task_id="library",
        file_type="image",
        output_path="{{ params.table }}",
        gps="drop",
        personal="drop",
    )
    # [END howto_operator_library_metadata_privacy]

    @task
    def with_coordinates(table: dict[str, Any]) -> list[str]:
        """Return the paths of all files with coordinates."""
        rows = map(json.loads, ObjectStoragePath(table["path"]).read_text().splitlines())
        return [row["path"] for row in rows if row["has_gps"] and not row["deleted_at"]]

    @task
    def report(paths: list[str]) -> str:
        """Replace this with a message to the people who can remove the coordinates."""
        return f"Pictures that show where they were taken: {len(paths)}, such as {', '.join(paths[:5])}"

    report(with_coordinates(library.output))
