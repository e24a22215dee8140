"""Uploads: sources, existing names, lost responses, and the check for near-duplicates."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException, AirflowSkipException, ObjectStoragePath
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import NearDuplicateError, UnknownOutcomeError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.upload import UploadFileOperator
from tests import pictures
from tests.doubles import TaskInstance, context
from tests.operators.clocked import hook_on
from tests.support import Clock


def upload(file: Any, **arguments: Any) -> dict[str, Any]:
    operator = UploadFileOperator(task_id="upload", file=file, **arguments)
    result: dict[str, Any] = operator.execute(context())
    json.dumps(result, allow_nan=False)
    return result


def pictures_of(seed: int) -> bytes:
    file = io.BytesIO()
    pictures.scene(seed).save(file, "JPEG")
    return file.getvalue()


def uploads(server: ImageKitEmulator) -> int:
    return sum(request.path == "/api/v1/files/upload" for request in server.requests)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """A picture that the library does not have."""
    file = tmp_path / "new_picture.jpg"
    pictures.scene(7).save(file, quality=90)
    return file


@pytest.fixture
def bank(tmp_path: Path, server: ImageKitEmulator) -> str:
    """A table of the library's hashes."""
    hook, table = ImageKitHook(), tmp_path / "bank.jsonl"
    names = (pictures.ORIGINAL, pictures.UNRELATED)
    rows = [{"id": name, "phash": str(hook.get_phash(file_id=server.file_id(name)))} for name in names]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    server.clear()
    return str(table)


def test_a_path_of_this_machine_is_uploaded_with_its_metadata_in_one_request(
    server: ImageKitEmulator, new: Path
) -> None:
    found = upload(str(new), folder="/in/today", tags=["a", "b"], response_fields=["metadata", "tags"])
    assert found["filePath"] == "/in/today/new_picture.jpg"
    assert (found["uploaded"], found["dry_run"], found["duplicate"]) == (True, False, None)
    assert found["tags"] == ["a", "b"]
    assert found["metadata"]["pHash"] == str(ImageKitHook().get_phash(file_id=found["fileId"]))
    assert server.requests[0].path == "/api/v1/files/upload"
    assert uploads(server) == 1


def test_stores_paths_bytes_and_urls_are_uploaded_too(server: ImageKitEmulator, new: Path) -> None:
    content = new.read_bytes()
    assert upload(ObjectStoragePath(new.as_uri()), folder="/1")["size"] == len(content)
    assert upload(new.as_uri(), folder="/2")["size"] == len(content)
    assert upload(new, folder="/3")["size"] == len(content)
    assert upload(content, file_name="x.jpg", folder="/4")["filePath"] == "/4/x.jpg"
    found = upload(server.file_url(pictures.ORIGINAL), folder="/5", custom_metadata={"camera": "Canon"})
    assert found["filePath"] == "/5/original.jpg"


def test_links_and_asset_events_are_those_of_the_file(server: ImageKitEmulator, new: Path) -> None:
    task = TaskInstance()
    found = UploadFileOperator(task_id="upload", file=str(new)).execute(context(ti=task))
    assert task.pushed["imagekit_file_url"] == found["url"]
    assert found["fileId"] in task.pushed["imagekit_media_library_url"]


@pytest.mark.parametrize("distance", ["near_duplicate", 8])
def test_a_near_duplicate_is_refused_before_the_upload(
    server: ImageKitEmulator, bank: str, library: Path, distance: Any
) -> None:
    with pytest.raises(
        AirflowFailException, match=r"resized.png is a near-duplicate and was not uploaded. The nearest"
    ) as raised:
        upload(str(library / pictures.RESIZED), duplicate_of=bank, max_distance=distance)
    assert isinstance(raised.value.__context__, NearDuplicateError)
    assert server.requests == []


