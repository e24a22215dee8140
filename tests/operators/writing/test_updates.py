"""Updates of tags, custom metadata and publication of many files: checks, results and retries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitServerError, LibraryStoppedError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.library.updates.change import Change
from airflow_provider_imagekit.library.updates.update_run import UpdateRun
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator
from tests import pictures
from tests.doubles import context
from tests.operators.clocked import hook_on
from tests.support import Clock

GONE = "f" * 24


def update(**arguments: Any) -> dict[str, Any]:
    result: dict[str, Any] = UpdateFilesOperator(task_id="update", **arguments).execute(context())
    json.dumps(result, allow_nan=False)
    return result


def writes(server: ImageKitEmulator) -> list[str]:
    return [request.path for request in server.requests if request.method != "GET"]


def details(file_id: str) -> dict[str, Any]:
    return ImageKitHook().get_file_details(file_id)


@pytest.fixture
def ids(server: ImageKitEmulator) -> list[str]:
    return [server.file_id(path) for path in (pictures.ORIGINAL, pictures.RECOMPRESSED, pictures.UNRELATED)]


def fields(*names: str, **schema: Any) -> None:
    for name in names:
        ImageKitHook().create_custom_metadata_field(name, name, {"type": "Text", **schema})


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_one_file_a_list_and_a_text_with_commas_are_tagged(server: ImageKitEmulator, ids: list[str]) -> None:
    for file_ids in (ids[0], ids, ",".join(ids), json.dumps(ids), [{"fileId": ids[1]}]):
        server.clear()
        found = update(file_ids=file_ids, add_tags=["a", "b"])
        assert found["counts"]["failed"] == 0
        assert writes(server) == ["/v1/files/addTags"]
    assert all(details(file_id)["tags"] == ["a", "b"] for file_id in ids)


def test_rows_that_match_get_tags_values_of_their_columns_and_publication(
    ids: list[str], tmp_path: Path
) -> None:
    fields("near_duplicate_of", "note")
    table = tmp_path / "groups.jsonl"
    groups = [
        {"id": ids[0], "keep": True, "keeper": ids[0]},
        {"id": ids[1], "keep": False, "keeper": ids[0]},
        {"id": ids[2], "keep": False, "keeper": None},
    ]
    table.write_text("".join(json.dumps(row) + "\n" for row in groups))
    output = tmp_path / "results" / "tagged.jsonl"
    found = update(
        input_path=str(table),
        where="{'keep': False}",
        add_tags="duplicate",
        custom_metadata={"note": "found tonight"},
        custom_metadata_columns={"near_duplicate_of": "keeper"},
        published=False,
        output_path=str(output),
    )
    assert found["plan"]["requests"] == {"details": 2, "add_tags": 1}
    assert found["counts"] == {"files": 2, "updated": 2, "failed": 0}
    assert details(ids[0])["tags"] is None
    one, other = details(ids[1]), details(ids[2])
    assert one["customMetadata"] == {"note": "found tonight", "near_duplicate_of": ids[0]}
    assert other["customMetadata"] == {"note": "found tonight"}
    assert [one["isPublished"], one["tags"], other["tags"]] == [False, ["duplicate"], ["duplicate"]]
    assert [row["status"] for row in rows(output)] == ["updated", "updated"]
    assert list(output.parent.glob("*.run/*")) == []


def test_a_table_of_text_matches_by_the_text_of_its_cells(ids: list[str], tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text(f"fileId,keep\n{ids[0]},True\n{ids[1]},False\n")
    assert update(input_path=str(table), where={"keep": False}, add_tags=["x"])["counts"]["files"] == 1


def test_a_bad_value_in_an_unused_column_is_ignored(ids: list[str], tmp_path: Path) -> None:
    table = str(tmp_path / "groups.parquet")
    bad = pa.array([1 << 60] * 2, pa.timestamp("ms"))
    pq.write_table(
        pa.table({"seen": bad, "fileId": ids[:2], "keep": [True, False], "note": ["a", "b"]}), table
    )
    fields("note")
    arguments = {"input_path": table, "where": {"keep": False}, "custom_metadata_columns": {"note": "note"}}
    assert update(**arguments)["counts"]["files"] == 1
    with pytest.raises(AirflowFailException, match="'seen' holds an unreadable value"):
        update(**arguments | {"where": {"seen": 1}})


def test_a_dry_run_checks_and_changes_nothing(server: ImageKitEmulator, ids: list[str]) -> None:
    found = update(file_ids=ids, add_tags=["a"], published=False, dry_run="true")
    assert (found["dry_run"], found["counts"]["updated"]) == (True, 0)
    assert writes(server) == []


def test_files_that_vanished_are_rows_and_fail_the_task_after_the_others_were_changed(
    server: ImageKitEmulator, ids: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "rows.csv"
    with pytest.raises(AirflowFailException, match=f"1 file failed.*{GONE}: The requested file does not"):
        update(file_ids=[*ids, GONE], add_tags=["a"], output_path=str(output))
    assert output.read_text().count("updated") == 3
    assert f"{GONE},failed,The requested file does not exist." in output.read_text()
    found = update(file_ids=[*ids, GONE], add_tags=["a"], max_failed="50%")
    assert found["failed"] == [
        {"file_id": GONE, "status": "failed", "error": "The requested file does not exist."}
    ]


def test_an_invalid_id_in_a_request_is_the_only_one_that_fails(ids: list[str]) -> None:
    found = update(file_ids=[*ids, "no id"], add_tags=["a"], max_failed=1)
    assert [row["file_id"] for row in found["failed"]] == ["no id"]
    assert all(details(file_id)["tags"] == ["a"] for file_id in ids)


def test_the_next_try_resumes_where_the_previous_one_stopped(
    server: ImageKitEmulator, ids: list[str], tmp_path: Path, clock: Clock
) -> None:
    arguments: dict[str, Any] = {
        "file_ids": ids,
        "published": False,
        "add_tags": ["a"],
        "output_path": str(tmp_path / "rows.jsonl"),
        "threads": 1,
    }
    server.inject(match=ids[2], times=None, status=500)
    operator = UpdateFilesOperator(task_id="update", **arguments)
    operator.hook = hook_on(clock)
    with pytest.raises(ImageKitServerError):
        operator.execute(context())
    assert not (tmp_path / "rows.jsonl").exists()
    server.clear()
    found = update(**arguments)
    # The task checks the file whose request failed, and not the two before it.
    assert writes(server) == [f"/v1/files/{ids[2]}/details", "/v1/files/addTags"]
    assert found["plan"]["done_before"] == 2
    server.clear()
    update(**arguments)
    assert len(writes(server)) == 4, "a run that ended well leaves no journal"


def test_a_change_whose_response_was_lost_is_not_repeated(
    server: ImageKitEmulator, ids: list[str], tmp_path: Path, clock: Clock
) -> None:
    arguments: dict[str, Any] = {
        "file_ids": ids,
        "add_tags": ["a"],
        "output_path": str(tmp_path / "rows.jsonl"),
    }
    operator = UpdateFilesOperator(task_id="update", **arguments)
    operator.hook = hook_on(clock)
    server.inject(match="addTags", times=None, drop="before")
    with pytest.raises(Exception, match="No response"):
        operator.execute(context())
    server.clear()
    assert update(**arguments)["counts"]["updated"] == 3
    assert writes(server) == []


def test_a_stopped_run_sends_no_further_requests(server: ImageKitEmulator, ids: list[str]) -> None:
    run = UpdateRun(ImageKitHook().get_conn(), {file_id: {} for file_id in ids}, Change(add_tags=("a",)))
    run.plan()
    run.stop()
    with pytest.raises(LibraryStoppedError):
        run.run()
    assert writes(server) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"add_tags": ["a"]}, "file_ids, input_path, records is required; given: none"),
        ({"file_ids": ["a"], "records": [{"fileId": "a"}], "add_tags": ["a"]}, "given: file_ids, records"),
        ({"file_ids": "None", "add_tags": ["a"]}, "file_ids is 'None': the template gave None"),
        ({"file_ids": "", "add_tags": ["a"]}, "file_ids is ''"),
        ({"file_ids": ["a"]}, "There is nothing to change"),
        ({"file_ids": ["a"], "add_tags": "None"}, "add_tags is 'None'"),
        ({"file_ids": ["a"], "add_tags": ["50%"]}, "'50%' is not valid"),
        ({"file_ids": ["a"], "add_tags": ["a"], "remove_tags": ["a"]}, "in add_tags and in remove_tags"),
        ({"file_ids": ["a"], "published": "perhaps"}, "published is 'perhaps'"),
        ({"file_ids": ["a"], "add_tags": ["a"], "where": {"keep": False}}, "require a table"),
        ({"records": [{"name": "a"}], "add_tags": ["a"]}, "no column 'fileId'"),
        ({"records": [{"fileId": None}], "add_tags": ["a"]}, "Row 1 has no id"),
        ({"records": [{"fileId": "a"}], "where": "None", "add_tags": ["a"]}, "where is 'None'"),
        ({"records": [{"fileId": "a"}], "where": {"keep": 1}, "add_tags": ["a"]}, "no column 'keep'"),
        ({"records": "text", "add_tags": ["a"]}, "records is 'text'"),
        ({"input_path": "/nowhere/table.jsonl", "add_tags": ["a"]}, "There is no file at"),
        ({"file_ids": ["a"], "add_tags": ["a"], "output_path": "/x/y.txt"}, "is not a known table format"),
        ({"file_ids": ["a"], "add_tags": ["a"], "max_failed": "many"}, "max_failed is 'many'"),
        ({"file_ids": ["a"], "add_tags": ["a"], "dry_run": "None"}, "dry_run is 'None'"),
    ],
    ids=str,
)
def test_invalid_arguments_are_refused_before_any_change(
    server: ImageKitEmulator, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(AirflowFailException, match=says):
        update(**arguments)
    assert server.requests == []


def test_an_unknown_field_names_the_nearest_one(server: ImageKitEmulator, ids: list[str]) -> None:
    fields("camera")
    server.clear()
    with pytest.raises(AirflowFailException, match=r"no custom metadata field 'kamera'.*mean 'camera'"):
        update(file_ids=ids, custom_metadata={"kamera": "Canon"}, add_tags=["a"])
    assert writes(server) == []


def test_fields_that_the_account_lacks_are_created_once(server: ImageKitEmulator, ids: list[str]) -> None:
    fields("camera")
    arguments = {
        "records": [{"fileId": ids[0], "model": "Canon", "at": "2026-01-01"}],
        "custom_metadata_columns": {"camera": "model", "captured_at": "at"},
        "create_fields": {
            "camera": "Number",
            "captured_at": "Date",
            "size": {"type": "Number", "minValue": 1},
        },
    }
    server.clear()
    update(**arguments, dry_run=True)
    assert writes(server) == []
    update(**arguments)
    update(**arguments)
    assert writes(server).count("/v1/customMetadataFields") == 2
    assert details(ids[0])["customMetadata"] == {"camera": "Canon", "captured_at": "2026-01-01"}
    schemas = {field["name"]: field["schema"] for field in ImageKitHook().list_custom_metadata_fields()}
    assert schemas["camera"]["type"] == "Text"
    assert schemas["size"] == {"type": "Number", "minValue": 1}


def test_a_field_to_create_has_a_type_and_its_values_fit_before_anything_changes(
    server: ImageKitEmulator, ids: list[str]
) -> None:
    with pytest.raises(
        AirflowFailException, match="create_fields: 'Txt' is not a valid type for the field 'camera'"
    ):
        update(file_ids=ids, custom_metadata={"camera": "Canon"}, create_fields={"camera": "Txt"})
    with pytest.raises(AirflowFailException, match="'yesterday' is not a valid value"):
        update(file_ids=ids, custom_metadata={"taken": "yesterday"}, create_fields='{"taken": "Date"}')
    assert writes(server) == []


def test_a_read_only_field_is_refused(server: ImageKitEmulator, ids: list[str]) -> None:
    fields("camera", readOnly=True)
    server.clear()
    with pytest.raises(AirflowFailException, match="'camera' is read-only"):
        update(file_ids=ids, custom_metadata={"camera": "Canon"})
    assert writes(server) == []


def test_a_value_that_its_field_cannot_have_is_refused_before_the_first_change(
    server: ImageKitEmulator, ids: list[str]
) -> None:
    ImageKitHook().create_custom_metadata_field("taken", "Taken", {"type": "Date"})
    server.clear()
    records = [{"fileId": ids[0], "at": "2026-01-01"}, {"fileId": ids[1], "at": "yesterday"}]
    with pytest.raises(AirflowFailException, match=f"File {ids[1]}: 'yesterday' is not a valid value"):
        update(records=records, custom_metadata_columns={"taken": "at"})
    assert writes(server) == []


def test_two_rows_of_one_file_must_agree(ids: list[str]) -> None:
    fields("camera")
    records = [{"fileId": ids[0], "model": "a"}, {"fileId": ids[0], "model": "b"}]
    with pytest.raises(AirflowFailException, match="several rows with different values"):
        update(records=records, custom_metadata_columns={"camera": "model"})


def test_no_files_cause_no_request(server: ImageKitEmulator) -> None:
    assert update(file_ids=[], add_tags=["a"])["counts"] == {"files": 0, "updated": 0, "failed": 0}
    assert update(file_ids="[]", add_tags=["a"])["counts"]["files"] == 0
    assert writes(server) == []


def test_a_locked_file_fails_the_task_with_a_retry(
    server: ImageKitEmulator, ids: list[str], clock: Clock
) -> None:
    operator = UpdateFilesOperator(task_id="update", file_ids=ids, published=False)
    operator.hook = hook_on(clock)
    server.inject(match=ids[1], times=None, status=423)
    with pytest.raises(Exception, match="1 file failed") as raised:
        operator.execute(context())
    assert not isinstance(raised.value, AirflowFailException)
    assert details(ids[2])["isPublished"] is False
