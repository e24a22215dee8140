"""
### What must survive the night

Fifty sensors wait for a picture each, and a few tasks end as Airflow's sensor contract says.
"""

from __future__ import annotations

import json
import os

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_imagekit.operators.metadata import FileMetadataOperator
from airflow_provider_imagekit.retry_policy import ImageKitRetryPolicy
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

# For each sensor the file that it waits for, and the pHash that this file will have.
PICTURES = json.loads(os.environ["IMAGEKIT_STACK_PICTURES"])
NEVER = {"file_id": "f" * 24, "reference_phash": "f06830ca9f1e3e90"}
COMMON = {"max_distance": 4, "deferrable": True, "poke_interval": 5}

with DAG("stack_waiting", schedule=None, catchup=False, max_active_tasks=100, default_args={"retries": 0}):
    waits = PHashDistanceSensor.partial(task_id="waits", timeout=3600, **COMMON)
    waits.expand_kwargs(PICTURES)

with DAG("stack_contract", schedule=None, catchup=False, max_active_tasks=100, default_args={"retries": 0}):
    PHashDistanceSensor(task_id="times_out", timeout=15, retries=3, **NEVER, **COMMON)
    PHashDistanceSensor(task_id="times_out_softly", timeout=15, soft_fail=True, **NEVER, **COMMON)
    PHashDistanceSensor(
        task_id="wrong_key", imagekit_conn_id="imagekit_wrong", soft_fail=True, **NEVER, **COMMON
    )
    PHashDistanceSensor(
        task_id="wrong_key_with_policy",
        imagekit_conn_id="imagekit_wrong",
        retries=5,
        retry_policy=ImageKitRetryPolicy(),
        **NEVER,
        **COMMON,
    )
    PHashDistanceSensor(task_id="is_cleared", timeout=3600, **NEVER, **COMMON)
    PHashDistanceSensor(task_id="is_marked_success", timeout=3600, **NEVER, **COMMON)
    FileMetadataOperator(
        task_id="operator_with_wrong_key", imagekit_conn_id="imagekit_wrong", file_id="f" * 24, retries=5
    )
