"""Polling a selection: the number of requests, and that no file is missed."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.endpoints import Request
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.arrivals import milliseconds
from airflow_provider_imagekit.library.watch import MAX_PAGES, Selection, poll_selection
from tests.library.arriving import START, listed


def test_a_poll_costs_one_request_and_returns_what_the_search_finds(
    imagekit: ImageKitEmulator, client: ImageKitClient
) -> None:
    files = [file for file in imagekit.files() if file["fileType"] == "image"]
    newest = max(milliseconds(file["updatedAt"]) for file in files)
    selection = Selection('format = "jpg"', "/", "image")
    found = poll_selection(client.call, selection, newest - 10**9).files
    assert {file["fileId"] for file in found} == {
        file["fileId"] for file in files if file["mime"] == "image/jpeg" and file["filePath"].count("/") == 1
    }
    assert poll_selection(client.call, selection, newest + 1).files == []
    assert len(imagekit.requests) == 2


def test_a_folder_or_a_search_can_be_watched_for_absence(
    imagekit: ImageKitEmulator, client: ImageKitClient
) -> None:
    shown = poll_selection(client.call, Selection(), START, absences=True).present
    assert shown == {file["fileId"] for file in imagekit.files()}
    assert len(imagekit.requests) == 2


class Many:
    """A library of many files, some of which are updated while it is listed."""

    def __init__(self, times: list[int]) -> None:
        self.times = dict(enumerate(times))
        self.calls = 0
        self.moving: list[int] = []

    def __call__(self, request: Request) -> object:
        self.calls += 1
        floor = milliseconds(str(request.query["searchQuery"]).split('"')[1])
        shown = sorted((time, number) for number, time in self.times.items() if time >= floor)
        skip, limit = int(request.query["skip"] or 0), int(request.query["limit"] or 0)
        page = [listed(number, time) for time, number in shown[skip : skip + limit]]
        if self.moving:
            self.times[self.moving.pop()] = max(self.times.values()) + 1
        return page


@pytest.mark.parametrize("same", [1, 700, 2500])
def test_files_that_move_to_the_end_meanwhile_hide_no_others(same: int) -> None:
    library = Many([START + number // same for number in range(3500)])
    library.moving = [1, 5, 999, 1500]
    found = {int(file["fileId"], 16) for file in poll_selection(library, Selection(), START).files}
    assert found == set(range(3500))
    assert library.calls <= 6


def test_a_poll_ends_after_some_pages_and_the_next_one_continues() -> None:
    library = Many([START + number for number in range(15_000)])
    found = poll_selection(library, Selection(), START).files
    assert library.calls == MAX_PAGES
    rest = poll_selection(library, Selection(), milliseconds(found[-1]["updatedAt"])).files
    assert {file["fileId"] for file in [*found, *rest]} == {f"{number:024x}" for number in range(15_000)}


def test_too_many_files_to_watch_for_deletion_are_refused() -> None:
    with pytest.raises(ImageKitInputError, match="too many"):
        poll_selection(
            lambda _: [{"fileId": str(number)} for number in range(1000)], Selection(), 0, absences=True
        )


def test_the_cost_of_the_first_poll_does_not_depend_on_the_librarys_size(tmp_path: Path) -> None:
    for number in range(1200):
        (tmp_path / f"{number}.txt").write_text("old")
    with (
        ImageKitEmulator(library=tmp_path) as ik,
        ImageKitClient(private_key=ik.private_key, base_url=ik.url) as client,
    ):
        newest = max(milliseconds(file["updatedAt"]) for file in ik.files())
        upload = {"fileName": "new.txt", "useUniqueFileName": "false"}
        requests.post(
            f"{ik.url}/api/v1/files/upload",
            auth=(ik.private_key, ""),
            data=upload,
            files={"file": b"new"},
            timeout=10,
        )
        ik.clear()
        found = poll_selection(client.call, Selection(), newest + 1).files
        assert [file["name"] for file in found] == ["new.txt"]
        assert len(ik.requests) == 1
