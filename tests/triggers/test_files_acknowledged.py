"""Watchers that share a search, and triggerers that are killed, with Airflow 3.3's own shared streams."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import requests

from airflow_provider_imagekit.compat import BaseEventTrigger
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.library.arrivals import CURSOR_KEY, REPORTED_KEY, digest_of
from airflow_provider_imagekit.triggers.files import ImageKitFilesTrigger
from airflow_provider_imagekit.triggers.files_stream import FilesProducer
from tests.triggers.watching import QuickTrigger, Store, Triggerer, names_in, repeated_polls, upload

pytestmark = pytest.mark.skipif(
    not hasattr(BaseEventTrigger, "create_shared_stream_producer"), reason="needs Airflow 3.3"
)


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 120))


async def uploaded(ik: ImageKitEmulator, *names: str) -> None:
    await asyncio.to_thread(upload, ik, *names)


def test_the_producer_has_the_methods_that_this_airflow_calls() -> None:
    base = importlib.import_module("airflow.triggers.shared_stream").SharedStreamProducer
    for name, method in inspect.getmembers(base, inspect.isfunction):
        ours = inspect.signature(getattr(FilesProducer, name))
        assert list(ours.parameters) == list(inspect.signature(method).parameters), name


def test_watchers_share_a_poll_by_connection_and_search_alone() -> None:
    one = ImageKitFilesTrigger(path="/a", name="one", poll_interval=5)
    other = ImageKitFilesTrigger(path="/a", name="other", kinds=["new"])
    assert one.shared_stream_key() == other.shared_stream_key()
    assert len({one.shared_stream_key(), *_keys(path="/b"), *_keys(imagekit_conn_id="b")}) == 3


def _keys(**arguments: Any) -> list[Any]:
    return [ImageKitFilesTrigger(**arguments).shared_stream_key()]


def test_25_watchers_of_one_search_cost_the_requests_of_one(new_library: ImageKitEmulator) -> None:
    database: list[Any] = []
    counts: list[float] = []

    async def story(watchers: int) -> None:
        triggerer, polls = Triggerer(database), 0

        class Counted(QuickTrigger):
            @staticmethod
            async def sleep(_seconds: float) -> None:
                nonlocal polls
                polls += 1
                await asyncio.sleep(0.02)

        for number in range(watchers):
            triggerer.start(Counted(name=str(number)), Store())
        await uploaded(new_library, "a.txt")
        await triggerer.until(lambda: all(names_in(database, number) for number in range(watchers)))
        await triggerer.until(lambda: polls >= 10)
        await triggerer.kill()
        counts.append(len([request for request in new_library.requests if request.method == "GET"]) / polls)

    for watchers in (1, 25):
        database.clear()
        new_library.clear()
        run(lambda watchers=watchers: story(watchers))
    assert max(counts) <= 1.2


@pytest.mark.parametrize("point", ["before the yield", "before the database", "before the watermark"])
def test_a_kill_loses_nothing_and_repeats_one_poll_at_most(new_library: ImageKitEmulator, point: str) -> None:
    database: list[Any] = []
    store = Store()
    rounds = 8

    async def story() -> None:
        for number in range(rounds):
            triggerer = Triggerer(
                database, persist=point != "before the database", confirm=point == "before the yield"
            )
            triggerer.start(QuickTrigger(), store)
            await triggerer.until(lambda: CURSOR_KEY in store.values)
            await uploaded(new_library, f"{number}.txt")
            if point != "before the yield":
                await triggerer.until(lambda triggerer=triggerer: triggerer.yielded)
            await triggerer.kill()
        triggerer = Triggerer(database)
        triggerer.start(QuickTrigger(), store)
        await uploaded(new_library, "last.txt")
        await triggerer.until(lambda: "/last.txt" in names_in(database))
        await triggerer.kill()

    run(story)
    assert set(names_in(database)) == {*(f"/{number}.txt" for number in range(rounds)), "/last.txt"}
    assert repeated_polls(database) <= rounds


def test_acknowledged_files_are_not_reported_again_after_a_restart(new_library: ImageKitEmulator) -> None:
    database: list[Any] = []
    store = Store()

    async def story() -> None:
        for name in ("a.txt", "b.txt"):
            triggerer, before = Triggerer(database), store.values.get(CURSOR_KEY)
            triggerer.start(QuickTrigger(), store)
            await triggerer.until(lambda: CURSOR_KEY in store.values)
            await uploaded(new_library, name)
            await triggerer.until(
                lambda name=name, before=before: (
                    f"/{name}" in names_in(database)
                    and len(store.values[CURSOR_KEY]["reported"]) > len((before or {}).get("reported", ""))
                )
            )
            await triggerer.kill()

    run(story)
    assert names_in(database) == {"/a.txt": 1, "/b.txt": 1}


def test_a_watcher_that_joins_late_gets_what_it_missed(new_library: ImageKitEmulator) -> None:
    database: list[Any] = []
    mine, other = Store(), Store()

    async def story() -> None:
        first = Triggerer(database)
        first.start(QuickTrigger(name="mine"), mine)
        await first.until(lambda: CURSOR_KEY in mine.values)
        await first.kill()
        # Its state is older than the overlap of the group that it will join.
        mine.values[CURSOR_KEY] = {"floor": 0, "since": 0, "reported": ""}
        await uploaded(new_library, "missed.txt")
        second = Triggerer(database)
        second.start(QuickTrigger(name="other", overlap=1), other)
        await second.until(lambda: names_in(database))
        second.start(QuickTrigger(name="mine"), mine)
        await second.until(lambda: names_in(database, 1))
        await second.kill()

    run(story)
    assert names_in(database, 1) == {"/missed.txt": 1}


def test_the_first_cursor_is_stored_before_the_first_poll(new_library: ImageKitEmulator) -> None:
    store = Store()
    new_library.inject(status=500, times=None)

    async def story() -> None:
        triggerer = Triggerer([])
        triggerer.start(QuickTrigger(), store)
        await triggerer.until(lambda: new_library.requests)
        await triggerer.kill()

    run(story)
    assert (store.writes, len(json.dumps(store.values[CURSOR_KEY])) < 100) == (1, True)


def test_no_file_is_reported_until_the_state_can_be_read(new_library: ImageKitEmulator) -> None:
    database: list[Any] = []
    store = Store(OSError("the database is away"), ValueError("2 concrete inlets"))

    async def story() -> None:
        triggerer = Triggerer(database)
        triggerer.start(QuickTrigger(), store)
        await triggerer.until(lambda: CURSOR_KEY in store.values)
        await uploaded(new_library, "a.txt")
        await triggerer.until(lambda: names_in(database))
        await triggerer.kill()

    run(story)
    assert names_in(database) == {"/a.txt": 1}


def test_one_trigger_for_two_assets_is_an_error_that_names_the_fix(new_library: ImageKitEmulator) -> None:
    store = Store(*[ValueError("Task has 2 concrete inlets")] * 1000)
    messages: list[str] = []

    class Heard(QuickTrigger):
        class log:  # noqa: N801 - Airflow's name
            error = staticmethod(lambda _form, error: messages.append(str(error)))

    async def story() -> None:
        triggerer = Triggerer([])
        triggerer.start(Heard(), store)
        await triggerer.until(lambda: len(messages) > 1)
        await triggerer.kill()

    run(story)
    assert "name=" in messages[0]
    assert new_library.requests == []


def test_a_deleted_file_is_reported_once(new_library: ImageKitEmulator) -> None:
    database: list[Any] = []
    store = Store()
    upload(new_library, "a.txt", "b.txt")

    async def story() -> None:
        triggerer = Triggerer(database)
        triggerer.start(QuickTrigger(kinds=["new", "deleted"]), store)
        await triggerer.until(lambda: "present" in store.values.get(CURSOR_KEY, {}))
        await asyncio.to_thread(_delete, new_library, "a.txt")
        await triggerer.until(lambda: any(event["deleted"] for _, event in database))
        await uploaded(new_library, "c.txt")
        await triggerer.until(lambda: "/c.txt" in names_in(database))
        await triggerer.kill()

    run(story)
    assert names_in(database)[new_library.file_id("a.txt")] == 1
    assert sum(event["deleted"] for _, event in database) == 1


def _delete(ik: ImageKitEmulator, name: str) -> None:
    url = f"{ik.url}/v1/files/{ik.file_id(name)}"
    requests.delete(url, auth=(ik.private_key, ""), timeout=10).raise_for_status()


def test_files_that_a_webhook_reported_are_not_reported_again(new_library: ImageKitEmulator) -> None:
    database: list[Any] = []
    store = Store()
    file_id = new_library.file_id("a.txt")
    store.values[REPORTED_KEY] = [digest_of(file_id, file_id)]

    async def story() -> None:
        triggerer = Triggerer(database)
        triggerer.start(QuickTrigger(), store)
        await uploaded(new_library, "a.txt", "b.txt")
        await triggerer.until(lambda: "/b.txt" in names_in(database))
        await triggerer.kill()

    run(story)
    assert names_in(database) == {"/b.txt": 1}
