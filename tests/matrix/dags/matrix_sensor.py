"""The sensor in both of its ways to wait."""

from __future__ import annotations

import pendulum

from airflow_provider_imagekit.compat import DAG
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

ENDPOINT = "{{ conn.imagekit_default.extra_dejson.url_endpoint }}"

with DAG("matrix_sensor", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    for deferrable in (False, True):
        PHashDistanceSensor(
            task_id="deferred" if deferrable else "poked",
            url=ENDPOINT + "/variants/mountain-lake-watermarked.jpg",
            reference_url=ENDPOINT + "/landscapes/mountain-lake.jpg",
            max_distance=8,
            deferrable=deferrable,
            poke_interval=5,
            timeout=60,
        )
