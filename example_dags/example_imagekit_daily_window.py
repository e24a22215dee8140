"""
### One table for each day's uploads

The table of a run contains the files created in the 24 hours before the end of its data interval. The end is
midnight on every Airflow. The start is the midnight before on Airflow 2, and the same midnight on Airflow 3,
whose cron schedules have no interval. For a run without a logical date, the day ends when the run was
requested, or at `params.end`. A day always yields the same files, so a backfill can be repeated.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pendulum

from airflow_provider_imagekit.compat import DAG, Param, task
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
END = (
    "{% set end = params.end or (data_interval_end if data_interval_end is defined else None)"
    " or dag_run.run_after %}"
    "{% set end = macros.datetime.fromisoformat(end | string) %}"
)

with DAG(
    dag_id="example_imagekit_daily_window",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={
        "folder": Param((HOME / "imagekit" / "days").as_uri(), type="string"),
        "end": Param(None, type=["null", "string"], description="End of the day, such as 2026-03-02T00:00Z"),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    # [START howto_operator_library_metadata_window]
    day = LibraryMetadataOperator(
        task_id="day",
        file_type="image",
        created_after=END + "{{ end - macros.timedelta(days=1) }}",
        created_before=END + "{{ end }}",
        output_path="{{ params.folder }}/" + END + "{{ end.strftime('%Y-%m-%dT%H%M%S') }}.jsonl",
    )
    # [END howto_operator_library_metadata_window]

    @task
    def report(table: dict[str, Any]) -> str:
        return f"{table['counts']['rows']} files uploaded, listed in {table['path']}."

    report(day.output)
