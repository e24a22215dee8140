"""The vendor's clients work with the emulator."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import imagekitio
import pytest
from imagekitio import ImageKit

from airflow_provider_imagekit.emulator import Fault
from airflow_provider_imagekit.emulator.description.operations import API
from tests.emulator.drawing import draw, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN_ID = "0" * 24
SDK4_SESSION = Path(__file__).with_name("sdk4_session.py")
SDK4_PYTHON = Path(os.environ.get("IMAGEKIT_SDK4_PYTHON", ".venv-sdk4/bin/python"))


@pytest.fixture
def sdk(ik) -> Iterator[ImageKit]:
    with ImageKit(
        private_key=ik.private_key, base_url=ik.url, max_retries=0, _strict_response_validation=True
    ) as sdk:
        yield sdk


def test_metadata_by_id_and_by_url(ik, sdk):
    by_id = sdk.files.metadata.get(ik.file_id("folder/a.jpg"))
    assert (by_id.width, by_id.height, by_id.format, by_id.density) == (320, 200, "jpg", 300)
    assert len(by_id.p_hash) == 16
    assert sdk.files.metadata.get_from_url(url=ik.file_url("folder/a.jpg")) == by_id
    smaller = sdk.files.metadata.get_from_url(url=ik.url_endpoint + "/tr:w-50,h-40/folder/a.jpg")
    assert (smaller.width, smaller.height) == (50, 40)


def test_listing_and_search(sdk):
    assert {asset.name for asset in sdk.assets.list()} == {"a.jpg", "b.png", "top.webp", "notes.txt"}
    assert [asset.name for asset in sdk.assets.list(type="folder")] == ["folder"]
    found = sdk.assets.list(
        search_query='format = "jpg" AND width > 100', sort="DESC_SIZE", file_type="image", limit=10, skip=0
    )
    assert [asset.name for asset in found] == ["a.jpg"]


def test_upload_update_versions_and_deletion(sdk):
    def upload(seed: int):
        return sdk.files.upload(
            file=encode(draw(seed=seed)),
            file_name="sdk.jpg",
            folder="/made",
            tags=["a", "b"],
            use_unique_file_name=False,
            custom_metadata={"brand": "x"},
            response_fields=["tags", "metadata", "customMetadata", "isPublished"],
        )

    uploaded = upload(3)
    assert (uploaded.tags, uploaded.custom_metadata, uploaded.is_published) == (
        ["a", "b"],
        {"brand": "x"},
        True,
    )
    assert uploaded.metadata.p_hash == sdk.files.metadata.get(uploaded.file_id).p_hash
    assert upload(4).file_id == uploaded.file_id
    newest, oldest = sdk.files.versions.list(uploaded.file_id)
    assert sdk.files.versions.get(oldest.version_info.id, file_id=uploaded.file_id) == oldest
    assert (newest.type, oldest.type) == ("file", "file-version")
    assert sdk.files.update(uploaded.file_id, tags=["c"], description="d").tags == ["c"]
    assert sdk.files.update(uploaded.file_id, publish={"is_published": False}).is_published is False
    assert sdk.files.get(uploaded.file_id).description == "d"
    sdk.files.delete(uploaded.file_id)
    with pytest.raises(imagekitio.NotFoundError):
        sdk.files.get(uploaded.file_id)


def test_the_sdk_changes_tags_and_deletes_in_bulk(ik, sdk):
    ids = [ik.file_id("top.webp"), ik.file_id("folder/a.jpg")]
    assert sdk.files.bulk.add_tags(file_ids=ids, tags=["a", "b"]).successfully_updated_file_ids == ids
    assert sdk.files.bulk.remove_tags(file_ids=ids, tags=["a"]).successfully_updated_file_ids == ids
    assert sdk.files.get(ids[0]).tags == ["b"]
    assert sdk.files.bulk.delete(file_ids=[ids[0], UNKNOWN_ID]).successfully_deleted_file_ids == [ids[0]]
    with pytest.raises(imagekitio.NotFoundError):
        sdk.files.bulk.delete(file_ids=[UNKNOWN_ID])


def test_purge_folder_jobs_and_usage(ik, sdk):
    purge = sdk.cache.invalidation.create(url=ik.file_url("top.webp"))
    assert sdk.cache.invalidation.get(purge.request_id).status == "Completed"
    copied = sdk.folders.copy(source_folder_path="/folder", destination_path="/new", include_versions=True)
    assert sdk.folders.job.get(copied.job_id).type == "COPY_FOLDER"
    moved = sdk.folders.move(source_folder_path="/new/folder", destination_path="/old")
    renamed = sdk.folders.rename(folder_path="/old", new_folder_name="older")
    assert sdk.folders.job.get(moved.job_id).status == "Completed"
    assert sdk.folders.job.get(renamed.job_id).status == "Completed"
    assert "/older/folder/a.jpg" in {asset.file_path for asset in sdk.assets.list()}
    usage = sdk.accounts.usage.get(start_date="2026-01-01", end_date="2026-01-31")
    assert usage.media_library_storage_bytes > 0


def test_custom_metadata_fields(sdk):
    made = sdk.custom_metadata_fields.create(name="phash", label="pHash", schema={"type": "Text"})
    changed = sdk.custom_metadata_fields.update(made.id, label="Hash", schema={"max_length": 16})
    assert (changed.label, changed.schema_.type, changed.schema_.max_length) == ("Hash", "Text", 16)
    with pytest.raises(imagekitio.BadRequestError):
        sdk.custom_metadata_fields.create(name="phash", label="Other", schema={"type": "Text"})
    assert [field.name for field in sdk.custom_metadata_fields.list()] == ["phash"]
    sdk.custom_metadata_fields.delete(made.id)
    assert sdk.custom_metadata_fields.list() == []
    with pytest.raises(imagekitio.NotFoundError):
        sdk.custom_metadata_fields.delete(made.id)


def test_the_sdk_registers_changes_and_deletes_webhooks(sdk):
    endpoint = "http://127.0.0.1:9/hook"
    made = sdk.accounts.webhooks.create(endpoint=endpoint, events=["file.created", "file.deleted"])
    assert (made.enabled, made.secret[:6], made.endpoint) == (True, "whsec_", endpoint)
    changed = sdk.accounts.webhooks.update(made.id, enabled=False, events=["file.updated"])
    assert (changed.enabled, changed.events, changed.secret) == (False, ["file.updated"], made.secret)
    assert sdk.accounts.webhooks.list() == [changed] == [sdk.accounts.webhooks.get(made.id)]
    with pytest.raises(imagekitio.BadRequestError):
        sdk.accounts.webhooks.create(endpoint=endpoint, events=["file.created"])
    sdk.accounts.webhooks.delete(made.id)
    with pytest.raises(imagekitio.NotFoundError):
        sdk.accounts.webhooks.get(made.id)


def test_every_route_of_the_description_works_with_the_sdk(ik, sdk):
    files, fields, hooks = sdk.files, sdk.custom_metadata_fields, sdk.accounts.webhooks
    a, b = ik.file_id("folder/a.jpg"), ik.file_id("folder/b.png")
    new, purge, job, field, hook = {}, {}, {}, {}, {}

    def kept(into, made):
        into.update(made=made)
        return made

    folders = {"source_folder_path": "/folder", "destination_path": "/new"}
    event = {"endpoint": "http://127.0.0.1:9/hook", "events": ["file.created", "file.deleted"]}
    usage = {"start_date": "2026-01-01", "end_date": "2026-01-31"}
    # In this order: what one makes, another asks for.
    calls = {
        ("GET", "/v1/files"): lambda: sdk.assets.list(),
        ("GET", "/v1/metadata"): lambda: files.metadata.get_from_url(url=ik.file_url("folder/b.png")),
        ("GET", "/v1/files/{file_id}/metadata"): lambda: files.metadata.get(a),
        ("GET", "/v1/files/{file_id}/details"): lambda: files.get(a),
        ("PATCH", "/v1/files/{file_id}/details"): lambda: files.update(a, tags=["c"]),
        ("POST", "/api/v1/files/upload"): lambda: kept(
            new, files.upload(file=encode(draw()), file_name="n.jpg")
        ),
        ("GET", "/v1/files/{file_id}/versions"): lambda: files.versions.list(new["made"].file_id),
        ("GET", "/v1/files/{file_id}/versions/{version_id}"): lambda: files.versions.get(
            new["made"].version_info.id, file_id=new["made"].file_id
        ),
        ("POST", "/v1/files/addTags"): lambda: files.bulk.add_tags(file_ids=[a], tags=["x"]),
        ("POST", "/v1/files/removeTags"): lambda: files.bulk.remove_tags(file_ids=[a], tags=["x"]),
        ("POST", "/v1/files/purge"): lambda: kept(
            purge, sdk.cache.invalidation.create(url=ik.file_url("folder/b.png"))
        ),
        ("GET", "/v1/files/purge/{request_id}"): lambda: sdk.cache.invalidation.get(purge["made"].request_id),
        ("POST", "/v1/bulkJobs/copyFolder"): lambda: kept(job, sdk.folders.copy(**folders)),
        ("GET", "/v1/bulkJobs/{job_id}"): lambda: sdk.folders.job.get(job["made"].job_id),
        ("POST", "/v1/bulkJobs/renameFolder"): lambda: sdk.folders.rename(
            folder_path="/new", new_folder_name="newer"
        ),
        ("POST", "/v1/bulkJobs/moveFolder"): lambda: sdk.folders.move(
            source_folder_path="/newer", destination_path="/moved"
        ),
        ("GET", "/v1/accounts/usage"): lambda: sdk.accounts.usage.get(**usage),
        ("POST", "/v1/customMetadataFields"): lambda: kept(
            field, fields.create(name="f", label="F", schema={"type": "Text"})
        ),
        ("GET", "/v1/customMetadataFields"): lambda: fields.list(),
        ("PATCH", "/v1/customMetadataFields/{field_id}"): lambda: fields.update(field["made"].id, label="G"),
        ("DELETE", "/v1/customMetadataFields/{field_id}"): lambda: fields.delete(field["made"].id),
        ("POST", "/v1/accounts/webhooks"): lambda: kept(hook, hooks.create(**event)),
        ("GET", "/v1/accounts/webhooks"): lambda: hooks.list(),
        ("GET", "/v1/accounts/webhooks/{webhook_id}"): lambda: hooks.get(hook["made"].id),
        ("PATCH", "/v1/accounts/webhooks/{webhook_id}"): lambda: hooks.update(hook["made"].id, enabled=False),
        ("DELETE", "/v1/accounts/webhooks/{webhook_id}"): lambda: hooks.delete(hook["made"].id),
        ("DELETE", "/v1/files/{file_id}"): lambda: files.delete(new["made"].file_id),
        ("POST", "/v1/files/batch/deleteByFileIds"): lambda: files.bulk.delete(file_ids=[b]),
    }
    assert set(calls) == set(API)
    for (method, template), call in calls.items():
        ik.clear()
        call()
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        assert [(one.method, bool(re.fullmatch(pattern, one.path))) for one in ik.requests] == [
            (method, True)
        ]


def test_urls_that_the_client_builds_and_signs_are_delivered(ik, sdk, get):
    url = sdk.helper.build_url(
        url_endpoint=ik.url_endpoint,
        src="/folder/a.jpg",
        transformation=[{"width": 60, "height": 60, "crop": "force"}, {"rotation": 90}],
        transformation_position="path",
        signed=True,
        expires_in=600,
    )
    assert "ik-s=" in url
    assert get(url).status_code == 200
    assert get(url.replace("w-60", "w-61")).status_code == 401
    assert sdk.files.metadata.get_from_url(url=url).width == 60


def test_error_responses_become_the_clients_errors(ik, sdk):
    with pytest.raises(imagekitio.BadRequestError):
        sdk.files.metadata.get("not-an-id")
    with pytest.raises(imagekitio.NotFoundError):
        sdk.files.metadata.get(UNKNOWN_ID)
    with pytest.raises(imagekitio.PermissionDeniedError):
        sdk.with_options(private_key="private_wrong").assets.list()
    ik.inject(Fault(status=429, headers={"X-RateLimit-Reset": "10"}))
    with pytest.raises(imagekitio.RateLimitError) as refused:
        sdk.assets.list()
    assert refused.value.response.headers["x-ik-requestid"]


@pytest.mark.skipif(
    not SDK4_PYTHON.exists(),
    reason="needs an environment with imagekitio 4.x: IMAGEKIT_SDK4_PYTHON or .venv-sdk4",
)
def test_the_4x_client_reads_metadata_and_listings(ik):
    command = [SDK4_PYTHON, SDK4_SESSION, ik.url, ik.url_endpoint, ik.private_key, ik.file_id("folder/a.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["version"].startswith("4.")
    assert seen["by_id"] == seen["by_url"]
    assert (seen["by_id"]["width"], seen["by_id"]["format"]) == (320, "jpg")
    assert seen["names"] == ["a.jpg", "b.png", "top.webp"]
    assert seen["found"] == ["b.png"]
