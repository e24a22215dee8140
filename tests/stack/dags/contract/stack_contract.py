"""
### Airflow's contract with sensors

Some tasks wait until a test marks or clears them or their picture is added; others end by their arguments.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

from airflow_provider_imagekit.compat import DAG
from airflow_provider_imagekit.hooks.retry_policy import ImageKitRetryPolicy
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from tests.support import AIRFLOW_3

# The file that each sensor waits for, and the pHash of the files that are added later.
FILES = json.loads(os.environ["IMAGEKIT_STACK_FILES"])
PHASH = os.environ["IMAGEKIT_STACK_PHASH"]
WRONG = {"imagekit_conn_id": "imagekit_wrong"}
HOUR = 3600


def sensor(task_id: str, **arguments: Any) -> None:
    """Wait for the task's own file."""
    gate = {"file_id": FILES[task_id], "reference_phash": PHASH, "max_distance": 4}
    PHashDistanceSensor(task_id=task_id, **gate, **{"poke_interval": 5, "timeout": HOUR, **arguments})


def deferrable(task_id: str, **arguments: Any) -> None:
    """Wait in the triggerer."""
    sensor(task_id, deferrable=True, **arguments)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


COMMON = {"catchup": False, "max_active_tasks": 100, "default_args": {"retries": 0}}

with DAG("stack_buttons", schedule=None, **COMMON):
    deferrable("is_cleared")
    deferrable("is_marked_success")
    deferrable("is_marked_failed", retries=1)
    deferrable("is_marked_skipped")
    deferrable("outlives_the_triggerer")

with DAG("stack_contract", schedule=None, **COMMON):
    deferrable("times_out", timeout=10, retries=1)
    deferrable("times_out_softly", timeout=10, soft_fail=True)
    deferrable("wrong_key", soft_fail=True, **WRONG)
    deferrable("wrong_key_is_retried", retries=1, **WRONG)
    FileMetadataOperator(task_id="operator_with_wrong_key", file_id="f" * 24, retries=1, **WRONG)
    if AIRFLOW_3:
        deferrable("wrong_key_with_policy", retries=1, retry_policy=ImageKitRetryPolicy(), **WRONG)

    # ImageKit does not respond to the stuck tasks.
    sensor("poke_too_long", poke_interval=1, execution_timeout=seconds(5), retries=1)
    sensor("poke_too_long_softly", poke_interval=60, execution_timeout=seconds(20), soft_fail=True)
    sensor("poke_stuck", execution_timeout=seconds(5), retries=1)
    sensor("poke_stuck_softly", execution_timeout=seconds(5), soft_fail=True)
    rescheduled = {"mode": "reschedule", "retries": 1}
    # Airflow 3 loses tasks that are rescheduled within about 6 seconds (apache/airflow#71580).
    sensor("reschedule_long", poke_interval=15, timeout=20, execution_timeout=seconds(18), **rescheduled)
    sensor("reschedule_stuck", execution_timeout=seconds(5), **rescheduled)
    sensor("reschedule_stuck_softly", mode="reschedule", execution_timeout=seconds(5), soft_fail=True)
    deferrable("deferrable_stuck", execution_timeout=seconds(5), retries=1)
    deferrable("deferrable_stuck_softly", execution_timeout=seconds(5), soft_fail=True)
    deferrable("deferred_too_long", execution_timeout=seconds(10), retries=1)
    deferrable("deferred_too_long_softly", execution_timeout=seconds(10), soft_fail=True)
    deferrable("deferred_in_time", timeout=10, execution_timeout=seconds(HOUR), retries=1)
