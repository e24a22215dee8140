"""
### Start when a picture is uploaded, and fetch its metadata

A watcher polls a folder for new pictures every minute. With `webhook_secrets` and `webhook_assets` in the
Airflow Connection, ImageKit's webhooks start the DAG within a second, and the watcher reports only pictures
that they missed. The DAG lists the new pictures itself instead of relying on the events. A manual run has no
event. Needs Airflow 3.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import AssetWatcher

from airflow_provider_imagekit.compat import DAG, Asset, task
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator
from airflow_provider_imagekit.triggers.files import ImageKitFilesTrigger

FOLDER = "/products"

# [START howto_trigger_files]
# With the delay, the webhook (if there is one) reports a new file before the watcher does.
trigger = ImageKitFilesTrigger(path=FOLDER, file_type="image", kinds=["new"], poll_interval=60, delay=15)
PICTURES = Asset("imagekit-pictures", watchers=[AssetWatcher(name="uploads", trigger=trigger)])
# [END howto_trigger_files]

with DAG(
    dag_id="example_imagekit_on_upload",
    schedule=[PICTURES],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    tags=["example", "imagekit"],
    doc_md=__doc__,
):

    @task
    def new_pictures(**context: Any) -> list[str]:
        """Return the ids of the pictures created since the first event, at most 1,000."""
        events = [event for found in context["triggering_asset_events"].values() for event in found]
        starts = [event.extra["payload"]["from"] for event in events if event.extra.get("payload")]
        if not any(starts):
            return []
        search = f'createdAt >= "{min(filter(None, starts))}"'
        files = ImageKitHook().list_files(path=FOLDER, search_query=search, file_type="image", limit=1000)
        return [file["fileId"] for file in files]

    FileMetadataOperator.partial(
        task_id="metadata", fields=["width", "height", "pHash"], on_missing="skip"
    ).expand(file_id=new_pictures())
