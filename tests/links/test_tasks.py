"""Tasks link to their picture, or to the library and the table that they wrote."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.compat import DAG, AirflowFailException, AirflowSensorTimeout
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.location import LocationCheckOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator, RemoteUrlMetadataOperator
from airflow_provider_imagekit.operators.phash import PHashBranchOperator, PHashShortCircuitOperator
from airflow_provider_imagekit.operators.quality import ImageQualityOperator
from airflow_provider_imagekit.operators.transformations import TransformationCheckOperator
from airflow_provider_imagekit.sensors.files import NewFilesSensor
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from tests import pictures
from tests.doubles import context

HASH = "f06830ca9f1e3e90"
FILE, PAGE, REPORT = "imagekit_file_url", "imagekit_media_library_url", "imagekit_report_url"
LIBRARY = "https://imagekit.io/dashboard/media-library"
# Most of these tasks fail; they store their links before.
ABOUT_A_PICTURE: dict[type[Any], dict[str, Any]] = {
    PHashDistanceSensor: {"reference_phash": HASH, "max_distance": 0, "poke_interval": 0.01, "timeout": 0.01},
    PHashBranchOperator: {
        "reference_file_id": "a" * 24,
        "follow_task_ids_if_similar": [],
        "follow_task_ids_if_different": [],
    },
    PHashShortCircuitOperator: {"reference_file_id": "a" * 24},
    TransformationCheckOperator: {"variants": [{"url": "https://ik.imagekit.io/demo/gone.jpg"}]},
    LocationCheckOperator: {},
    ImageQualityOperator: {"rules": [{"rule": "min_width", "value": 10**6}]},
}


def links(task: Any) -> dict[str, str]:
    """Run a task and return the addresses of its links."""
    about = context(task=task, dag=None)
    with suppress(AirflowFailException, AirflowSensorTimeout):
        task.execute(about)
    keys = {link.key for link in task.operator_extra_links}
    return {key: value for key, value in about["ti"].pushed.items() if key in keys}


@pytest.mark.parametrize("task", ABOUT_A_PICTURE, ids=lambda task: task.__name__)
def test_a_task_for_a_picture_links_to_it_by_id_and_by_url(
    task: type[Any], connection: str, imagekit: ImageKitEmulator
) -> None:
    file_id, url = imagekit.file_id(pictures.ORIGINAL), imagekit.file_url(pictures.ORIGINAL)
    given = ABOUT_A_PICTURE[task]
    with DAG("dag", schedule=None):
        by_id, by_url = task(task_id="id", file_id=file_id, **given), task(task_id="url", url=url, **given)
    assert links(by_id) == {PAGE: f"{LIBRARY}/detail/{file_id}"}
    assert links(by_url) == {FILE: url}


def test_a_metadata_task_links_to_the_picture_only_if_its_url_is_known(
    connection: str, imagekit: ImageKitEmulator
) -> None:
    file_id, url = imagekit.file_id(pictures.ORIGINAL), imagekit.file_url(pictures.ORIGINAL)
    page = {PAGE: f"{LIBRARY}/detail/{file_id}"}
    assert links(FileMetadataOperator(task_id="t", file_id=file_id)) == page
    assert len(imagekit.requests) == 1
    assert links(FileMetadataOperator(task_id="t", file_id=file_id, file_url=url)) == {FILE: url, **page}
    assert links(RemoteUrlMetadataOperator(task_id="t", url=url)) == {FILE: url}


def test_a_task_for_many_files_links_to_the_library_and_its_output(
    connection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW__IMAGEKIT__REPORT_URLS", json.dumps({str(tmp_path): "http://reports.example"})
    )
    for task in (LibraryMetadataOperator, ListFilesOperator):
        found = links(task(task_id="t", output_path=f"{tmp_path}/{task.__name__}.jsonl"))
        assert found == {PAGE: LIBRARY, REPORT: f"http://reports.example/{task.__name__}.jsonl"}
    assert links(ListFilesOperator(task_id="t")) == {PAGE: LIBRARY}
    waits = NewFilesSensor(task_id="t", poke_interval=0.01, timeout=0.01, updated_after="2124-01-01T00:00Z")
    assert links(waits) == {PAGE: LIBRARY}
