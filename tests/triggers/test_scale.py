"""Many triggers in one event loop; `make benchmark-triggerer` measures a thousand."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import psutil
import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.triggers.lanes import SLOTS, client_of
from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger
from tests import pictures
from tests.support import AIRFLOW_3, await_until
from tests.triggers.running import at_once, checks, first

TRIGGERS = 120
OTHER = "2222222222222222"


def triggers(imagekit: ImageKitEmulator, **arguments: Any) -> list[PHashDistanceTrigger]:
    """Return triggers that all wake up at the same time, repeatedly."""
    made = []
    for number in range(TRIGGERS):
        trigger = PHashDistanceTrigger(
            poke_interval=5,
            url=f"{imagekit.file_url(pictures.ORIGINAL)}?v={number}",
            **{
                "imagekit_conn_id": "imagekit_default",
                "reference_phash": OTHER,
                "max_distance": 4,
                **arguments,
            },
        )
        trigger.sleep = at_once
        made.append(trigger)
    return made


async def cancelled_in_mid_check(imagekit: ImageKitEmulator) -> int:
    """Return how many tasks are left after all triggers were cancelled."""
    tasks = [asyncio.create_task(first(trigger)) for trigger in triggers(imagekit)]
    await await_until(checks, "a check is running")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await await_until(lambda: not checks(), "no check is running")
    return len(asyncio.all_tasks()) - 1


def test_cancelled_triggers_leave_no_task_no_thread_and_no_socket(
    connection: str, imagekit: ImageKitEmulator
) -> None:
    process = psutil.Process()
    assert asyncio.run(cancelled_in_mid_check(imagekit)) == 0
    before = threading.active_count(), len(process.net_connections("tcp"))
    assert asyncio.run(cancelled_in_mid_check(imagekit)) == 0
    # At most one thread per slot, and each has one socket, both ends of which are in this process.
    assert threading.active_count() <= before[0] + SLOTS
    assert len(process.net_connections("tcp")) <= before[1] + 2 * SLOTS
    assert len(checks()) <= SLOTS


def test_triggers_that_wake_together_start_no_more_checks_than_an_account_has_slots(
    imagekit: ImageKitEmulator, silent_host: str
) -> None:
    async def begin() -> int:
        tasks = [
            asyncio.create_task(first(trigger))
            for trigger in triggers(imagekit, imagekit_conn_id=silent_host)
        ]
        await await_until(lambda: len(checks()) >= SLOTS, f"{SLOTS} checks are under way")
        await asyncio.sleep(0.5)  # no response arrives, so another check would be visible now
        count = len(checks())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return count

    assert asyncio.run(begin()) == SLOTS


def test_triggers_that_wake_together_read_their_connection_once_and_each_raises_its_error() -> None:
    read: list[str] = []

    async def reading() -> Any:
        read.append("read")
        await asyncio.sleep(0)
        raise KeyError("gone")

    async def several() -> list[Any]:
        waiting = [asyncio.ensure_future(client_of("conn", reading)) for _ in range(50)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # the trigger that reads
        results = await asyncio.gather(*waiting, return_exceptions=True)
        with pytest.raises(KeyError):
            await client_of("conn", reading)
        return results

    [cancelled, *others] = asyncio.run(several())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert {type(error) for error in others} == {KeyError}
    assert read == ["read"] * 2


def test_no_event_is_lost_when_all_match_at_once(connection: str, imagekit: ImageKitEmulator) -> None:
    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*map(first, triggers(imagekit, max_distance=64)))

    payloads = asyncio.run(all_of_them())
    assert [payload["status"] for payload in payloads] == ["matched"] * TRIGGERS
    answered = [request.raw_target for request in imagekit.requests if request.status == 200]
    assert len(answered) == len(set(answered)) == TRIGGERS


def test_each_check_is_one_line_with_distance_and_threshold(
    connection: str,
    imagekit: ImageKitEmulator,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trigger = triggers(imagekit, max_distance=64)[0]
    with caplog.at_level(logging.INFO):
        asyncio.run(first(trigger))
    # Airflow 2 uses logging (and may also print); Airflow 3 prints.
    logged = [record.getMessage() for record in caplog.records]
    log = logged if not AIRFLOW_3 else capsys.readouterr().out.splitlines()
    lines = [line for line in log if "distance" in line]
    assert len(lines) == 1
    assert "of 64 bits, within the bounds (at most 64)" in lines[0]


def test_a_retry_logs_the_error_the_wait_and_the_request_id(
    connection: str, imagekit: ImageKitEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    imagekit.inject(status=503, body={"message": "Away for a moment."})
    asyncio.run(first(triggers(imagekit, max_distance=64)[0]))
    [line] = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "503: Away for a moment." in line
    assert "request id" in line
    assert "Retry 1 in" in line
    assert line.count("GET") == 1
