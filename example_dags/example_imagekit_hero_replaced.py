"""
### Start a campaign when the hero picture was replaced

The first tasks fetch the current hash of the picture. The sensor waits until the picture looks different,
regardless of how the new file was uploaded. It ignores the same picture saved again, resized or recompressed.
`example_imagekit_after_replacement` starts when the picture was replaced.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum

from airflow_provider_imagekit.compat import DAG, Asset, Param, task
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

with DAG(
    dag_id="example_imagekit_hero_replaced",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={
        "path": Param("/banners/hero.jpg", type="string", description="The picture that will be replaced")
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):

    @task
    def find_file(path: str) -> str:
        return str(ImageKitHook().find_file(path)["fileId"])

    # [START howto_sensor_phash_replaced]
    hero = find_file("{{ params.path }}")
    now = FileMetadataOperator(task_id="now", file_id=hero, fields=["pHash"])

    replaced = PHashDistanceSensor(
        task_id="replaced",
        file_id=hero,
        reference_phash=now.output["pHash"],
        min_distance=16,
        deferrable=True,
        poke_interval=5,
        timeout=timedelta(days=2).total_seconds(),
        outlets=[Asset("imagekit-hero")],
    )
    # [END howto_sensor_phash_replaced]

    @task
    def start_campaign(verdict: dict[str, Any]) -> str:
        return (
            f"The hero picture was replaced ({verdict['distance']} of 64 bits differ): the campaign starts."
        )

    start_campaign(replaced.output)
