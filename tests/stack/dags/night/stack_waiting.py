"""
### Waiting sensors

Fifty sensors each wait for a picture.
"""

from __future__ import annotations

import json
import os

from airflow_provider_imagekit.compat import DAG
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

# For each sensor, the file that it waits for and the pHash that this file will have.
PICTURES = json.loads(os.environ["IMAGEKIT_STACK_PICTURES"])
COMMON = {"max_distance": 4, "deferrable": True, "poke_interval": 5}

with DAG("stack_waiting", schedule=None, catchup=False, max_active_tasks=100, default_args={"retries": 0}):
    waits = PHashDistanceSensor.partial(task_id="waits", timeout=3600, **COMMON)
    waits.expand_kwargs(PICTURES)