def test_a_near_duplicate_can_skip_the_task_or_be_tagged(
    server: ImageKitEmulator, bank: str, library: Path
) -> None:
    copy = str(library / pictures.RESIZED)
    with pytest.raises(AirflowSkipException, match="not uploaded"):
        upload(copy, duplicate_of=bank, on_duplicate="skip")
    assert uploads(server) == 0
    found = upload(
        copy, duplicate_of=bank, on_duplicate="tag", tags="mine", folder="/in", response_fields="tags"
    )
    assert found["tags"] == ["mine", "near-duplicate"]
    assert found["duplicate"]["reference_id"] == pictures.ORIGINAL
    assert found["duplicate"]["matched"] is True


def test_a_folder_of_the_library_can_be_compared_with(
    server: ImageKitEmulator, library: Path, new: Path
) -> None:
    with pytest.raises(AirflowFailException, match="/shop/"):
        upload((library / pictures.RESIZED).read_bytes(), file_name="copy.png", duplicate_of="/shop")
    assert upload(str(new), duplicate_of="/shop")["duplicate"]["decision"] == "different"


def test_a_file_without_a_hash_is_uploaded_as_undecidable(server: ImageKitEmulator, bank: str) -> None:
    found = upload(b"%PDF-1.4\n%%EOF\n", file_name="a.pdf", duplicate_of=bank)
    assert (found["uploaded"], found["duplicate"]["decision"]) == (True, "undecidable")


def test_a_url_of_the_account_is_compared_by_imagekits_hash(server: ImageKitEmulator, bank: str) -> None:
    with pytest.raises(AirflowFailException, match="was not uploaded"):
        upload(server.file_url(pictures.RECOMPRESSED), duplicate_of=bank)
    with pytest.raises(AirflowFailException, match="must belong to the account"):
        upload("https://elsewhere.example/a.jpg", duplicate_of=bank)
    assert uploads(server) == 0


def test_an_existing_name_fails_skips_is_used_or_gets_a_version(
    server: ImageKitEmulator, new: Path, clock: Clock
) -> None:
    first = upload(pictures_of(8), file_name=new.name)
    with pytest.raises(AirflowFailException, match=r"A file already exists at /new_picture.jpg"):
        upload(str(new))
    with pytest.raises(AirflowSkipException):
        upload(str(new), on_existing="skip")
    used = upload(str(new), on_existing="use", response_fields=[])
    assert (used["fileId"], used["uploaded"]) == (first["fileId"], False)
    replaced = upload(str(new), on_existing="overwrite")
    assert (replaced["fileId"], replaced["size"]) == (first["fileId"], new.stat().st_size)


@pytest.mark.parametrize("unique", [False, True])
def test_an_upload_whose_response_was_lost_exists_once(
    server: ImageKitEmulator, new: Path, clock: Clock, unique: bool
) -> None:
    server.inject(match="upload", drop="before")
    operator = UploadFileOperator(task_id="upload", file=str(new), folder="/in", unique_name=unique)
    operator.hook = hook_on(clock)
    found = operator.execute(context())
    assert found["uploaded"] is True
    assert len(found["metadata"]["pHash"]) == 16
    assert len(list(ImageKitHook().list_files(path="/in"))) == 1
    assert uploads(server) == 2


def test_a_lost_overwrite_is_not_repeated(server: ImageKitEmulator, new: Path) -> None:
    server.inject(match="upload", drop="before")
    with pytest.raises(AirflowFailException, match="may or may not have processed") as raised:
        upload(str(new), on_existing="overwrite")
    assert isinstance(raised.value.__context__, UnknownOutcomeError)
    assert uploads(server) == 1


def test_unique_names_differ_between_tasks_and_not_between_tries(server: ImageKitEmulator, new: Path) -> None:
    names = [upload(str(new), unique_name="true")["name"] for _ in range(2)]
    task = TaskInstance()
    task.map_index = 3
    other = UploadFileOperator(task_id="upload", file=str(new), unique_name=True).execute(context(ti=task))
    assert names[0] == names[1] != other["name"]


