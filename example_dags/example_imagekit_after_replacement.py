"""
### Start when a picture was replaced

`example_imagekit_hero_replaced` updates the asset `imagekit-hero` when the picture looks different. The extra
of the event contains the file, its version, the distance and the new hash. The event starts this DAG, which
reads them. A manual run has no event.
"""

from __future__ import annotations

from typing import Any

import pendulum

from airflow_provider_imagekit.compat import AIRFLOW_3, DAG, Asset, task

HERO = Asset("imagekit-hero")

with DAG(
    dag_id="example_imagekit_after_replacement",
    schedule=[HERO],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    # [START howto_read_replacement_event]
    @task
    def replacements(**context: Any) -> list[dict[str, Any]]:
        """Return file, version, distance and hash of each replacement since this DAG's last run."""
        events = context["triggering_asset_events" if AIRFLOW_3 else "triggering_dataset_events"]
        names = ("file_id", "version_id", "distance", "phash")
        return [{name: event.extra.get(name) for name in names} for each in events.values() for event in each]

    # [END howto_read_replacement_event]

    @task
    def report(replaced: list[dict[str, Any]]) -> str:
        texts = (
            "{file_id} has version {version_id} and pHash {phash}, {distance} bits away".format(**each)
            for each in replaced
        )
        return "; ".join(texts) or "nothing was replaced"

    report(replacements())
