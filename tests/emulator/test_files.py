from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_imagekit.emulator import ImageKitEmulator

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN_ID = "0" * 24
NO_PICTURE = "The requested file does not exist or is inaccessible at this time."
HELP = "For support kindly contact us at support@imagekit.io."


def test_metadata_by_id_describes_the_picture(ik, get):
    found = get(f"/v1/files/{ik.file_id('folder/a.jpg')}/metadata").json()
    assert list(found) == [
        "height", "width", "size", "format", "hasColorProfile", "quality", "density",
        "hasTransparency", "exif", "pHash",
    ]  # fmt: skip
    assert (found["width"], found["height"], found["format"], found["density"]) == (320, 200, "jpg", 300)
    assert found["size"] == len(get(ik.file_url("folder/a.jpg")).content)
    assert re.fullmatch("[0-9a-f]{16}", found["pHash"])
    assert found["exif"] == {}


def test_metadata_by_url_equals_metadata_by_id(ik, get):
    by_id = get(f"/v1/files/{ik.file_id('folder/a.jpg')}/metadata").json()
    assert get("/v1/metadata", params={"url": ik.file_url("folder/a.jpg")}).json() == by_id


@pytest.mark.parametrize("form", ["/tr:w-100,h-50/folder/a.jpg", "/folder/a.jpg?tr=w-100,h-50"])
def test_metadata_of_a_transforming_url_is_that_of_the_output(ik, get, form):
    url = ik.url_endpoint + form
    found = get("/v1/metadata", params={"url": url}).json()
    assert (found["width"], found["height"]) == (100, 50)
    assert found["size"] == len(get(url).content)


def test_every_api_response_has_request_id_and_limits(ik, get):
    responses = [
        get("/v1/files"),
        get(f"/v1/files/{UNKNOWN_ID}/metadata"),
        requests.get(ik.url + "/v1/files", timeout=10),
    ]
    assert [response.status_code for response in responses] == [200, 404, 401]
    for response in responses:
        assert response.headers["x-ik-requestId"]
        for name in ("X-RateLimit-Limit", "X-RateLimit-Reset", "X-RateLimit-Interval"):
            assert int(response.headers[name]) >= 0
        assert "Retry-After" not in response.headers
    assert len({response.headers["x-ik-requestId"] for response in responses}) == len(responses)


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        (f"/v1/files/{UNKNOWN_ID}/metadata", 404, NO_PICTURE),
        (f"/v1/files/{UNKNOWN_ID}/details", 404, "The requested file does not exist."),
        ("/v1/files/not-an-id/metadata", 400, "Your request contains invalid fileId parameter."),
        ("/v1/metadata?url=https%3A%2F%2Fexample.com%2Fa.jpg", 400,
         "https://example.com/a.jpg should be accessible using your ImageKit.io account."),
        ("/v1/files?limit=0", 400, "Minimum value of limit parameter is 1. Value sent is 0."),
        ("/v1/files?limit=2000", 400, "Maximum value of limit parameter is 1000. Value sent is 2000."),
        ("/v1/files?skip=-1", 400,
         "The value of skip parameter should be greater than or equal to 0. Value sent is -1."),
        ("/v1/files?sort=UP", 400, "Your request contains invalid value for sort parameters."),
        ("/v1/files?type=dir", 400,
         ("Your request contains invalid value for type parameter. "
          "Please provide one of the following: file, file-version, folder, all.")),
    ],
)  # fmt: skip
def test_errors_are_the_documented_ones(get, target, status, message):
    response = get(target)
    assert response.status_code == status
    assert response.json()["message"] == message
    assert response.json()["help"] == HELP


def test_a_malformed_id_has_an_error_type(get):
    assert get("/v1/files/XYZ/metadata").json()["type"] == "INVALID_PARAM_ERROR"


def test_a_missing_picture_by_url_is_404(ik, get):
    assert get("/v1/metadata", params={"url": ik.file_url("folder/none.jpg")}).status_code == 404


def test_a_corrupt_picture_is_400(ik, get, library: Path):
    (library / "broken.jpg").write_bytes((library / "folder" / "a.jpg").read_bytes()[:600])
    response = get(f"/v1/files/{ik.file_id('broken.jpg')}/metadata")
    assert (response.status_code, response.json()["message"]) == (
        400,
        "The requested file is corrupt or invalid.",
    )


