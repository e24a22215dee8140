"""The trigger of a watcher detects an upload, and the DAG fetches the metadata of the new file."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit.compat import DAG, Asset, BaseOperator, task
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator
from airflow_provider_imagekit.triggers.files import ImageKitFilesTrigger


class WatchOperator(BaseOperator):
    """Waits for the first event of an AssetWatcher's trigger, because ``dag.test()`` runs no watchers."""

    def execute(self, context: Any) -> None:  # noqa: ARG002 - Airflow's signature
        trigger = ImageKitFilesTrigger(path="/incoming", kinds=["new"], poll_interval=5)
        self.defer(trigger=trigger, method_name="report")

    def report(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return event


with DAG(dag_id="imagekit_demo_watch", schedule=None, catchup=False, tags=["imagekit"], doc_md=__doc__):
    watch = WatchOperator(task_id="watch", outlets=[Asset("imagekit-uploads")])

    @task
    def first(event: dict[str, Any]) -> str:
        return str(event["files"][0]["fileId"])

    FileMetadataOperator(task_id="metadata", file_id=first(watch.output), fields=["width", "height", "pHash"])
