"""
### Block banned pictures

A bank is a file of hashes, here of pictures that must not be published. The DAG continues only if the upload
is similar to none of them. An undecidable upload (a video, a black picture) is stopped, too. XCom contains
the nearest banned picture.
"""

from __future__ import annotations

import json
import os
import tempfile

import pendulum

from airflow_provider_imagekit.compat import DAG, ObjectStoragePath, Param, task
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.phash import PHashShortCircuitOperator

ENDPOINT = "{{ conn.imagekit_default.extra_dejson.get('url_endpoint', '') }}"
HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())

with DAG(
    dag_id="example_imagekit_banned_images",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={
        "upload": Param("/products/mug.jpg", type="string", description="The uploaded picture"),
        "banned": Param("/banners", type="string", description="Folder of the banned pictures"),
        "bank": Param(
            f"file://{HOME}/imagekit/banned.jsonl", type="string", description="File for their hashes"
        ),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):

    @task
    def write_bank(folder: str, path: str) -> str:
        """Write the bank; any JSONL, CSV or Parquet file with a name and a hash per row will do."""
        hook, bank = ImageKitHook(), ObjectStoragePath(path)
        files = hook.list_files(path=folder, file_type="image", limit=100)
        rows = [
            {"id": file["filePath"], "pHash": str(hook.get_phash(file_id=file["fileId"]))} for file in files
        ]
        bank.parent.mkdir(parents=True, exist_ok=True)
        with bank.open("w") as file:
            file.write("".join(f"{json.dumps(row)}\n" for row in rows))
        return path

    # [START howto_operator_phash_short_circuit]
    not_banned = PHashShortCircuitOperator(
        task_id="not_banned",
        url=ENDPOINT + "{{ params.upload }}",
        reference_bank=write_bank("{{ params.banned }}", "{{ params.bank }}"),
        max_distance="near_duplicate",
        continue_if="different",
        on_undecidable="skip",
    )
    # [END howto_operator_phash_short_circuit]

    @task
    def publish(nearest: str, distance: int) -> str:
        return f"Published: the nearest banned picture, {nearest}, is {distance} of 64 bits away."

    publish(not_banned.output["reference_id"], not_banned.output["distance"])
