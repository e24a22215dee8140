"""Personal data in XCom, and the check of pictures that reveal where they were taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.location import LocationCheckOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator, RemoteUrlMetadataOperator
from airflow_provider_imagekit.operators.upload import UploadFileOperator
from tests.doubles import context

PICTURES = Path(__file__).parents[1] / "emulator/data/exif"
WITH_PLACE, WITHOUT = "img_0001.jpg", "flower.jpg"


@pytest.fixture(scope="module")
def account() -> Iterator[ImageKitEmulator]:
    with ImageKitEmulator(library=PICTURES, private_key="private_privacy=") as account:
        yield account


@pytest.fixture(params=["", "true"], ids=["as the operator is configured", "dropped by the connection"])
def drops(request: pytest.FixtureRequest, account: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch) -> bool:
    connection = account.airflow_connection
    connection["extra"] |= {"drop_personal_data": request.param}
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(connection))
    return bool(request.param)


def metadata(account: ImageKitEmulator, **arguments: Any) -> dict[str, Any]:
    task = FileMetadataOperator(task_id="t", file_id=account.file_id(WITH_PLACE), **arguments)
    return task.execute(context())


def test_by_default_xcom_is_imagekits_object_unless_the_connection_drops(
    account: ImageKitEmulator, drops: bool
) -> None:
    found = metadata(account)
    assert ("gps" in found["exif"]) is not drops
    assert found["width"] > 0
    assert found["pHash"]


def test_coordinates_are_dropped_on_request(account: ImageKitEmulator, drops: bool) -> None:
    by_url = RemoteUrlMetadataOperator(task_id="t", url=account.file_url(WITH_PLACE), gps="drop")
    for found in (metadata(account, gps="drop"), by_url.execute(context())):
        assert found["exif"]
        assert "Latitude" not in json.dumps(found)


def test_coarse_coordinates_are_a_tenth_of_a_degree(account: ImageKitEmulator, drops: bool) -> None:
    place = {"GPSLatitude": [48, 51, 30.2], "GPSLatitudeRef": "N", "GPSLongitude": [2, 17, 40]}
    exif = {"gps": {**place, "GPSLongitudeRef": "W", "GPSAltitude": 3}}
    account.inject(status=200, body=json.dumps({"exif": exif}), match="metadata")
    coarse = {"GPSLatitude": [48, 54, 0], "GPSLatitudeRef": "N", "GPSLongitude": [2, 18, 0]}
    assert metadata(account, gps="coarse", personal="keep") == {
        "exif": {} if drops else {"gps": {**coarse, "GPSLongitudeRef": "W"}}
    }


def test_names_and_unknown_fields_are_dropped_on_request(account: ImageKitEmulator, drops: bool) -> None:
    exif = {"image": {"Artist": "Ann", "Make": "Canon", "Unknown": "Ann"}}
    account.inject(status=200, body=json.dumps({"width": 3, "owner": "Ann", "exif": exif}), match="metadata")
    found = metadata(account, personal="drop")
    assert found == {"width": 3, "exif": {"image": {"Make": "Canon"}}}


def test_the_connection_setting_applies_to_tables(
    account: ImageKitEmulator, drops: bool, tmp_path: Path
) -> None:
    output = tmp_path / "table.jsonl"
    LibraryMetadataOperator(
        task_id="t", output_path=str(output), gps="keep", personal="keep", max_failed=1.0
    ).execute(context())
    rows = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    [row] = [row for row in rows if row["path"] == f"/{WITH_PLACE}"]
    assert row["has_gps"] is True
    assert (row["latitude"] is None) is drops


def test_the_connection_setting_applies_to_uploads(
    account: ImageKitEmulator, drops: bool, tmp_path: Path
) -> None:
    arguments = {"file": str(PICTURES / WITH_PLACE), "folder": f"/{tmp_path.name}", "on_existing": "use"}
    task = UploadFileOperator(task_id="t", **arguments)
    for _ in ("the file is new", "an earlier try has uploaded it"):
        found = task.execute(context())
        assert found["metadata"]["pHash"]
        assert ("Latitude" in json.dumps(found)) is not drops


def test_the_connection_setting_applies_to_embedded_metadata(
    account: ImageKitEmulator, drops: bool, tmp_path: Path
) -> None:
    file = {"fileId": "5f", "name": "a.jpg", "embeddedMetadata": {"Artist": "Ann", "GPSLatitude": 52.5}}
    output = tmp_path / "listing.jsonl"
    fields = ["fileId", "embeddedMetadata"]
    for to_file in ({}, {"output_path": str(output)}):
        account.inject(status=200, body=json.dumps([file]), match="/v1/files")
        found = ListFilesOperator(task_id="t", fields=fields, **to_file).execute(context())
        text = json.dumps(found) if not to_file else output.read_text("utf-8")
        assert "5f" in text
        assert ("Ann" in text) is not drops
    account.inject(status=200, body=json.dumps(file), match="upload")
    found = UploadFileOperator(
        task_id="t", file=b"a", file_name="a.jpg", response_fields="embeddedMetadata"
    ).execute(context())
    assert found["fileId"] == "5f"
    assert ("Ann" in json.dumps(found)) is not drops


@pytest.mark.parametrize("arguments", [{"gps": "some"}, {"personal": "some"}])
def test_an_unknown_policy_is_refused(
    account: ImageKitEmulator, drops: bool, arguments: dict[str, Any]
) -> None:
    with pytest.raises(AirflowFailException, match=rf"{next(iter(arguments))} is 'some'.*keep"):
        metadata(account, **arguments)


@pytest.mark.parametrize("by_url", [False, True])
def test_a_picture_that_reveals_where_it_was_taken_fails_the_task(
    account: ImageKitEmulator, drops: bool, by_url: bool
) -> None:
    def check(name: str, **arguments: Any) -> Any:
        picture = {"url": account.file_url(name)} if by_url else {"file_id": account.file_id(name)}
        return LocationCheckOperator(task_id="t", **picture, **arguments).execute(context())

    with pytest.raises(AirflowFailException, match=r"reveals where it was taken.*without md-true"):
        check(WITH_PLACE)
    assert check(WITH_PLACE, fail_on_location=False) == {"has_gps": True}
    assert check(WITHOUT) == {"has_gps": False}


def test_exactly_one_picture_is_checked(account: ImageKitEmulator, drops: bool) -> None:
    for arguments in ({}, {"file_id": "a", "url": "https://ik.imagekit.io/demo/a.jpg"}):
        with pytest.raises(AirflowFailException, match="Exactly one of file_id and url"):
            LocationCheckOperator(task_id="t", **arguments).execute(context())
