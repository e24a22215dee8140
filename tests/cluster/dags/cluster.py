"""
### A library on several machines

Its table in parts and by one worker, near-duplicates, a bank, and pictures that are added later; all on S3.
"""

from __future__ import annotations

import json
import os

from airflow_provider_imagekit.compat import DAG
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.phash import PHashShortCircuitOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

STORE = os.environ["IMAGEKIT_CLUSTER_STORE"]
PARTS = int(os.environ["IMAGEKIT_CLUSTER_PARTS"])
# For each sensor, the file that it waits for and the pHash that this file will have.
PICTURES = json.loads(os.environ["IMAGEKIT_CLUSTER_PICTURES"])
FOLDER = "/catalogue"
COMMON = {"schedule": None, "catchup": False, "max_active_tasks": 100, "default_args": {"retries": 2}}

with DAG("cluster_parts", **COMMON):
    files = ListFilesOperator(
        task_id="files", path=FOLDER, output_path=f"{STORE}/listing.jsonl", batches=PARTS
    )
    LibraryMetadataOperator.partial(
        task_id="parts", output_path=f"{STORE}/parts/part-{{{{ ti.map_index }}}}.parquet"
    ).expand(input_path=files.output)

with DAG("cluster_single", **COMMON):
    single = LibraryMetadataOperator(task_id="single", path=FOLDER, output_path=f"{STORE}/single.parquet")
    near = FindNearDuplicatesOperator(
        task_id="near", input_path=f"{STORE}/single.parquet", output_path=f"{STORE}/near"
    )
    known = PHashShortCircuitOperator(
        task_id="known",
        phash=PICTURES[0]["reference_phash"],
        reference_bank=f"{STORE}/single.parquet",
        continue_if="different",
        max_distance=0,
    )
    single >> [near, known]

with DAG("cluster_waiting", **COMMON):
    waits = PHashDistanceSensor.partial(
        task_id="waits", max_distance=4, deferrable=True, poke_interval=10, timeout=3600
    )
    waits.expand_kwargs(PICTURES)