def test_a_dry_run_compares_and_uploads_nothing(server: ImageKitEmulator, bank: str, new: Path) -> None:
    found = upload(str(new), folder="in", duplicate_of=bank, dry_run=True)
    assert (found["dry_run"], found["filePath"]) == (True, "/in/new_picture.jpg")
    assert found["duplicate"]["decision"] == "different"
    assert uploads(server) == 0


def test_an_unknown_custom_field_is_refused_and_nothing_is_uploaded(
    server: ImageKitEmulator, new: Path
) -> None:
    ImageKitHook().create_custom_metadata_field("camera", "Camera", {"type": "Text"})
    with pytest.raises(AirflowFailException, match="kamera: no such custom metadata field"):
        upload(str(new), custom_metadata={"kamera": "Canon"}, folder="/in")
    assert list(ImageKitHook().list_files(path="/in")) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"file": "/nowhere/at all.jpg"}, "There is no file at"),
        ({"file": "None"}, "file is 'None': the template gave None"),
        ({"file": None}, "file is None"),
        ({"file": ""}, "file is ''"),
        ({"file": "[]"}, "a list instead of a text"),
        ({"file": b""}, "is empty"),
        ({"file": b"x"}, "bytes without a name"),
        ({"file": b"x", "file_name": "None"}, "file_name is 'None'"),
        ({"file": "https://ik.imagekit.io/"}, "names no file"),
        ({"file": b"x", "file_name": "a", "duplicate_of": "None"}, "duplicate_of is 'None'"),
        ({"file": b"x", "file_name": "a", "duplicate_of": "shop"}, "neither a table nor a folder"),
        ({"file": b"x", "file_name": "a", "duplicate_of": "/a", "max_distance": 40}, "max_distance|40"),
        ({"file": b"x", "file_name": "a", "on_duplicate": "perhaps"}, "on_duplicate is 'perhaps'"),
        ({"file": b"x", "file_name": "a", "on_existing": ""}, "on_existing is ''"),
        ({"file": b"x", "file_name": "a", "response_fields": "phash"}, "response_fields names 'phash'"),
        ({"file": b"x", "file_name": "a", "tags": "None"}, "tags is 'None'"),
        ({"file": b"x", "file_name": "a", "tags": ["a%"]}, "'a%' is not valid"),
        ({"file": b"x", "file_name": "a", "custom_metadata": "text"}, "custom_metadata is 'text'"),
        ({"file": b"x", "file_name": "a", "folder": "None"}, "folder is 'None'"),
        ({"file": b"x", "file_name": "a", "unique_name": None}, "unique_name is None"),
    ],
    ids=str,
)
def test_invalid_arguments_are_refused_before_a_request(
    server: ImageKitEmulator, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(AirflowFailException, match=says):
        upload(**arguments)
    assert server.requests == []


@pytest.mark.slow
def test_two_hundred_files_with_twenty_near_duplicates(
    server: ImageKitEmulator, bank: str, tmp_path: Path
) -> None:
    fresh, copies = 180, 20
    original = pictures.scene(1)
    files = []
    for number in range(fresh + copies):
        file = tmp_path / f"{number:03}.jpg"
        small = (200, 150) if number < fresh else (320 + number, 240)
        (pictures.scene(1000 + number) if number < fresh else original).resize(small).save(file, quality=80)
        files.append(file)
    server.clear()
    refused, metadata = 0, []
    for file in files:
        try:
            metadata.append(upload(str(file), folder="/in", duplicate_of=bank)["metadata"])
        except AirflowFailException as error:
            refused += isinstance(error.__context__, NearDuplicateError)
    assert (refused, len(metadata)) == (copies, fresh)
    assert all(len(each["pHash"]) == 16 for each in metadata)
    assert [request.path for request in server.requests] == ["/api/v1/files/upload"] * fresh
