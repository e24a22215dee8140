"""
### Check all deliveries before a migration

Before traffic moves to a new origin, URL endpoint or set of transformations, this DAG checks that every
delivery shows the approved master, in the requested dimensions and formats, and within a maximum size. One
mapped task per picture checks all of its variants, and fails with a list of all problems.
"""

from __future__ import annotations

from typing import Any

import pendulum

from airflow_provider_imagekit.compat import DAG, Param, task
from airflow_provider_imagekit.operators.transformations import TransformationCheckOperator

ENDPOINT = "{{ conn.imagekit_default.extra_dejson.get('url_endpoint', '') }}"
#: Requirements by transformation.
VARIANTS: dict[str, dict[str, Any]] = {
    "w-160,h-160,c-at_max": {"width": 160, "max_bytes": 30_000},
    "w-480,f-webp": {"width": 480, "format": "webp"},
    "w-480,q-40,f-jpg": {"width": 480, "format": "jpg", "max_distance": "strict", "max_bytes": 60_000},
}

with DAG(
    dag_id="example_imagekit_migration_check",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={
        "pictures": Param(
            ["/landscapes/lavender-field.jpg", "/landscapes/desert-dunes.jpg"],
            type="array",
            description="Paths of the masters",
        ),
        "new_endpoint": Param(None, type=["null", "string"], description="Default: that of the Connection"),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):

    @task
    def deliveries(old: str, new: str, params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        return [
            {
                "url": f"{old}{path}",
                "variants": [
                    {"url": f"{new or old}{path}?tr={name}", **required}
                    for name, required in VARIANTS.items()
                ],
            }
            for path in (params or {})["pictures"]
        ]

    # [START howto_operator_transformation_check]
    check = TransformationCheckOperator.partial(task_id="check", max_distance="near_duplicate").expand_kwargs(
        deliveries(ENDPOINT, "{{ params.new_endpoint or '' }}")
    )
    # [END howto_operator_transformation_check]

    @task
    def switch(reports: list[dict[str, Any]]) -> str:
        return f"All {sum(report['checked'] for report in reports)} deliveries are correct. Switch over."

    switch(check.output)