def test_a_file_that_is_not_a_picture_has_no_phash(ik, get):
    response = get(f"/v1/files/{ik.file_id('notes.txt')}/metadata")
    assert response.status_code == 200
    assert "pHash" not in response.json()


def test_a_missing_key_is_401_and_a_wrong_one_403(ik):
    url = ik.url + "/v1/files"
    missing = requests.get(url, timeout=10)
    wrong = requests.get(url, auth=("private_wrong", ""), timeout=10)
    assert (missing.status_code, missing.json()["message"]) == (
        401,
        "Your request does not contain private API key.",
    )
    assert (wrong.status_code, wrong.json()["message"]) == (403, "Your account cannot be authenticated.")


def test_the_password_is_ignored_and_the_raw_key_is_accepted(ik):
    url = ik.url + "/v1/files"
    assert requests.get(url, auth=(ik.private_key, "do_not_set"), timeout=10).status_code == 200
    raw = requests.get(url, headers={"Authorization": f"Basic {ik.private_key}"}, timeout=10)
    assert raw.status_code == 200


def test_a_rotated_key_is_refused_as_expired(ik, get):
    ik.private_key = "private_next"
    response = get("/v1/files")
    assert (response.status_code, response.json()["message"]) == (
        403,
        "Your request contains expired private API key.",
    )
    assert requests.get(ik.url + "/v1/files", auth=("private_next", ""), timeout=10).status_code == 200


def test_the_listing_is_a_bare_array_of_files_without_phash(ik, get):
    files = get("/v1/files").json()
    assert {file["filePath"] for file in files} == {
        "/folder/a.jpg",
        "/folder/b.png",
        "/top.webp",
        "/notes.txt",
    }
    assert all(file["type"] == "file" and "pHash" not in file for file in files)
    assert files == sorted(ik.files(), key=lambda file: file["createdAt"])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"path": "/folder"}, {"a.jpg", "b.png"}),
        ({"path": "folder/", "type": "all"}, {"a.jpg", "b.png"}),
        ({"path": "/", "type": "all"}, {"folder", "top.webp", "notes.txt"}),
        ({"type": "folder"}, {"folder"}),
        ({"fileType": "image"}, {"a.jpg", "b.png", "top.webp"}),
        ({"fileType": "non-image"}, {"notes.txt"}),
        ({"name": "a.jpg"}, {"a.jpg"}),
        ({"type": "file-version"}, set()),
    ],
)
def test_the_listing_is_narrowed_by_its_parameters(get, query, names):
    assert {item["name"] for item in get("/v1/files", params=query).json()} == names


def test_pages_cover_the_listing_without_overlap(get):
    whole = [file["fileId"] for file in get("/v1/files?sort=ASC_NAME").json()]
    pages = [get(f"/v1/files?sort=ASC_NAME&limit=1&skip={skip}").json() for skip in range(len(whole) + 1)]
    assert [page[0]["fileId"] for page in pages[:-1]] == whole
    assert pages[-1] == []


@pytest.mark.parametrize("key", ["NAME", "SIZE", "WIDTH", "HEIGHT", "CREATED", "UPDATED"])
def test_descending_order_is_the_ascending_one_reversed(get, key):
    field = {"NAME": "name", "SIZE": "size", "WIDTH": "width", "HEIGHT": "height"}.get(
        key, key.lower() + "At"
    )
    query = {"fileType": "image"}
    ascending = [file[field] for file in get("/v1/files", params={**query, "sort": f"ASC_{key}"}).json()]
    descending = [file[field] for file in get("/v1/files", params={**query, "sort": f"DESC_{key}"}).json()]
    assert ascending == sorted(ascending)
    assert descending == ascending[::-1]


def test_details_equal_the_listing(ik, get):
    listed = get("/v1/files?name=a.jpg").json()[0]
    assert get(f"/v1/files/{listed['fileId']}/details").json() == listed
    assert get(listed["url"]).content == get(ik.file_url("folder/a.jpg")).content


def test_ids_are_the_same_in_every_run(ik, library: Path):
    with ImageKitEmulator(library=library) as other:
        assert [file["fileId"] for file in other.files()] == [file["fileId"] for file in ik.files()]
        assert re.fullmatch("[0-9a-f]{24}", other.file_id("folder/a.jpg"))
