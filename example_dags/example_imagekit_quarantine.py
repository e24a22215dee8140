"""
### Quarantine what looks like the catalogue, and remember what a person decides

What has arrived in a folder is compared with the catalogue. A near-duplicate is unpublished and gets the tag
`quarantine`. A person looks at both on the page of the search, and gives the file the tag `approved` in
ImageKit's dashboard if it is another picture. The next run publishes it and remembers the pairs, which never
come back. On Airflow 3.1 and later a person can be asked in Airflow instead, as the review example does.
"""

from __future__ import annotations

import json
import os
import tempfile

import pendulum

from airflow_provider_imagekit.compat import DAG, ObjectStoragePath, Param, task
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.object_storage import read_table
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator

HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())
OUTPUT = "{{ params.output }}"
FOUND, DECISIONS = f"{OUTPUT}/found", f"{OUTPUT}/different.jsonl"

with DAG(
    dag_id="example_imagekit_quarantine",
    schedule=None,  # or an asset whose watcher sees new files
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    params={
        "arrivals": Param("/variants", type="string", description="Where uploads arrive"),
        "catalogue": Param("/products", type="string", description="What they must not resemble"),
        "since": Param("2026-01-01", type="string", description="Only files that arrived since then"),
        "output": Param(f"file://{HOME}/imagekit/arrivals", type="string", description="Such as s3://b/x"),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):

    @task
    def remember(folder: str, decisions: str, pairs: str) -> list[str]:
        """Add the pairs of approved files that the last run found; return the files to publish."""
        hook, path = ImageKitHook(), ObjectStoragePath(decisions)
        files = hook.list_files(path=folder)
        ids = {file["fileId"] for file in files if "approved" in (file["tags"] or ())}
        found = [row for row in (read_table(pairs) if ids else ()) if {row["id"], row["other_id"]} & ids]
        before = path.read_text() if found and path.exists() else ""
        if found:
            path.write_text(before + "".join(f"{json.dumps(pair)}\n" for pair in found))
        return sorted(ids)

    arrivals = LibraryMetadataOperator(
        task_id="arrivals",
        path="{{ params.arrivals }}",
        created_after="{{ params.since }}",
        output_path=f"{OUTPUT}/arrivals.jsonl",
    )
    catalogue = LibraryMetadataOperator(
        task_id="catalogue", path="{{ params.catalogue }}", output_path=f"{OUTPUT}/catalogue.jsonl"
    )

    # [START howto_quarantine]
    publish = UpdateFilesOperator(
        task_id="publish",
        file_ids=remember("{{ params.arrivals }}", DECISIONS, f"{FOUND}/pairs.jsonl"),  # type: ignore[arg-type]
        remove_tags=["quarantine", "approved"],
        published=True,
    )
    find = FindNearDuplicatesOperator(
        task_id="find",
        input_path=arrivals.output["path"],
        reference_path=catalogue.output["path"],
        not_duplicates_path=DECISIONS,
        output_path=FOUND,
    )
    quarantine = UpdateFilesOperator(
        task_id="quarantine",
        input_path=find.output["groups_path"],
        where={"keep": False, "origin": "new"},
        add_tags=["quarantine"],
        published=False,
    )
    # [END howto_quarantine]
    publish >> [arrivals, catalogue] >> find >> quarantine
