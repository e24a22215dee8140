"""The client's writes: their effects, retries after a lost response, and their separate rate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.client import ImageKitClient, changes
from airflow_provider_imagekit.client.rate_limit import RateLimiter
from airflow_provider_imagekit.client.settings import ClientSettings
from airflow_provider_imagekit.client.transport import SLOWEST_UPLOAD, UPLOAD_BASE_URL, Transport
from airflow_provider_imagekit.client.writes import FILE_IS_MISSING
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import (
    ImageKitBadRequestError,
    ImageKitError,
    ImageKitInputError,
    ImageKitRateLimitError,
    ImageKitResponseError,
    ImageKitServerError,
    ImageKitTransportError,
    UnknownOutcomeError,
)
from tests import pictures
from tests.support import Clock, client_of, free_port

IDS = ["a" * 24]

#: One request for each kind in :data:`changes.REPEATABLE`.
REQUESTS: dict[str, Callable[[ImageKitEmulator], Any]] = {
    "add_tags": lambda _: changes.add_tags(IDS, ["new"]),
    "remove_tags": lambda _: changes.remove_tags(IDS, ["new"]),
    "update_file": lambda _: changes.update_file(IDS[0], published=True),
    "delete_files": lambda _: changes.delete_files(IDS),
    "purge_cache": lambda imagekit: changes.purge_cache(f"{imagekit.url_endpoint}/a.jpg"),
    "upload_file": lambda _: changes.upload_file(b"content", "file.txt"),
    "upload_file, overwriting or with a unique name": lambda _: changes.upload_file(
        b"content", "file.txt", overwrite=True
    ),
    "copy_folder": lambda _: changes.copy_folder("/shop", "/copies"),
    "move_folder": lambda _: changes.move_folder("/shop", "/elsewhere"),
    "rename_folder": lambda _: changes.rename_folder("/shop", "others"),
    "create_custom_metadata_field": lambda _: changes.create_custom_metadata_field(
        "camera", "Camera", {"type": "Text"}
    ),
}
#: Faults of the emulator after which ImageKit may have processed the request.
UNCLEAR: list[tuple[dict[str, Any], type[ImageKitError]]] = [
    ({"drop": "before"}, ImageKitTransportError),
    ({"status": 500, "drop": "before"}, ImageKitTransportError),
    ({"drop": "middle"}, ImageKitTransportError),
    ({"status": 500}, ImageKitServerError),
    ({"status": 503}, ImageKitServerError),
    ({"status": 408}, ImageKitServerError),
    ({"garbage": True}, ImageKitTransportError),
]
REJECTIONS: list[dict[str, Any]] = [
    {"status": 429, "headers": {"X-RateLimit-Reset": "2000"}},
    {"status": 423},
    {"status": 425},
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ImageKitEmulator]:
    """A local server with a library that tests may change."""
    with ImageKitEmulator(library=pictures.draw(tmp_path / "library")) as emulator:
        yield emulator


def test_every_kind_of_write_is_tested() -> None:
    assert set(REQUESTS) == set(changes.REPEATABLE)


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize(("fault", "error"), UNCLEAR, ids=lambda value: str(value))
def test_a_write_whose_answer_is_lost_is_repeated_only_where_that_is_safe(
    imagekit: ImageKitEmulator, client: ImageKitClient, kind: str, fault: dict[str, Any], error: type
) -> None:
    imagekit.inject(times=None, **({"status": 200, "body": {}} | fault))
    with pytest.raises(ImageKitError) as raised:
        client.call(REQUESTS[kind](imagekit))
    if changes.REPEATABLE[kind]:
        assert isinstance(raised.value, error)
        assert len(imagekit.requests) == 6
    else:
        assert isinstance(raised.value, UnknownOutcomeError)
        assert not raised.value.retryable
        assert len(imagekit.requests) == 1


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("fault", REJECTIONS, ids=lambda fault: str(fault["status"]))
def test_a_write_that_was_refused_before_it_began_is_always_repeated(
    imagekit: ImageKitEmulator, client: ImageKitClient, kind: str, fault: dict[str, Any]
) -> None:
    imagekit.inject(times=2, **fault)
    imagekit.inject(status=200, body={"done": 1})
    assert client.call(REQUESTS[kind](imagekit)) == {"done": 1}
    assert len(imagekit.requests) == 3


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_write_that_reached_nobody_is_always_repeated(
    imagekit: ImageKitEmulator, clock: Clock, kind: str
) -> None:
    client = client_of(imagekit, clock, base_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ImageKitTransportError) as raised:
        client.call(REQUESTS[kind](imagekit))
    assert not raised.value.sent
    assert len(clock.slept) == 5


def test_a_timeout_leaves_a_folder_job_in_doubt(imagekit: ImageKitEmulator, clock: Clock) -> None:
    imagekit.inject(delay=0.6, times=None)
    client = client_of(imagekit, clock, timeout=0.2)
    with pytest.raises(UnknownOutcomeError, match="may or may not have processed"):
        client.copy_folder("/nowhere", "/copies")
    assert len(imagekit.requests) == 1


def test_tags_whose_answer_was_lost_are_there_once(server: ImageKitEmulator, clock: Clock) -> None:
    client, file_id = client_of(server, clock), server.file_id(pictures.ORIGINAL)
    server.inject(drop="before")
    assert client.add_tags([file_id], ["one", "two"]) == {}
    assert len(server.requests) == 2
    assert client.get_file_details(file_id)["tags"] == ["one", "two"]


def test_equal_writes_at_the_same_time_are_all_sent(imagekit: ImageKitEmulator, clock: Clock) -> None:
    client = client_of(imagekit, clock)
    imagekit.inject(status=200, body={}, delay=0.2, times=None)
    threads = [threading.Thread(target=client.call, args=(changes.add_tags(IDS, ["a"]),)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(imagekit.requests) == 5


def test_writes_keep_to_their_own_rate_and_reads_do_not_wait(
    imagekit: ImageKitEmulator, clock: Clock
) -> None:
    imagekit.inject(status=200, body={"successfullyUpdatedFileIds": IDS}, times=None)
    slow = RateLimiter(4, burst=1, clock=clock, sleep=clock.sleep)
    client = client_of(imagekit, clock, write_rate_limiter=slow)
    for _ in range(9):
        client.add_tags(IDS, ["a"])
    assert clock.now - 1000 == pytest.approx(2.0)
    for _ in range(20):
        client.get_file_details(IDS[0])
    assert clock.now - 1000 == pytest.approx(2.0)


def test_a_refused_write_holds_back_writes_alone(imagekit: ImageKitEmulator, clock: Clock) -> None:
    client = client_of(imagekit, clock, max_retries=0)
    imagekit.inject(status=429, headers={"X-RateLimit-Reset": "30000"})
    with pytest.raises(ImageKitRateLimitError):
        client.add_tags(IDS, ["a"])
    imagekit.inject(status=200, body={"successfullyUpdatedFileIds": IDS}, times=None)
    client.get_file_details(IDS[0])
    assert clock.slept == []
    client.add_tags(IDS, ["a"])
    assert sum(clock.slept) == pytest.approx(30, abs=1)


def test_tags_go_out_fifty_files_at_a_time_and_what_failed_is_told_by_file(
    server: ImageKitEmulator, clock: Clock
) -> None:
    client, file_id = client_of(server, clock), server.file_id(pictures.ORIGINAL)
    gone = [f"{number:024x}" for number in range(120)]
    errors = client.add_tags([file_id, *gone], ["new"])
    assert set(errors) == set(gone)
    assert set(errors.values()) == {FILE_IS_MISSING}
    assert [request.path for request in server.requests] == ["/v1/files/addTags"] * 3
    assert client.get_file_details(file_id)["tags"] == ["new"]


def test_files_that_a_404_names_are_left_out_and_the_others_changed(
    imagekit: ImageKitEmulator, client: ImageKitClient
) -> None:
    imagekit.inject(status=404, body={"message": "Some do not exist.", "missingFileIds": ["b" * 24]})
    imagekit.inject(status=200, body={"successfullyUpdatedFileIds": IDS})
    assert client.remove_tags([*IDS, "b" * 24], ["x"]) == {"b" * 24: FILE_IS_MISSING}
    assert len(imagekit.requests) == 2


def test_an_answer_that_says_nothing_of_a_file_is_an_error(
    imagekit: ImageKitEmulator, client: ImageKitClient
) -> None:
    imagekit.inject(status=200, body={"successfullyUpdatedFileIds": []}, times=None)
    with pytest.raises(
        ImageKitResponseError, match=f"does not list 1 of the requested files, such as {IDS[0]}"
    ):
        client.add_tags(IDS, ["a"])
    with pytest.raises(ImageKitResponseError, match="no jobId"):
        client.move_folder("/a", "/b")


def test_a_lost_deletion_reports_the_files_as_missing(server: ImageKitEmulator, clock: Clock) -> None:
    client, file_id = client_of(server, clock), server.file_id(pictures.ORIGINAL)
    server.inject(drop="before")
    assert client.delete_files([file_id]) == {file_id: FILE_IS_MISSING}


def test_an_upload_brings_its_metadata_and_is_one_request(
    server: ImageKitEmulator, clock: Clock, library: Path
) -> None:
    client = client_of(server, clock)
    content = (library / pictures.ORIGINAL).read_bytes()
    answer = client.upload_file(
        content, "new.jpg", folder="/in", tags=["a", "b"], response_fields=["metadata", "tags"]
    )
    assert answer["filePath"] == "/in/new.jpg"
    assert answer["tags"] == ["a", "b"]
    assert len(answer["metadata"]["pHash"]) == 16
    assert len(server.requests) == 1


def test_an_upload_to_a_name_that_is_taken_is_refused(server: ImageKitEmulator, clock: Clock) -> None:
    client = client_of(server, clock)
    client.upload_file(b"one", "note.txt")
    with pytest.raises(ImageKitBadRequestError, match="already exists"):
        client.upload_file(b"two", "note.txt")


def test_uploads_go_to_the_vendors_upload_host_alone_and_have_time_by_their_size() -> None:
    vendor = Transport(ClientSettings("private_a"), "https://api.imagekit.io", "")
    local = Transport(ClientSettings("private_a"), "http://127.0.0.1:1", "")
    upload = changes.upload_file(b"x" * (10 * SLOWEST_UPLOAD), "a.bin")
    assert vendor.server_of(upload) == UPLOAD_BASE_URL
    assert vendor.server_of(changes.purge_cache("https://x/a")) == "https://api.imagekit.io"
    assert local.server_of(upload) == "http://127.0.0.1:1"
    assert vendor.seconds_for(upload) == 70.0
    assert vendor.seconds_for(changes.folder_job("a")) == 60.0


def test_jobs_purges_usage_and_fields_are_read_back(server: ImageKitEmulator, clock: Clock) -> None:
    client = client_of(server, clock)
    purge = client.purge_cache(f"{server.url_endpoint}/*")
    assert client.get_purge_status(purge) == "Completed"
    job = client.copy_folder("/shop", "/copies", include_versions=True)
    assert client.get_folder_job(job)["status"] == "Completed"
    assert client.get_folder_job(client.rename_folder("/copies/shop", "old"))["type"] == "RENAME_FOLDER"
    assert client.get_folder_job(client.move_folder("/copies/old", "/more"))["type"] == "MOVE_FOLDER"
    assert client.get_usage("2026-11-01", "2026-11-27")["mediaLibraryStorageBytes"] > 0
    field = client.create_custom_metadata_field("camera", "Camera", {"type": "Text"})
    assert client.list_custom_metadata_fields() == [field]


def test_details_are_changed_and_what_is_wrong_with_a_field_is_named(
    server: ImageKitEmulator, clock: Clock
) -> None:
    client, file_id = client_of(server, clock), server.file_id(pictures.ORIGINAL)
    changed = client.update_file(file_id, tags=["a"], published=False, description="d")
    assert (changed["tags"], changed["isPublished"], changed["description"]) == (["a"], False, "d")
    server.inject(status=400, body={"message": "Invalid custom metadata.", "errors": {"price": "too low"}})
    with pytest.raises(ImageKitBadRequestError, match="price: too low"):
        client.update_file(file_id, custom_metadata={"price": 1})


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: changes.add_tags([], ["a"]), "file_ids has 0 ids"),
        (lambda: changes.add_tags(["a"] * 51, ["a"]), "file_ids has 51 ids"),
        (lambda: changes.add_tags(IDS, []), "tags is empty"),
        (lambda: changes.add_tags(IDS, ["50%"]), "'50%' is not valid"),
        (lambda: changes.add_tags(IDS, ["x" * 501]), "501 characters"),
        (lambda: changes.delete_files(["a"] * 101), "file_ids has 101 ids"),
        (lambda: changes.update_file(IDS[0]), "changes nothing"),
        (lambda: changes.update_file("..", published=True), "placeholder"),
        (lambda: changes.upload_file(b"", " "), "file_name is empty"),
        (lambda: changes.rename_folder("/a", ""), "new_name is empty"),
    ],
)
def test_invalid_arguments_are_rejected_before_a_request(build: Any, says: str) -> None:
    with pytest.raises(ImageKitInputError, match=says):
        build()
