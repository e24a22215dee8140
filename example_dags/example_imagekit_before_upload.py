"""
### Is it in the library already?

The hash of a file that is not uploaded yet is computed here by ImageKit's recipe (extra `pillow`) and
compared with a folder of the library. It may be a few bits off what ImageKit computes, so compare with a
radius, never for equality. Three ways lead on: the library has it, it is new, or it cannot be decided.
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
    def hash_file(address: str) -> str:
        from airflow_provider_imagekit.pictures import phash_of_file

        answer = requests.get(address, timeout=60)  # or a path on this machine: phash_of_file(path)
        answer.raise_for_status()
        return str(phash_of_file(answer.content))

    library = LibraryMetadataOperator(
        task_id="library", path="/products", output_path=f"file://{HOME}/imagekit/products.jsonl"
    )
    # [START howto_operator_phash_branch]
    there_already = PHashBranchOperator(
        task_id="there_already",
        phash=hash_file(ENDPOINT + "{{ params.offered }}"),
        reference_bank=library.output["path"],
        follow_task_ids_if_similar="use_what_is_there",
        follow_task_ids_if_different="upload",
        follow_task_ids_if_undecidable="ask_somebody",
    )

    # [END howto_operator_phash_branch]
    @task
    def use_what_is_there(distance: int) -> str:
        return f"Nothing to upload: the library has it, {distance} of 64 bits away."

    @task
    def upload() -> str:
        return "It is new: upload it."

    @task
    def ask_somebody() -> str:
        return "A flat picture: look at it."

    there_already >> [use_what_is_there(there_already.output["distance"]), upload(), ask_somebody()]
