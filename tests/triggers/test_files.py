"""The trigger that watches a library with its own poll, as on Airflow before 3.3."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.triggers.files import ImageKitFilesTrigger
from tests.triggers.watching import QuickTrigger, upload

ARGUMENTS: dict[str, Any] = {
    "imagekit_conn_id": "imagekit_default",
    "search_query": 'tags IN ["review"]',
    "path": "/products",
    "file_type": "image",
    "kinds": ["new", "deleted"],
    "poll_interval": 30.0,
    "overlap": 600.0,
    "delay": 15.0,
    "name": "products",
}


async def events(trigger: ImageKitFilesTrigger, *steps: Any) -> list[dict[str, Any]]:
    """Return the events of a trigger: one before each step, and one after the last."""
    found, stream = [], trigger.run()
    for step in (*steps, None):
        found.append((await asyncio.wait_for(anext(stream), 60)).payload)
        if step is not None:
            await asyncio.to_thread(step)
    await stream.aclose()
    return json.loads(json.dumps(found, allow_nan=False))


def test_it_is_rebuilt_from_what_it_serializes_with_nothing_lost() -> None:
    classpath, arguments = ImageKitFilesTrigger(**ARGUMENTS).serialize()
    assert classpath == "airflow_provider_imagekit.triggers.files.ImageKitFilesTrigger"
    assert json.loads(json.dumps(arguments, allow_nan=False)) == ARGUMENTS
    assert ImageKitFilesTrigger(**arguments).serialize() == (classpath, arguments)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": []},
        {"kinds": ["eaten"]},
        {"file_type": "sound"},
        {"poll_interval": 1},
        {"overlap": 0},
        {"overlap": 7200},
        {"delay": -1},
        {"search_query": ["a"]},
    ],
    ids=str,
)
def test_bad_arguments_are_refused_when_the_dag_is_parsed(wrong: dict[str, Any]) -> None:
    with pytest.raises(ImageKitInputError, match=next(iter(wrong))):
        ImageKitFilesTrigger(**wrong)


def test_each_upload_is_an_event_once(new_library: ImageKitEmulator) -> None:
    upload(new_library, "a.txt", "b.txt")
    first, second = asyncio.run(
        events(QuickTrigger(), lambda: upload(new_library, "c.txt", folder="/deep/er"))
    )
    assert ([file["filePath"] for file in first["files"]], first["count"]) == (["/a.txt", "/b.txt"], 2)
    assert ([file["filePath"] for file in second["files"]], second["new"]) == (["/deep/er/c.txt"], 1)
    assert second["from"] == second["to"] > first["to"]


def test_a_new_version_is_a_change_and_a_folder_is_watched_without_those_below(
    new_library: ImageKitEmulator,
) -> None:
    upload(new_library, "a.txt", "b.txt", folder="/in")
    upload(new_library, "a.txt", folder="/in/side")
    trigger = QuickTrigger(path="/in")
    first, second = asyncio.run(events(trigger, lambda: upload(new_library, "a.txt", folder="/in")))
    assert (first["new"], second["changed"], second["count"]) == (2, 1, 1)
    assert second["files"][0]["versionId"] != second["files"][0]["fileId"]


def test_only_the_requested_kinds_are_reported(new_library: ImageKitEmulator) -> None:
    upload(new_library, "a.txt")

    def change_and_upload() -> None:
        upload(new_library, "a.txt")
        upload(new_library, "b.txt")

    _, second = asyncio.run(events(QuickTrigger(kinds=["new"]), change_and_upload))
    assert [file["filePath"] for file in second["files"]] == ["/b.txt"]


def test_an_error_costs_one_poll_and_does_not_end_the_watch(new_library: ImageKitEmulator) -> None:
    upload(new_library, "a.txt")
    new_library.inject(status=403, times=2)
    new_library.inject(garbage=True, times=1)
    [event] = asyncio.run(events(QuickTrigger()))
    assert event["count"] == 1


def test_while_the_account_is_over_its_limit_no_request_is_sent(new_library: ImageKitEmulator) -> None:
    new_library.inject(status=429, headers={"X-RateLimit-Reset": "60000"}, times=None)
    polls = 0

    class Counting(QuickTrigger):
        @staticmethod
        async def sleep(_seconds: float) -> None:
            nonlocal polls
            polls += 1
            if polls > 20:
                raise TimeoutError

    with pytest.raises(TimeoutError):
        asyncio.run(events(Counting()))
    assert len(new_library.requests) == 1
