"""The library operator: results, object storage, failures and ``on_kill``."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_imagekit.compat import AirflowFailException, Asset, ObjectStoragePath
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import (
    ImageKitServerError,
    LibraryStoppedError,
    TooManyFailedFilesError,
)
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from tests.doubles import context
from tests.operators.libraries import metadata_calls, operator, rows
from tests.support import AIRFLOW_3, wait_until

attach = import_module("airflow.sdk.io" if AIRFLOW_3 else "airflow.io.store").attach


class TestResult:
    def test_xcom_has_pointer_counts_plan_and_durations(self, connection: str, table: Path) -> None:
        result = operator(table).execute(context())
        assert result["path"] == str(table)
        assert result["counts"]["rows"] == result["plan"]["files"] == len(rows(table)) > 5
        assert result["plan"]["list_calls"] == 2
        assert list(result["seconds"]) == ["plan", "fetch", "publish"]
        assert Path(result["errors_path"]).exists()
        assert len(json.dumps(result, allow_nan=False)) < 2000

    def test_the_asset_event_has_the_same(self, connection: str, table: Path) -> None:
        asset, event = Asset("file://library"), SimpleNamespace(extra={})
        result = operator(table, outlets=[asset]).execute(context(outlet_events={asset: event}))
        assert event.extra == result

    def test_a_second_run_costs_no_metadata_call(
        self, connection: str, imagekit: ImageKitEmulator, table: Path
    ) -> None:
        operator(table).execute(context("monday"))
        before = table.read_bytes()
        imagekit.clear()
        result = operator(table).execute(context("tuesday"))
        assert (metadata_calls(imagekit), result["plan"]["metadata_calls"]) == (0, 0)
        assert table.read_bytes() == before

    def test_a_dry_run_stops_after_the_plan(
        self, connection: str, imagekit: ImageKitEmulator, table: Path
    ) -> None:
        result = operator(table, dry_run="True").execute(context())
        assert result["dry_run"] is True
        assert result["plan"]["metadata_calls"] > 5
        assert "counts" not in result
        assert metadata_calls(imagekit) == 0
        assert list(table.parent.iterdir()) == []

    def test_the_pace_of_the_connection_is_in_the_plan(
        self, imagekit: ImageKitEmulator, table: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = imagekit.airflow_connection | {"extra": {"requests_per_second": 4}}
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(settings))
        plan = operator(table, dry_run=True).execute(context())["plan"]
        assert plan["seconds"] == plan["metadata_calls"] / 4

    def test_deleted_files_are_marked_with_the_time_of_the_dag_run(
        self, connection: str, table: Path, imagekit: ImageKitEmulator
    ) -> None:
        operator(table).execute(context("monday"))
        operator(table, path="/docs", max_deleted="100%").execute(context("tuesday"))
        assert {row["deleted_at"] for row in rows(table) if row["path"].startswith("/shop")} == {
            "2024-06-01T00:00:00.000Z"
        }


class TestObjectStorage:
    @pytest.fixture
    def bucket(self) -> Iterator[str]:
        # Airflow finds file systems through its providers; this one replaces theirs.
        memory = MemoryFileSystem(skip_instance_cache=True)
        attach("memory", fs=memory)
        yield f"memory://bucket-{secrets.token_hex(4)}"
        memory.store.clear()

    @pytest.mark.parametrize("ending", ["jsonl", "parquet"])
    def test_table_errors_and_journal_are_objects(
        self, connection: str, imagekit: ImageKitEmulator, bucket: str, table: Path, ending: str
    ) -> None:
        output = f"{bucket}/nightly/library.{ending}"
        result = operator(output).execute(context("monday"))
        assert result["path"] == output
        imagekit.clear()
        operator(output).execute(context("tuesday"))
        assert metadata_calls(imagekit) == 0
        operator(table, input_path=output, file_id_column="file_id").execute(context())
        assert len(rows(table)) == result["counts"]["rows"]
        left = {path.split("nightly/")[1] for path in ObjectStoragePath(bucket).fs.find(bucket)}
        assert left == {f"library.{ending}", f"library.{ending}.run/errors.jsonl"}
        if ending == "jsonl":
            assert ObjectStoragePath(output).read_bytes() == table.read_bytes()

    def test_a_try_after_a_failure_resumes_from_the_journal(
        self, connection: str, imagekit: ImageKitEmulator, bucket: str
    ) -> None:
        output = f"{bucket}/library.jsonl"
        fifth = sorted(file["fileId"] for file in imagekit.files())[4]
        imagekit.inject(status=403, match=fifth)
        with pytest.raises(AirflowFailException):
            operator(output, threads=1).execute(context())
        assert not ObjectStoragePath(output).exists()
        imagekit.clear()
        result = operator(output).execute(context())
        assert result["plan"]["fetched_before"] == 4
        assert metadata_calls(imagekit) == result["plan"]["files"] - 4

    def test_a_listing_can_be_an_object_too(self, connection: str, bucket: str) -> None:
        output = f"{bucket}/listing.jsonl"
        (pointer,) = ListFilesOperator(task_id="files", output_path=output).execute(context())
        assert pointer["path"] == output
        assert len(ObjectStoragePath(output).read_text().splitlines()) == pointer["count"]


class TestFailures:
    def test_too_many_lasting_failures_fail_without_a_retry(
        self, connection: str, imagekit: ImageKitEmulator, table: Path
    ) -> None:
        imagekit.inject(status=400, times=None, match="/metadata")
        with pytest.raises(AirflowFailException, match="files failed"):
            operator(table, max_failed=2).execute(context())

    def test_too_many_transient_failures_are_left_to_airflows_retries(
        self, imagekit: ImageKitEmulator, table: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = imagekit.airflow_connection | {"extra": {"max_retries": 0}}
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(settings))
        imagekit.inject(status=404, times=None, match="/metadata")
        with pytest.raises(TooManyFailedFilesError):
            operator(table, max_failed="10%").execute(context())
        imagekit.inject(status=503, match="/v1/files")
        with pytest.raises(ImageKitServerError):
            operator(table).execute(context("another"))

    def test_a_wrong_key_fails_without_a_retry(
        self, connection: str, imagekit: ImageKitEmulator, table: Path
    ) -> None:
        imagekit.private_key = "private_another"
        with pytest.raises(AirflowFailException, match="403"):
            operator(table).execute(context())


def test_on_kill_stops_at_once_and_the_next_try_resumes(
    connection: str, imagekit: ImageKitEmulator, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fourth = sorted(file["fileId"] for file in imagekit.files())[3]
    slow = imagekit.inject(delay=600.0, match=fourth)
    task = operator(table, threads=1)
    killed: list[float] = []

    def kill() -> None:
        wait_until(lambda: slow.hits, "the fourth file is requested")
        killed.append(time.monotonic())
        task.on_kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(LibraryStoppedError):
        task.execute(context())
    killer.join()
    assert time.monotonic() - killed[0] < 30  # less than the timeout of a call
    imagekit.clear()
    # The next try is another process, whose client does not share calls in flight.
    another = imagekit.airflow_connection | {"extra": {"timeout": 59}}
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(another))
    assert operator(table).execute(context())["plan"]["fetched_before"] == 3


def test_on_kill_before_the_start_does_nothing(table: Path) -> None:
    operator(table).on_kill()


def test_every_argument_is_templated(table: Path) -> None:
    task = operator(table)
    assert set(task.template_fields) <= vars(task).keys()
    untemplated = {"dry_run", "multiple_outputs", "kwargs", "self"}
    arguments = set(LibraryMetadataOperator.__init__.__wrapped__.__annotations__)  # type: ignore[attr-defined]
    assert arguments - untemplated - {"return"} <= set(task.template_fields)
