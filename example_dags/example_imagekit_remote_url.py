"""
### Metadata of remote and transformed URLs

Files of an attached origin (S3, a web server) have no file id; their delivery URL identifies them. A URL with
a transformation returns the metadata of the transformed picture. The URL endpoint comes from the Airflow
Connection.
"""

from __future__ import annotations

import pendulum

from airflow_provider_imagekit.compat import DAG, Param, task
from airflow_provider_imagekit.operators.metadata import RemoteUrlMetadataOperator

URL = "{{ conn.imagekit_default.extra_dejson.get('url_endpoint', '') }}{{ params.path }}"

with DAG(
    dag_id="example_imagekit_remote_url",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={"path": Param("/products/mug.jpg", type="string", description="A path below the URL endpoint")},
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    # [START howto_operator_remote_url_metadata]
    original = RemoteUrlMetadataOperator(task_id="original", url=URL)

    thumbnail = RemoteUrlMetadataOperator(
        task_id="thumbnail",
        url=URL + "?tr=w-200,h-200",
        fields=["width", "height", "size", "pHash"],
    )
    # [END howto_operator_remote_url_metadata]

    @task
    def saved_bytes(before: int, after: int) -> int:
        return before - after

    saved_bytes(original.output["size"], thumbnail.output["size"])
