"""Endpoints that tag or delete many files at once."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_imagekit.emulator import ImageKitEmulator, RateLimit, RateLimits
from tests.emulator.drawing import pictures

UNKNOWN_ID = "0" * 24


@pytest.fixture
def post(ik):
    def post(path: str, body: object) -> requests.Response:
        return requests.post(ik.url + path, auth=(ik.private_key, ""), json=body, timeout=10)

    return post


def tags_of(ik: ImageKitEmulator, path: str) -> list[str] | None:
    return next(file["tags"] for file in ik.files() if file["fileId"] == ik.file_id(path))


def test_tags_are_added_to_and_removed_from_many_files(ik, post):
    ids = [ik.file_id(name) for name in pictures()]
    for tags in (["a", "b"], ["b", "c"]):
        response = post("/v1/files/addTags", {"fileIds": ids, "tags": tags})
        assert (response.status_code, response.json()) == (200, {"successfullyUpdatedFileIds": ids})
    assert tags_of(ik, "top.webp") == ["a", "b", "c"]
    post("/v1/files/removeTags", {"fileIds": ids, "tags": ["a", "b"]})
    assert tags_of(ik, "top.webp") == ["c"]
    post("/v1/files/removeTags", {"fileIds": ids, "tags": ["c"]})
    assert tags_of(ik, "top.webp") is None


def test_failed_files_are_listed_with_their_errors(ik, post):
    known, full = ik.file_id("top.webp"), ik.file_id("folder/a.jpg")
    post("/v1/files/addTags", {"fileIds": [full], "tags": ["x" * 500]})
    response = post("/v1/files/addTags", {"fileIds": [known, UNKNOWN_ID, full], "tags": ["a"]})
    assert response.status_code == 207
    assert response.json()["successfullyUpdatedFileIds"] == [known]
    errors = {error["fileId"]: error["error"] for error in response.json()["errors"]}
    assert errors[UNKNOWN_ID] == "The requested file does not exist."
    assert "500" in errors[full]
    assert tags_of(ik, "top.webp") == ["a"]


@pytest.mark.parametrize("path", ["addTags", "removeTags", "batch/deleteByFileIds"])
def test_unknown_files_alone_are_not_found(post, path):
    response = post(f"/v1/files/{path}", {"fileIds": [UNKNOWN_ID], "tags": ["a"]})
    assert (response.status_code, response.json()["missingFileIds"]) == (404, [UNKNOWN_ID])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fileIds": [], "tags": ["a"]},
        {"fileIds": "x", "tags": ["a"]},
        {"fileIds": ["not-an-id"], "tags": ["a"]},
        {"fileIds": [UNKNOWN_ID] * 51, "tags": ["a"]},
        {"fileIds": [UNKNOWN_ID], "tags": []},
        {"fileIds": [UNKNOWN_ID], "tags": "a"},
        {"fileIds": [UNKNOWN_ID], "tags": ["50%"]},
    ],
)
def test_a_bad_bulk_request_is_refused(post, body):
    assert post("/v1/files/addTags", body).status_code == 400


def test_many_files_are_deleted(ik, post):
    ids = [ik.file_id("top.webp"), UNKNOWN_ID, ik.file_id("folder/a.jpg")]
    response = post("/v1/files/batch/deleteByFileIds", {"fileIds": ids})
    assert response.status_code == 207
    assert response.json()["successfullyDeletedFileIds"] == [ids[0], ids[2]]
    assert {file["name"] for file in ik.files()} == {"b.png", "notes.txt"}
    assert post("/v1/files/batch/deleteByFileIds", {"fileIds": [UNKNOWN_ID] * 101}).status_code == 400


def test_writes_have_a_separate_rate_limit(library):
    limits = RateLimits(write=(RateLimit(2, 60_000),))
    with ImageKitEmulator(library=library, rate_limits=limits) as ik:
        body = {"fileIds": [ik.file_id("top.webp")], "tags": ["a"]}
        auth = (ik.private_key, "")
        statuses = [
            requests.post(ik.url + "/v1/files/addTags", auth=auth, json=body, timeout=10).status_code
            for _ in range(3)
        ]
        assert statuses == [200, 200, 429]
        assert all(requests.get(ik.url + "/v1/files", auth=auth, timeout=10).ok for _ in range(5))
