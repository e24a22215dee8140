"""Links of tasks that fail, skip or are retried, and of a listing, in a real Airflow."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures
from tests.airflow.running import RunDag
from tests.support import AIRFLOW_3

LINKED = """
from datetime import timedelta

from airflow.sdk import DAG
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator
from airflow_provider_imagekit.operators.phash import PHashShortCircuitOperator

GONE = "a" * 24

with DAG("linked", schedule=None, params={"file_id": "", "url": "", "gone": "", "folder": ""}) as dag:
    FileMetadataOperator(task_id="failed", file_id=GONE, file_url="{{ params.url }}")
    FileMetadataOperator(task_id="skipped", file_id=GONE, on_missing="skip")
    FileMetadataOperator(
        task_id="retried", file_id="{{ params.file_id }}", max_retries=0, retries=1, retry_delay=timedelta(0)
    )
    PHashShortCircuitOperator(
        task_id="gate", url="{{ params.gone }}", reference_phash="f06830ca9f1e3e90", continue_if="similar"
    )
    ListFilesOperator(task_id="listing", path="/shop", output_path="{{ params.folder }}/listing.jsonl")
"""


LIBRARY = "https://imagekit.io/dashboard/media-library"
FILE, PAGE = "imagekit_file_url", "imagekit_media_library_url"


def test_links_exist_in_every_final_state(
    connection: str, imagekit: ImageKitEmulator, run_dag: RunDag, tmp_path: Path
) -> None:
    file_id, url = imagekit.file_id(pictures.ORIGINAL), imagekit.file_url(pictures.ORIGINAL)
    gone = f"{url}.gone"
    imagekit.inject(match=file_id, status=500, times=1)

    run = run_dag(LINKED, "linked", file_id=file_id, url=url, gone=gone, folder=str(tmp_path))

    ends = {
        "failed": "failed",
        "gate": "failed",
        "skipped": "skipped",
        "retried": "success",
        "listing": "success",
    }
    assert run.states == {task: [state] for task, state in ends.items()}
    keys = (FILE, PAGE, "imagekit_report_url")
    links = {task: {key: found[key][0] for key in keys if key in found} for task, found in run.xcoms.items()}
    page_of_gone = f"{LIBRARY}/detail/{'a' * 24}"
    assert links == {
        "failed": {FILE: url, PAGE: page_of_gone},
        "gate": {FILE: gone},
        "skipped": {PAGE: page_of_gone},
        "retried": {PAGE: f"{LIBRARY}/detail/{file_id}"},
        "listing": {PAGE: LIBRARY},
    }
    if AIRFLOW_3:  # Airflow 3 stores the links of a task, whatever its final state
        assert run.tries["retried"] == 2
        shown = {task: {link for link in found.values() if link} for task, found in run.links.items()}
        assert shown == {task: set(found.values()) for task, found in links.items()}
