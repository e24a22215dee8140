from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException, Asset
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitServerError
from airflow_provider_imagekit.operators.listing import XCOM_FIELDS, ListFilesOperator
from tests import pictures
from tests.doubles import context

XCOM_BACKEND = "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend"
MANY = [{"fileId": f"{number:024x}", "name": "n" * 100, "filePath": "/" + "n" * 100} for number in range(300)]


def listing(**arguments: Any) -> ListFilesOperator:
    return ListFilesOperator(task_id="files", **arguments)


class TestToXCom:
    def test_it_is_a_list_of_small_records(self, connection: str, imagekit: ImageKitEmulator) -> None:
        files = listing(path="/shop").execute(context())
        assert {file["name"] for file in files} >= {"original.jpg", "unrelated.jpg"}
        assert {tuple(file) for file in files} == {XCOM_FIELDS}
        json.dumps(files, allow_nan=False)

    def test_the_arguments_reach_imagekit(self, connection: str, imagekit: ImageKitEmulator) -> None:
        listing(path="/shop", file_type="image", sort="DESC_NAME", type="file", limit="2").execute(context())
        (request,) = imagekit.requests
        assert request.query == {
            "path": "/shop",
            "fileType": "image",
            "sort": "DESC_NAME",
            "type": "file",
            "limit": "2",
            "skip": "0",
        }

    def test_a_search_query_is_sent_as_it_is(self, connection: str, imagekit: ImageKitEmulator) -> None:
        imagekit.inject(status=200, body=[{"fileId": "a", "name": "n"}], match="searchQuery=name")
        assert listing(search_query='name = "n"').execute(context()) == [{"fileId": "a", "name": "n"}]

    @pytest.mark.parametrize("fields", [["fileId"], "fileId", "['fileId']", '["fileId"]'])
    def test_only_the_requested_fields_are_returned(self, connection: str, fields: Any) -> None:
        assert {tuple(file) for file in listing(fields=fields).execute(context())} == {("fileId",)}

    def test_an_unknown_field_is_refused_with_the_nearest_name(self, connection: str) -> None:
        with pytest.raises(AirflowFailException, match="Did you mean 'fileId'"):
            listing(fields=["fileID"]).execute(context())

    @pytest.mark.parametrize("name", ["search_query", "path", "limit"])
    @pytest.mark.parametrize("nothing", ["", "None"])
    def test_a_filter_whose_template_rendered_to_nothing_is_refused(
        self, connection: str, imagekit: ImageKitEmulator, name: str, nothing: str
    ) -> None:
        with pytest.raises(AirflowFailException, match=f"{name} is '{nothing}': the template gave None"):
            listing(**{name: nothing}).execute(context())
        assert imagekit.requests == []

    def test_a_listing_too_long_for_xcom_fails_with_a_remedy(self, connection: str) -> None:
        with pytest.raises(
            AirflowFailException, match=r"is 300, enough for 1 of its files\. Set output_path"
        ):
            listing(max_xcom_bytes=300).execute(context())

    def test_the_default_limit_is_the_size_of_a_database_value(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        imagekit.inject(status=200, body=MANY, match="/v1/files")
        with pytest.raises(AirflowFailException, match=r"max_xcom_bytes is 48,000"):
            listing().execute(context())

    @pytest.mark.parametrize(("threshold", "any_length"), [("0", True), ("1000", True), ("-1", False)])
    def test_it_has_no_limit_if_airflow_stores_large_values_in_files(
        self,
        connection: str,
        imagekit: ImageKitEmulator,
        monkeypatch: pytest.MonkeyPatch,
        threshold: str,
        any_length: bool,
    ) -> None:
        monkeypatch.setenv("AIRFLOW__CORE__XCOM_BACKEND", XCOM_BACKEND)
        monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD", threshold)
        imagekit.inject(status=200, body=MANY, times=2, match="/v1/files")
        with nullcontext() if any_length else pytest.raises(AirflowFailException, match="too long for XCom"):
            assert listing().execute(context()) == MANY

    def test_an_explicit_limit_applies_with_any_backend(
        self, connection: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__CORE__XCOM_BACKEND", XCOM_BACKEND)
        monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD", "0")
        with pytest.raises(AirflowFailException, match="too long for XCom"):
            listing(max_xcom_bytes="300").execute(context())


class TestToFile:
    def test_the_file_has_the_records_and_xcom_a_pointer(self, connection: str, tmp_path: Path) -> None:
        output = tmp_path / "deep" / "listing.jsonl"
        (pointer,) = listing(output_path=str(output)).execute(context())
        records = [json.loads(line) for line in output.read_text().splitlines()]
        assert pointer == {"path": str(output), "batch": 0, "batches": 1, "count": len(records)}
        assert pictures.ORIGINAL in {record["filePath"].lstrip("/") for record in records}
        assert {"fileId", "versionInfo", "updatedAt", "width"} <= records[0].keys()
        assert [path.name for path in output.parent.iterdir()] == ["listing.jsonl"]

    def test_batches_count_every_file_once(self, connection: str, tmp_path: Path) -> None:
        output = tmp_path / "listing.jsonl"
        pointers = listing(output_path=str(output), batches="3").execute(context())
        assert [(pointer["batch"], pointer["batches"]) for pointer in pointers] == [(0, 3), (1, 3), (2, 3)]
        assert sum(pointer["count"] for pointer in pointers) == len(output.read_text().splitlines())

    def test_an_error_keeps_the_previous_file(
        self, connection: str, imagekit: ImageKitEmulator, tmp_path: Path
    ) -> None:
        output = tmp_path / "listing.jsonl"
        output.write_text("before")
        imagekit.inject(status=500, times=1, body="no", match="/v1/files")
        imagekit.inject(status=403, match="/v1/files")
        with pytest.raises(AirflowFailException):
            listing(output_path=str(output)).execute(context())
        assert [path.name for path in tmp_path.iterdir()] == ["listing.jsonl"]
        assert output.read_text() == "before"

    @pytest.mark.parametrize("batches", [0, 1025, "many"])
    def test_batches_that_airflow_cannot_map_are_refused(
        self, connection: str, tmp_path: Path, batches: Any
    ) -> None:
        with pytest.raises(AirflowFailException, match="batches"):
            listing(output_path=str(tmp_path / "a.jsonl"), batches=batches).execute(context())

    def test_the_asset_event_has_pointer_and_count(self, connection: str, tmp_path: Path) -> None:
        asset, event = Asset("file://listing"), SimpleNamespace(extra={})
        output = str(tmp_path / "listing.jsonl")
        listing(output_path=output, outlets=[asset]).execute(context(outlet_events={asset: event}))
        assert event.extra["path"] == output
        assert event.extra["count"] > 3


class TestErrors:
    def test_a_transient_error_is_left_to_airflows_retries(
        self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = imagekit.airflow_connection | {"extra": {"max_retries": 0}}
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(settings))
        imagekit.inject(status=503)
        with pytest.raises(ImageKitServerError):
            listing().execute(context())

    def test_a_wrong_argument_fails_for_good(self, connection: str) -> None:
        with pytest.raises(AirflowFailException, match="sort"):
            listing(sort="UPWARDS").execute(context())


def test_every_argument_is_templated() -> None:
    operator = listing()
    assert set(operator.template_fields) <= vars(operator).keys()
