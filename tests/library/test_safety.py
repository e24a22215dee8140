"""Waits and refusals of a run, and the recognition of changed files."""

from __future__ import annotations

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitInputError, TooManyFailedFilesError
from airflow_provider_imagekit.library.sources import Given, files_of_urls
from airflow_provider_imagekit.library.table.rows import ChangedBy
from tests.library.nightly import FILES, Nightly
from tests.support import Clock, client_of


def listed(version: str, time: str, server: ImageKitEmulator) -> Given:
    file = server.files()[0]
    return Given([file | {"versionInfo": {"id": version}, "updatedAt": f"2024-01-0{time}T00:00:00Z"}], "list")


@pytest.mark.parametrize(("changed_by", "calls"), [(ChangedBy.VERSION, 0), (ChangedBy.VERSION_AND_TIME, 1)])
def test_an_edit_of_tags_costs_a_metadata_call_only_by_time(
    nightly_jsonl: Nightly, server: ImageKitEmulator, changed_by: ChangedBy, calls: int
) -> None:
    nightly_jsonl.run(source=listed("v1", "1", server), changed_by=changed_by)
    plan, _ = nightly_jsonl.run(source=listed("v1", "2", server), changed_by=changed_by)
    assert plan.metadata_calls == calls
    assert nightly_jsonl.rows()[0]["updated_at"].startswith("2024-01-02")
    assert nightly_jsonl.run(source=listed("v2", "2", server), changed_by=changed_by)[0].metadata_calls == 1


def test_a_picture_has_one_row_however_often_its_url_is_signed(
    nightly_jsonl: Nightly, server: ImageKitEmulator
) -> None:
    url = server.file_url("0001.jpg")
    server.inject(status=200, body={"width": 16}, times=2, match="metadata")
    for night in range(2):
        signed = f"{url}?ik-t=170000000{night}&ik-s=012345678{night}"
        plan, _ = nightly_jsonl.run(source=Given(list(files_of_urls([signed])), "urls"))
        assert plan.deleted == 0
    assert len(nightly_jsonl.rows()) == 1


def test_a_429_whose_reset_is_beyond_the_clients_patience_is_waited_for(
    nightly_jsonl: Nightly, server: ImageKitEmulator
) -> None:
    server.inject(status=429, headers={"X-RateLimit-Reset": "125000"}, match="/metadata")
    clock = Clock()
    client = client_of(server, clock, max_wait=120, max_retries=1)
    _, counts = nightly_jsonl.run(client=client)
    assert (counts["fetched"], counts["failed"]) == (FILES, 0)
    assert sum(clock.slept) >= 125


def test_a_run_that_fetches_nothing_fails(nightly_jsonl: Nightly, server: ImageKitEmulator) -> None:
    server.inject(status=404, times=None, match="/metadata")
    with pytest.raises(TooManyFailedFilesError, match=r"No file was fetched: 1 of 1 file failed, mostly"):
        nightly_jsonl.run(source=listed("v1", "1", server))
    assert not nightly_jsonl.output.exists()


@pytest.mark.parametrize("damage", [b"{", b"[]\n", b'{"file_id": 7, "deleted_at": null}\n', b"\xff\n"])
def test_a_damaged_table_is_refused_with_its_path_and_row(nightly_jsonl: Nightly, damage: bytes) -> None:
    nightly_jsonl.run()
    nightly_jsonl.output.write_bytes(damage)
    with pytest.raises(ImageKitInputError) as caught:
        nightly_jsonl.run()
    assert str(nightly_jsonl.output) in caught.value.message
    assert "row 1" in caught.value.message
    assert "full_refresh" in str(caught.value)
