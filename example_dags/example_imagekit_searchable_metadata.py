"""
### Make metadata searchable in ImageKit

The capture time, the camera, the pHash and the original of a near-duplicate become custom metadata of the
files. Users can then search for them in ImageKit's dashboard; the last task does so with the API. Rows of
failed and deleted files are skipped. `dry_run` logs the plan and changes nothing.
"""

from __future__ import annotations

import os
import tempfile

import pendulum

from airflow_provider_imagekit.compat import DAG, Param
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator

HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())
OUTPUT = "{{ params.output }}/{{ run_id }}"

with DAG(
    dag_id="example_imagekit_searchable_metadata",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={
        "folder": Param("/landscapes", type="string", description="A folder of the library"),
        "output": Param(f"file://{HOME}/imagekit/search", type="string", description="Such as s3://bucket/x"),
        "dry_run": Param(default=False, type="boolean", description="Only log the plan"),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    library = LibraryMetadataOperator(
        task_id="library", path="{{ params.folder }}", output_path=f"{OUTPUT}/library.jsonl"
    )
    find = FindNearDuplicatesOperator(
        task_id="find", input_path=library.output["path"], output_path=f"{OUTPUT}/groups"
    )

    # [START howto_operator_update_files]
    facts = UpdateFilesOperator(
        task_id="facts",
        input_path=library.output["path"],
        where={"deleted_at": None, "error": None},
        custom_metadata_columns={"captured_at": "captured_at", "camera": "camera_model", "phash": "phash"},
        create_fields={"captured_at": "Date", "camera": "Text", "phash": "Text"},
        output_path=f"{OUTPUT}/facts.jsonl",
        dry_run="{{ params.dry_run }}",
    )
    near_duplicates = UpdateFilesOperator(
        task_id="near_duplicates",
        input_path=find.output["groups_path"],
        where={"keep": False},
        custom_metadata_columns={"near_duplicate_of": "keeper_id"},
        create_fields={"near_duplicate_of": "Text"},
        dry_run="{{ params.dry_run }}",
    )
    # [END howto_operator_update_files]

    search = ListFilesOperator(
        task_id="search", search_query='"customMetadata.camera" = "Canon EOS R6"', fields=["filePath"]
    )
    [facts, near_duplicates] >> search
