from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from jsonschema import Draft202012Validator

from airflow_provider_imagekit.emulator import ImageKitEmulator, RateLimits
from airflow_provider_imagekit.emulator.description.schemas import (
    ASSETS,
    ERROR,
    FILE,
    METADATA,
    UPLOAD,
    VERSIONS,
)
from tests.emulator.drawing import draw, encode

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN_ID = "0" * 24


def check(response: requests.Response, schema: dict, status: int = 200) -> None:
    assert response.status_code == status, response.text
    Draft202012Validator(schema).validate(response.json())


def test_every_metadata_response_has_the_described_shape(ik, get):
    for file in ik.files():
        check(get(f"/v1/files/{file['fileId']}/metadata"), METADATA)
        check(get("/v1/metadata", params={"url": file["url"]}), METADATA)
        check(get("/v1/metadata", params={"url": file["thumbnail"]}), METADATA)


@pytest.mark.parametrize("type_", ["file", "folder", "all", "file-version"])
def test_every_listing_has_the_described_shape(get, type_):
    check(get("/v1/files", params={"type": type_}), ASSETS)


def test_uploads_versions_and_updates_have_the_described_shape(ik, get):
    auth = (ik.private_key, "")
    fields = "tags,customCoordinates,isPrivateFile,embeddedMetadata,isPublished,customMetadata,metadata"
    for seed in (1, 2):
        form = {
            "file": ("x", encode(draw(seed=seed))),
            "fileName": (None, "x.jpg"),
            "useUniqueFileName": (None, "false"),
            "responseFields": (None, fields),
        }
        uploaded = requests.post(f"{ik.url}/api/v1/files/upload", auth=auth, files=form, timeout=10)
        check(uploaded, UPLOAD)
        assert set(fields.split(",")) <= set(uploaded.json())
    path = f"/v1/files/{uploaded.json()['fileId']}"
    check(get(path + "/details"), FILE)
    check(get(path + "/versions"), VERSIONS)
    assert len(get(path + "/versions").json()) == 2
    body = {"tags": ["a"], "description": "d"}
    check(requests.patch(ik.url + path + "/details", auth=auth, json=body, timeout=10), FILE)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/files/x/metadata", 400),
        (f"/v1/files/{UNKNOWN_ID}/metadata", 404),
        (f"/v1/files/{UNKNOWN_ID}/details", 404),
        (f"/v1/files/{UNKNOWN_ID}/versions", 404),
        ("/v1/metadata?url=https://example.com/", 400),
        ("/v1/metadata", 400),
        ("/v1/files?limit=x", 400),
        ("/v1/files?searchQuery=(", 400),
        ("/v1/nothing", 404),
    ],
)
def test_every_error_has_the_described_shape(get, target, status):
    check(get(target), ERROR, status)


def test_an_exceeded_limit_and_a_missing_key_have_the_described_shape(library: Path):
    with ImageKitEmulator(library=library, rate_limits=RateLimits.of("1/m")) as ik:
        url = ik.url + "/v1/files"
        check(requests.get(url, timeout=10), ERROR, 401)
        check(requests.get(url, auth=("x", ""), timeout=10), ERROR, 403)
        requests.get(url, auth=(ik.private_key, ""), timeout=10)
        check(requests.get(url, auth=(ik.private_key, ""), timeout=10), ERROR, 429)
