"""
### Start when the library's table was updated

`example_imagekit_library_nightly` updates the asset `imagekit-library`. The extra of each event contains the
path of the table and the counts of changes. The event starts this DAG, which reads them. A manual run has no
event.
"""

from __future__ import annotations

from typing import Any

import pendulum

from airflow_provider_imagekit.compat import AIRFLOW_3, DAG, Asset, task

LIBRARY = Asset("imagekit-library")

with DAG(
    dag_id="example_imagekit_after_library",
    schedule=[LIBRARY],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    # [START howto_read_asset_event]
    @task
    def what_changed(**context: Any) -> list[dict[str, Any]]:
        """Return path and counts of each update since this DAG's last run."""
        events = context["triggering_asset_events" if AIRFLOW_3 else "triggering_dataset_events"]
        extras = [event.extra for updates in events.values() for event in updates]
        return [{"path": extra["path"], "counts": extra.get("counts")} for extra in extras]

    # [END howto_read_asset_event]

    @task
    def report(updates: list[dict[str, Any]]) -> str:
        return f"Updates: {', '.join(update['path'] for update in updates) or 'none'}"

    report(what_changed())
