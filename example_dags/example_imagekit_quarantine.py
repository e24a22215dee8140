"""
### Quarantine arrivals that look like the catalogue

A watcher starts the DAG when a picture arrives in a folder. If it looks like one of the catalogue, it is
unpublished and tagged `quarantine`. A reviewer compares both on the page of the search, and adds the tag
`approved` in ImageKit's dashboard if they differ. A second watcher then has the file published; approved
files are not compared again. Airflow 2 has no watchers: there a sensor waits for arrivals.
"""

from __future__ import annotations

import os
import tempfile

import pendulum

from airflow_provider_imagekit.compat import AIRFLOW_3, DAG, Asset, Param
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator
from airflow_provider_imagekit.sensors.files import NewFilesSensor
from airflow_provider_imagekit.triggers.files import ImageKitFilesTrigger

HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())
FOLDER, OUTPUT = "/variants", "{{ params.output }}"
APPROVED = 'tags IN ["approved"] AND tags IN ["quarantine"]'

# [START howto_quarantine]
if AIRFLOW_3:
    from airflow.sdk import AssetWatcher

    arrival = AssetWatcher("arrival", ImageKitFilesTrigger(path=FOLDER, kinds=["new"]))
    approval = AssetWatcher("approval", ImageKitFilesTrigger(path=FOLDER, search_query=APPROVED))
    start = Asset("imagekit-arrivals", watchers=[arrival]) | Asset("imagekit-approvals", watchers=[approval])

with DAG(
    dag_id="example_imagekit_quarantine",
    schedule=start if AIRFLOW_3 else "@continuous",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,  # once unpaused, it unpublishes pictures without confirmation
    default_args={"retries": 1},
    params={"output": Param(f"file://{HOME}/imagekit/arrivals", type="string", description="A folder")},
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    approved = ListFilesOperator(task_id="approved", path=FOLDER, search_query=APPROVED, fields=["fileId"])
    publish = UpdateFilesOperator(
        task_id="publish", file_ids=approved.output, remove_tags=["quarantine"], published=True
    )
    arrivals = LibraryMetadataOperator(
        task_id="arrivals",
        path=FOLDER,
        search_query='tags NOT IN ["approved"]',
        max_deleted="100%",  # because all may be approved
        output_path=f"{OUTPUT}/arrivals.jsonl",
    )
    catalogue = LibraryMetadataOperator(
        task_id="catalogue", path="/products", output_path=f"{OUTPUT}/catalogue.jsonl"
    )
    find = FindNearDuplicatesOperator(
        task_id="find",
        input_path=arrivals.output["path"],
        reference_path=catalogue.output["path"],
        output_path=f"{OUTPUT}/found",
    )
    quarantine = UpdateFilesOperator(
        task_id="quarantine",
        input_path=find.output["groups_path"],
        where={"keep": False, "origin": "new"},
        add_tags=["quarantine"],
        published=False,
    )
    publish >> [arrivals, catalogue] >> find >> quarantine
    if not AIRFLOW_3:
        since = "{{ prev_start_date_success or '2020-01-01' }}"
        NewFilesSensor(task_id="arrival", path=FOLDER, kinds=["new"], updated_after=since) >> approved
# [END howto_quarantine]
