"""
### Metadata of a whole folder

One task lists a folder, one mapped task instance per picture fetches its metadata, and a last task summarizes
the results. Mapping suits a few hundred files: Airflow maps at most 1,024 by default, and every file costs
one call.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pendulum

from airflow_provider_imagekit.compat import DAG, Param, task
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator

with DAG(
    dag_id="example_imagekit_mapped_listing",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={"folder": Param("/products", type="string", description="A folder of the library")},
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    # [START howto_operator_file_metadata_mapped]
    @task
    def list_pictures(folder: str) -> list[str]:
        files = ImageKitHook().list_files(path=folder, file_type="image", limit=500)
        return [file["fileId"] for file in files]

    metadata = FileMetadataOperator.partial(
        task_id="metadata",
        fields=["width", "height", "size", "format", "hasTransparency", "pHash"],
        max_active_tis_per_dag=8,
    ).expand(file_id=list_pictures("{{ params.folder }}"))
    # [END howto_operator_file_metadata_mapped]

    @task
    def sum_up(pictures: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "pictures": len(pictures),
            "formats": dict(Counter(picture["format"] for picture in pictures)),
            "bytes": sum(picture["size"] for picture in pictures),
            "too_small": sum(picture["width"] < 600 for picture in pictures),
        }

    sum_up(metadata.output)
