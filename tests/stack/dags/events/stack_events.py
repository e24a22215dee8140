"""DAGs that start when a file arrives."""

from __future__ import annotations

from airflow.sdk import DAG, Asset, AssetWatcher, task

from tests.stack.killing import KillingTrigger

trigger = KillingTrigger(kinds=["new"], poll_interval=5, delay=0)
uploads = Asset("uploads", watchers=[AssetWatcher(name="uploads", trigger=trigger)])
received = Asset("received")

with DAG("stack_events", schedule=[uploads], catchup=False):

    @task
    def count(triggering_asset_events=None):
        return [
            event.extra["payload"]["count"] for events in triggering_asset_events.values() for event in events
        ]

    count()

with DAG("stack_webhooks", schedule=[received], catchup=False):

    @task
    def names(triggering_asset_events=None):
        return [
            file["filePath"]
            for events in triggering_asset_events.values()
            for event in events
            for file in event.extra["payload"]["files"]
        ]

    names()
