"""
### Labels, mapped groups and links on a metadata database that enforces its columns' lengths

A URL of more than 250 characters, a gate that closes inside a mapped task group, native rendering, a failure.
"""

from __future__ import annotations

import json
import os

import pendulum

from airflow_provider_imagekit.compat import DAG, task, task_group
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator, RemoteUrlMetadataOperator
from airflow_provider_imagekit.operators.phash import PHashBranchOperator, PHashShortCircuitOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

LONG_URL, LATE_URL = json.loads(os.environ["IMAGEKIT_STACK_URLS"])
PHASH = os.environ["IMAGEKIT_STACK_PHASH"]
DIGITS = "1234567890123456"
FAR = f"{int(PHASH, 16) ^ 0xFFFFFFFF:016x}"
COMMON = {
    "start_date": pendulum.datetime(2026, 1, 1),
    "schedule": None,
    "catchup": False,
    "max_active_tasks": 100,
    "default_args": {"retries": 0},
}

with DAG("stack_mapped", **COMMON):
    RemoteUrlMetadataOperator(task_id="long_url", url=LONG_URL)
    RemoteUrlMetadataOperator.partial(task_id="long_urls").expand(url=[LONG_URL, LONG_URL])
    PHashDistanceSensor.partial(
        task_id="waits", reference_phash=PHASH, max_distance=4, deferrable=True, poke_interval=5, timeout=600
    ).expand(url=[LATE_URL])
    FileMetadataOperator(task_id="fails", file_id="f" * 24)

    @task_group
    def short_circuited(phash: str) -> None:
        gate = PHashShortCircuitOperator(task_id="gate", phash=phash, reference_phash=PHASH, max_distance=4)

        @task
        def behind() -> str:
            return "ran"

        gate >> behind()

    short_circuited.expand(phash=[PHASH, FAR])

    @task_group
    def branched(phash: str) -> None:
        gate = PHashBranchOperator(
            task_id="gate",
            phash=phash,
            reference_phash=PHASH,
            max_distance=4,
            follow_task_ids_if_similar="branched.same",
            follow_task_ids_if_different="branched.other",
        )

        @task
        def same() -> str:
            return "ran"

        @task
        def other() -> str:
            return "ran"

        gate >> [same(), other()]

    branched.expand(phash=[PHASH, FAR])

with DAG("stack_native", render_template_as_native_obj=True, params={"digits": DIGITS}, **COMMON):
    PHashShortCircuitOperator(
        task_id="hash_of_digits",
        phash="{{ params.digits }}",
        reference_phash="{{ params.digits }}",
        max_distance=0,
    )
    PHashShortCircuitOperator.partial(
        task_id="hashes_of_digits", reference_phash="{{ params.digits }}", max_distance=0
    ).expand(phash=["{{ params.digits }}"])
