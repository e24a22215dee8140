"""
### Publish only what looks like the approved master

A partner delivers a copy of a picture. The sensor waits, without occupying a worker slot, until the copy
exists and looks like the master. Only then do the downstream tasks run. The sensor compares perceptual
hashes: a resized or recompressed copy passes, a different picture does not.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum

from airflow_provider_imagekit.compat import DAG, Param, task
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

ENDPOINT = "{{ conn.imagekit_default.extra_dejson.get('url_endpoint', '') }}"

with DAG(
    dag_id="example_imagekit_similarity_gate",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={
        "candidate": Param(
            "/variants/mountain-lake-watermarked.jpg", type="string", description="The delivered copy"
        ),
        "master": Param("/landscapes/mountain-lake.jpg", type="string", description="The approved picture"),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    # [START howto_sensor_phash_similar]
    looks_like_master = PHashDistanceSensor(
        task_id="looks_like_master",
        url=ENDPOINT + "{{ params.candidate }}",
        reference_url=ENDPOINT + "{{ params.master }}",
        max_distance=8,
        deferrable=True,
        poke_interval=30,
        timeout=timedelta(hours=6).total_seconds(),
    )
    # [END howto_sensor_phash_similar]

    @task
    def publish(verdict: dict[str, Any]) -> str:
        return f"Published: {verdict['distance']} of 64 bits differ, {verdict['similarity']:.0%} similar."

    publish(looks_like_master.output)
