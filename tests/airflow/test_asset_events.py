"""Asset events and links of gates, a sensor and metadata tasks in a real Airflow."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures
from tests.airflow.running import RunDag
from tests.support import AIRFLOW_3

EXAMPLE = Path(__file__).parents[2] / "example_dags" / "example_imagekit_after_replacement.py"
FAR = "2222222222222222"

EVENTS = """
from airflow_provider_imagekit.compat import DAG, Asset, BaseOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator
from airflow_provider_imagekit.operators.phash import PHashBranchOperator, PHashShortCircuitOperator
from airflow_provider_imagekit.operators.transformations import TransformationCheckOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

class Behind(BaseOperator):
    def execute(self, context):
        pass

PICTURE = {"file_id": "FILE_ID", "reference_phash": "FAR"}
with DAG("events", schedule=None):
    PHashDistanceSensor(task_id="sensor", min_distance=1, outlets=[Asset("sensor")], **PICTURE)
    PHashShortCircuitOperator(task_id="closed", outlets=[Asset("closed")], **PICTURE) >> Behind(task_id="a")
    PHashBranchOperator(
        task_id="branch", follow_task_ids_if_similar="b", follow_task_ids_if_different=[],
        outlets=[Asset("branch")], **PICTURE
    ) >> Behind(task_id="b")
    FileMetadataOperator(task_id="metadata", file_id="FILE_ID", outlets=[Asset("metadata")])
    PHashShortCircuitOperator(task_id="silent", do_xcom_push=False, **PICTURE)
    PHashShortCircuitOperator(task_id="failed", file_id="0" * 24, reference_phash="FAR")
    TransformationCheckOperator(task_id="refused", url="URL", variants=[{"url": "URL", "width": 1}])
"""


@pytest.mark.usefixtures("connection")
def test_asset_events_have_the_picture_version_and_distance(
    run_dag: RunDag, imagekit: ImageKitEmulator
) -> None:
    file = next(file for file in imagekit.files() if file["filePath"].endswith(pictures.ORIGINAL))
    source = EVENTS.replace("FILE_ID", file["fileId"]).replace("FAR", FAR).replace("URL", file["url"])
    run = run_dag(source, "events")
    expected = {"file_id": file["fileId"], "version_id": file["versionInfo"]["id"]}
    extras = run.asset_events
    assert len(extras) == 4, run.log[-5000:]
    assert [extra | expected for extra in extras] == extras
    [closed] = [extra for extra in extras if "continued" in extra]
    [branch] = [extra for extra in extras if "branch" in extra]
    [sensor] = [extra for extra in extras if "distance" in extra and "decision" not in extra]
    [metadata] = [extra for extra in extras if "pHash" in extra]
    assert closed["continued"] is False
    assert branch["branch"] == []
    assert {extra["distance"] for extra in (closed, branch, sensor)} == {sensor["distance"]}
    assert {extra["phash"] for extra in (closed, branch, sensor)} == {metadata["pHash"]}
    assert read_by_the_example(sensor) == [
        expected | {"distance": sensor["distance"], "phash": metadata["pHash"]}
    ]
    check_links(run.xcoms, file)


def check_links(xcoms: dict[str, dict[str, list[Any]]], file: dict[str, Any]) -> None:
    links = {
        task: {key: values for key, values in keys.items() if key.startswith("imagekit_")}
        for task, keys in xcoms.items()
    }
    library = "https://imagekit.io/dashboard/media-library/detail/"
    of_file = {"imagekit_media_library_url": [f"{library}{file['fileId']}"]}
    assert links["sensor"] == links["closed"] == links["branch"] == of_file
    assert links["failed"] == {"imagekit_media_library_url": [f"{library}{'0' * 24}"]}
    assert links["refused"] == {"imagekit_file_url": [file["url"]]}
    assert not links.get("silent")


def read_by_the_example(extra: dict[str, Any]) -> Any:
    """Return what the example's first task reads from an event with this extra."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 2
        from airflow.models.dagbag import DagBag
    task: Any = DagBag(dag_folder=str(EXAMPLE)).dags[EXAMPLE.stem].get_task("replacements")
    name = "triggering_asset_events" if AIRFLOW_3 else "triggering_dataset_events"
    return task.python_callable(**{name: {"imagekit-hero": [SimpleNamespace(extra=extra)]}})
