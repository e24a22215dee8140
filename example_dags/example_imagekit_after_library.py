"""
### Start when the library's table is new

`example_imagekit_library_nightly` updates the asset `imagekit-library`, and each event of it says in its
extra where the table is and what changed. This DAG starts with the event and reads that. A run that somebody
starts by hand has no event.
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
    def tell(updates: list[dict[str, Any]]) -> str:
        return f"Updates: {', '.join(update['path'] for update in updates) or 'none'}"

    tell(what_changed())
