"""
### Check every delivered size

Before a change of origins, CDN or transformation settings, this DAG checks that each delivered width has the
requested dimensions and still shows the same picture. The run fails with a list of all problems.
"""

from __future__ import annotations

from typing import Any

import pendulum

from airflow_provider_imagekit.compat import DAG, AirflowFailException, Param, task
from airflow_provider_imagekit.operators.metadata import RemoteUrlMetadataOperator
from airflow_provider_imagekit.phash import phash_distance

URL = "{{ conn.imagekit_default.extra_dejson.get('url_endpoint', '') }}{{ params.path }}"
WIDTHS = (160, 320, 640)
MAX_DISTANCE = 4

with DAG(
    dag_id="example_imagekit_transformation_check",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={
        "path": Param("/landscapes/lavender-field.jpg", type="string", description="The picture to check")
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    # [START howto_transformation_check]
    original = RemoteUrlMetadataOperator(task_id="original", url=URL)
    delivered = RemoteUrlMetadataOperator.partial(task_id="delivered").expand(
        url=[f"{URL}?tr=w-{width}" for width in WIDTHS]
    )

    @task
    def check(master: dict[str, Any], copies: list[dict[str, Any]]) -> dict[str, int]:
        distances, wrong = {}, []
        for width, copy in zip(WIDTHS, copies, strict=True):
            height = round(width * master["height"] / master["width"])
            distances[f"w-{width}"] = phash_distance(master["pHash"], copy["pHash"])
            if copy["width"] != width or abs(copy["height"] - height) > 1:
                wrong.append(f"w-{width} is {copy['width']} x {copy['height']}, not {width} x {height}")
            if distances[f"w-{width}"] > MAX_DISTANCE:
                wrong.append(f"w-{width} shows another picture ({distances[f'w-{width}']} of 64 bits differ)")
        if wrong:
            raise AirflowFailException("; ".join(wrong))
        return distances

    check(original.output, delivered.output)
    # [END howto_transformation_check]
