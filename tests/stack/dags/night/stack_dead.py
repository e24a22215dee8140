"""
### An unresponsive account

Sensors of an account whose host accepts connections and does not respond.
"""

from __future__ import annotations

import json
import os

from airflow_provider_imagekit.compat import DAG
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

PICTURES = json.loads(os.environ["IMAGEKIT_STACK_PICTURES"])[:20]

with DAG("stack_dead", schedule=None, catchup=False, max_active_tasks=100, default_args={"retries": 0}):
    PHashDistanceSensor.partial(
        task_id="waits",
        imagekit_conn_id="dead",
        max_distance=4,
        deferrable=True,
        poke_interval=5,
        timeout=3600,
    ).expand_kwargs(PICTURES)
