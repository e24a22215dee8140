"""
### Metadata of one file

The API identifies a file by its id, while people use its path. The first task finds the id, the second
fetches the metadata, and the third uses single fields. GPS coordinates are dropped before anything is stored.
"""

from __future__ import annotations

import pendulum

from airflow_provider_imagekit.compat import DAG, Param, task
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator

with DAG(
    dag_id="example_imagekit_file_metadata",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={
        "path": Param("/landscapes/mountain-lake.jpg", type="string", description="A file of the library")
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):

    @task
    def find_file(path: str) -> str:
        return str(ImageKitHook().find_file(path)["fileId"])

    # [START howto_operator_file_metadata]
    metadata = FileMetadataOperator(
        task_id="metadata",
        file_id=find_file("{{ params.path }}"),
        exclude=["exif.gps"],
    )
    # [END howto_operator_file_metadata]

    # [START howto_operator_file_metadata_output]
    @task
    def describe(width: int, height: int, phash: str) -> str:
        return f"{width} x {height} pixels, pHash {phash}"

    describe(metadata.output["width"], metadata.output["height"], metadata.output["pHash"])
    # [END howto_operator_file_metadata_output]
