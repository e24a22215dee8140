"""
### Let no banned picture through

A bank holds the hashes of pictures that must not be published. An upload goes on only if it is like none of
them; one that nobody can decide on (a video, a black picture) stops, too. XCom names what it resembles.
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
        "upload": Param("/products/mug.jpg", type="string", description="What somebody uploaded"),
        "banned": Param("/banners", type="string", description="A folder with the banned pictures"),
        "bank": Param(
            f"file://{HOME}/imagekit/banned.jsonl", type="string", description="File of their hashes"
        ),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):

    @task
    def write_bank(folder: str, path: str) -> str:
        """Yours may come from elsewhere: any JSONL, CSV or Parquet file with a name and a hash in a row."""
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
