"""
### Keep a table of the whole library, every night

One task updates a Parquet table of the library's metadata: the first run fetches every file, later runs only
new and changed files, and a killed run resumes where it stopped. Another task queries the table with DuckDB.
In production, use a path such as `s3://aws_default@bucket/library.parquet`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pendulum

from airflow_provider_imagekit.compat import DAG, Asset, Param, task
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
TABLE = str(HOME / "imagekit" / "library.parquet")

with DAG(
    dag_id="example_imagekit_library_nightly",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    params={
        "table": Param(TABLE, type="string", description="Path of the table, on disk or in object storage"),
        "dry_run": Param(default=False, type="boolean", description="Only report the number of calls"),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    # [START howto_operator_library_metadata]
    library = LibraryMetadataOperator(
        task_id="library",
        file_type="image",
        output_path="{{ params.table }}",
        timezone="Europe/Berlin",
        dry_run="{{ params.dry_run }}",
        max_failed="1%",
        outlets=[Asset("imagekit-library")],
    )
    # [END howto_operator_library_metadata]

    @task
    def cameras(table: dict[str, Any]) -> list[dict[str, Any]]:
        """Count pictures by camera; DuckDB reads only the columns it needs, also from s3:// and gs://."""
        import duckdb

        if table["dry_run"]:
            return []
        rows = duckdb.execute(
            """
            SELECT coalesce(camera_model, 'unknown'), count(*), count(DISTINCT phash)
            FROM read_parquet(?) WHERE deleted_at IS NULL AND error IS NULL
            GROUP BY 1 ORDER BY 2 DESC, 1
            """,
            [table["path"]],
        ).fetchall()
        return [dict(zip(("camera", "pictures", "distinct"), row, strict=True)) for row in rows]

    cameras(library.output)
