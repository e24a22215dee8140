"""
### Check before an upload whether the library has the picture

The worker hashes the file with ImageKit's algorithm (extra `pillow`) and compares it with a folder of the
library. The hash may differ by a few bits from ImageKit's, so compare with a radius. The DAG has three
branches: the library has the picture, it is new, or the comparison is undecidable.
"""

from __future__ import annotations

import os
import tempfile

import pendulum
import requests

from airflow_provider_imagekit.compat import DAG, Param, task
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.phash import PHashBranchOperator

HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())
ENDPOINT = "{{ conn.imagekit_default.extra_dejson.get('url_endpoint', '') }}"

with DAG(
    dag_id="example_imagekit_before_upload",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={"offered": Param("/variants/wristwatch-watermarked.jpg", type="string", description="A file")},
    tags=["example", "imagekit"],
    doc_md=__doc__,
):

    @task
    def hash_file(url: str) -> str:
        from airflow_provider_imagekit.phash.pictures import phash_of_file

        response = requests.get(url, timeout=60)  # for a file on the worker: phash_of_file(path)
        response.raise_for_status()
        return str(phash_of_file(response.content))

    library = LibraryMetadataOperator(
        task_id="library", path="/products", output_path=f"file://{HOME}/imagekit/products.jsonl"
    )
    # [START howto_operator_phash_branch]
    in_library = PHashBranchOperator(
        task_id="in_library",
        phash=hash_file(ENDPOINT + "{{ params.offered }}"),
        reference_bank=library.output["path"],
        follow_task_ids_if_similar="use_existing",
        follow_task_ids_if_different="upload",
        follow_task_ids_if_undecidable="review",
    )

    # [END howto_operator_phash_branch]
    @task
    def use_existing(distance: int) -> str:
        return f"Nothing to upload: the library has a picture at a distance of {distance} of 64 bits."

    @task
    def upload() -> str:
        return "The picture is new: upload it."

    @task
    def review() -> str:
        return "The picture has no usable hash: review it."

    in_library >> [use_existing(in_library.output["distance"]), upload(), review()]
