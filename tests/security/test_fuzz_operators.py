"""With arbitrary listings and metadata, operators succeed or raise documented errors."""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_imagekit.compat import AirflowFailException, AirflowSensorTimeout, BaseOperator
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitError
from airflow_provider_imagekit.library.table.rows import LISTED_FIELDS
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator, RemoteUrlMetadataOperator
from airflow_provider_imagekit.operators.phash import PHashShortCircuitOperator
from airflow_provider_imagekit.operators.transformations import TransformationCheckOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from tests.doubles import context

FILE_ID = "0" * 24
URL = "https://ik.imagekit.io/demo/picture.jpg"
PHASH = "f06830ca9f1e3e90"

texts = st.text(max_size=20) | st.text(string.hexdigits, min_size=24, max_size=24)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
sane = {
    "fileId": st.text(string.hexdigits, min_size=24, max_size=24),
    "versionInfo": st.fixed_dictionaries({"id": texts}),
    "updatedAt": st.sampled_from(["2024-05-01T10:00:00.000Z", "yesterday", "99999-01-01T00:00:00Z"]),
}
items = st.dictionaries(st.sampled_from(LISTED_FIELDS), values, max_size=6) | st.fixed_dictionaries(sane)
listings = st.lists(items | values, max_size=4) | st.lists(items, max_size=4)
metadata = st.dictionaries(
    st.sampled_from(["width", "size", "pHash", "exif", "format", "duration", "hasColorProfile", "colour"]),
    values,
)


def stored(value: Any) -> None:
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert "\\u0000" not in text


@pytest.fixture
def set_responses(
    imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[list[Any], dict[str, Any]], None]]:
    connection = imagekit.airflow_connection
    connection["extra"] |= {"max_retries": 0}
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(connection))

    def set_both(listing: list[Any], found: dict[str, Any]) -> None:
        imagekit.clear()
        imagekit.inject(status=200, body=json.dumps(listing), times=None, match="/v1/files?")
        imagekit.inject(status=200, body=json.dumps(found), times=None)

    yield set_both
    imagekit.clear()


def ends_as_documented(operator: BaseOperator) -> None:
    task = context()
    try:
        stored(operator.execute(task))
    except AirflowFailException as failed:
        # Without such a cause, it is the report of a check that found a problem.
        if not isinstance(failed.__context__, ImageKitError | None):
            raise
    except (AirflowSensorTimeout, ImageKitError):
        pass


@given(listing=listings, found=metadata)
@example([1, 2], {})
@example([{"url": [None]}], {})
@example([{"fileId": 7, "versionInfo": []}, {}], {"exif": {"gps": {"GPSLatitude": [None]}}})
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_listing_is_returned_or_refused(
    set_responses: Callable[..., None], tmp_path_factory: pytest.TempPathFactory, listing: Any, found: Any
) -> None:
    set_responses(listing, found)
    folder = tmp_path_factory.mktemp("tables")
    ends_as_documented(ListFilesOperator(task_id="xcom"))
    ends_as_documented(ListFilesOperator(task_id="file", output_path=f"{folder}/files.jsonl", batches=2))
    ends_as_documented(LibraryMetadataOperator(task_id="library", output_path=f"{folder}/library.jsonl"))
    for table in folder.glob("*.jsonl"):
        with table.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                stored(json.loads(line))


@given(found=metadata)
@example({"exif": ["no", "sections"]})
@example({"pHash": "0" * 16, "width": "12", "format": 3})
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_metadata_is_returned_judged_or_refused(set_responses: Callable[..., None], found: Any) -> None:
    set_responses([], found)
    picture: Any = {"file_id": FILE_ID, "reference_phash": PHASH}
    variant = {"url": URL, "width": 100, "height": 80, "format": "webp", "max_bytes": 1000}
    ends_as_documented(FileMetadataOperator(task_id="all", file_id=FILE_ID))
    ends_as_documented(
        RemoteUrlMetadataOperator(
            task_id="some", url=URL, fields=["pHash", "exif.image.Make"], exclude=["exif.gps"]
        )
    )
    ends_as_documented(
        PHashShortCircuitOperator(task_id="go_on", on_undecidable="continue", max_distance=16, **picture)
    )
    ends_as_documented(TransformationCheckOperator(task_id="check", phash=PHASH, variants=[variant]))
    ends_as_documented(
        PHashDistanceSensor(task_id="gate", min_distance=0, timeout=0, poke_interval=1, **picture)
    )
