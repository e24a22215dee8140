"""Purges, folder jobs and the account's usage."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.library.jobs import JobBook

UNKNOWN_ID = "0" * 24


def post(ik: ImageKitEmulator, path: str, body: object) -> requests.Response:
    return requests.post(ik.url + path, auth=(ik.private_key, ""), json=body, timeout=10)


def paths(ik: ImageKitEmulator) -> set[str]:
    return {file["filePath"] for file in ik.files()}


def test_a_purge_is_accepted_and_completed(ik, get):
    response = post(ik, "/v1/files/purge", {"url": ik.url_endpoint + "/folder/*"})
    assert response.status_code == 201
    assert get(f"/v1/files/purge/{response.json()['requestId']}").json() == {"status": "Completed"}
    assert get(f"/v1/files/purge/{UNKNOWN_ID}").status_code == 404


@pytest.mark.parametrize("body", [{}, {"url": ""}, {"url": 1}, {"url": "http://[x/"}, {"url": "http://a/b"}])
def test_a_purge_of_a_foreign_or_missing_url_is_refused(ik, body):
    assert post(ik, "/v1/files/purge", body).status_code == 400


def test_a_folder_is_copied_moved_and_renamed(ik, get):
    response = post(ik, "/v1/bulkJobs/copyFolder", {"sourceFolderPath": "/folder", "destinationPath": "/new"})
    job = get(f"/v1/bulkJobs/{response.json()['jobId']}").json()
    assert (job["type"], job["status"]) == ("COPY_FOLDER", "Completed")
    assert {"/folder/a.jpg", "/new/folder/a.jpg", "/new/folder/b.png"} <= paths(ik)
    assert get(ik.file_url("new/folder/a.jpg")).content == get(ik.file_url("folder/a.jpg")).content
    post(ik, "/v1/bulkJobs/moveFolder", {"sourceFolderPath": "/new/folder/", "destinationPath": "/"})
    assert not any(path.startswith("/new") for path in paths(ik))
    response = post(
        ik,
        "/v1/bulkJobs/renameFolder",
        {"folderPath": "folder", "newFolderName": "a b/c", "purgeCache": True},
    )
    assert paths(ik) == {"/a_b_c/a.jpg", "/a_b_c/b.png", "/top.webp", "/notes.txt"}
    purge = get(f"/v1/bulkJobs/{response.json()['jobId']}").json()["purgeRequestId"]
    assert get(f"/v1/files/purge/{purge}").json() == {"status": "Completed"}


def test_a_moved_file_keeps_attributes_and_versions(ik, get):
    ids = [ik.file_id("folder/a.jpg")]
    post(ik, "/v1/files/addTags", {"fileIds": ids, "tags": ["a"]})
    post(ik, "/v1/bulkJobs/moveFolder", {"sourceFolderPath": "/folder", "destinationPath": "/new"})
    assert get(f"/v1/files/{ik.file_id('new/folder/a.jpg')}/details").json()["tags"] == ["a"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"sourceFolderPath": "/none", "destinationPath": "/new"}, 404),
        ({"sourceFolderPath": "/folder"}, 400),
        ({"sourceFolderPath": "/", "destinationPath": "/new"}, 400),
        ({"sourceFolderPath": "/folder", "destinationPath": "/folder/in"}, 400),
        ({"sourceFolderPath": "/folder", "destinationPath": "/"}, 400),
    ],
)
def test_an_impossible_move_is_refused(ik, body, status):
    before = paths(ik)
    assert post(ik, "/v1/bulkJobs/moveFolder", body).status_code == status
    assert paths(ik) == before


def test_a_pending_job_locks_its_folders(library):
    with ImageKitEmulator(library=library, job_seconds=3600) as ik:
        body = {"sourceFolderPath": "/folder", "destinationPath": "/new"}
        job = post(ik, "/v1/bulkJobs/copyFolder", body).json()["jobId"]
        auth = (ik.private_key, "")
        status = requests.get(f"{ik.url}/v1/bulkJobs/{job}", auth=auth, timeout=10).json()["status"]
        assert status == "Pending"
        held = f"{ik.url}/v1/files/{ik.file_id('folder/a.jpg')}"
        assert requests.delete(held, auth=auth, timeout=10).status_code == 423
        assert requests.patch(f"{held}/details", auth=auth, json={}, timeout=10).status_code == 423
        assert post(ik, "/v1/bulkJobs/copyFolder", body).status_code == 423
        ids = [ik.file_id("folder/a.jpg"), ik.file_id("top.webp")]
        assert post(ik, "/v1/files/addTags", {"fileIds": ids, "tags": ["a"]}).status_code == 207


def test_a_job_is_completed_after_its_time():
    now = 0.0
    jobs = JobBook(10, clock=lambda: now)
    job = jobs.start("MOVE_FOLDER", ("/a",))
    assert jobs.status(job) == "Pending"
    jobs.check("/ab/c.jpg")
    with pytest.raises(ApiError, match="bulk job"):
        jobs.check("/a/b/c.jpg")
    now = 10.0
    assert jobs.status(job) == "Completed"
    jobs.check("/a/b/c.jpg")


def test_usage_counts_the_library_and_what_a_test_sets(ik, get, library):
    ik.usage["bandwidthBytes"] = 7
    usage = get("/v1/accounts/usage?startDate=2026-01-01&endDate=2026-01-31").json()
    stored = sum(path.stat().st_size for path in library.rglob("*") if path.is_file())
    assert usage == {
        "bandwidthBytes": 7,
        "extensionUnitsCount": 0,
        "mediaLibraryStorageBytes": stored,
        "originalCacheStorageBytes": 0,
        "videoProcessingUnitsCount": 0,
    }


@pytest.mark.parametrize("query", ["", "startDate=x&endDate=y", "startDate=2026-01-01&endDate=2026-04-01"])
def test_usage_without_a_period_of_less_than_90_days_is_refused(get, query):
    assert get(f"/v1/accounts/usage?{query}").status_code == 400
