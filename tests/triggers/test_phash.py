from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from airflow_provider_imagekit.compat import TriggerEvent
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import CallLimitError, ImageKitInputError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.triggers.event import read_event
from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger
from tests import pictures
from tests.support import Clock, one_of_three
from tests.triggers.running import Waits, fired, longest_stall

ARGUMENTS: dict[str, Any] = {
    "imagekit_conn_id": "imagekit_default",
    "poke_interval": 30.0,
    "exponential_backoff": True,
    "max_poke_interval": 300.0,
    "silent_fail": True,
    "stop_on_mismatch": True,
    "deadline": 1_800_000_000.5,
    "next_check": 1_700_000_000.0,
    "request_timeout": 7.5,
    "max_retries": 0,
    "max_calls": 12,
    "calls_sent": 2,
    "url": "https://ik.imagekit.io/demo/a.jpg?ik-s=abc",
    "reference_phash": "f06830ca9f1e3e90",
    "max_distance": 8,
    "min_distance": 1,
}
CLASSPATH = "airflow_provider_imagekit.triggers.phash.PHashDistanceTrigger"


def trigger_for(
    imagekit: ImageKitEmulator, path: str = pictures.RECOMPRESSED, **arguments: Any
) -> PHashDistanceTrigger:
    reference = ImageKitHook().get_phash(file_id=imagekit.file_id(pictures.ORIGINAL))
    imagekit.clear()
    return PHashDistanceTrigger(
        **{
            "imagekit_conn_id": "imagekit_default",
            "poke_interval": 60.0,
            "file_id": imagekit.file_id(path),
            "reference_phash": str(reference),
            "max_distance": 8,
            **arguments,
        }
    )


# Arguments of later versions; a wait that began before an upgrade continues without them.
LATER = ("deadline", "next_check", "request_timeout", "max_retries", "max_calls", "calls_sent")


def test_it_is_rebuilt_from_what_it_serializes_with_nothing_lost() -> None:
    classpath, arguments = PHashDistanceTrigger(**ARGUMENTS).serialize()
    assert classpath == CLASSPATH
    assert json.loads(json.dumps(arguments, allow_nan=False)) == ARGUMENTS
    assert PHashDistanceTrigger(**arguments).serialize() == (classpath, arguments)


def test_it_loads_and_checks_with_the_arguments_of_earlier_versions(
    connection: str, imagekit: ImageKitEmulator
) -> None:
    arguments = trigger_for(imagekit).serialize()[1]
    trigger = PHashDistanceTrigger(**{name: arguments[name] for name in arguments if name not in LATER})
    assert fired(trigger, Waits())["status"] == "matched"


class TestLimitsOfTheTask:
    def test_the_call_limit_of_the_task_ends_the_wait_with_its_error(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        trigger = trigger_for(imagekit, pictures.UNRELATED, max_calls=3, calls_sent=1, silent_fail=True)
        with pytest.raises(CallLimitError, match="max_calls is 3"):
            read_event(fired(trigger, Waits()))
        assert len(imagekit.requests) == 2

    def test_triggers_that_wait_together_have_separate_call_limits(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        waiting = [trigger_for(imagekit, pictures.UNRELATED, max_calls=most) for most in (1, 2, None)]

        async def together() -> list[Any]:
            for trigger in waiting:
                trigger.sleep = Waits()
            return await asyncio.gather(
                *(anext(trigger.run(), None) for trigger in waiting), return_exceptions=True
            )

        first, second, third = asyncio.run(together())
        assert [event.payload["error"] for event in (first, second)] == ["CallLimitError"] * 2
        assert isinstance(third, TimeoutError)  # raised by Waits

    def test_the_retries_of_the_task_are_those_of_each_check(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        trigger = trigger_for(imagekit, max_retries=0)
        fault = imagekit.inject(status=503, times=3)
        waits = Waits()
        assert fired(trigger, waits)["status"] == "matched"
        assert (fault.hits, len(waits.seconds)) == (3, 4)


def test_an_unknown_argument_is_an_error() -> None:
    with pytest.raises(TypeError):
        PHashDistanceTrigger(**ARGUMENTS, colour="red")


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ImageKitInputError):
        PHashDistanceTrigger(**ARGUMENTS | {"max_distance": 65})


def test_it_waits_one_interval_and_then_fires_with_the_xcom_value(
    connection: str, imagekit: ImageKitEmulator
) -> None:
    waits = Waits()
    value = read_event(fired(trigger_for(imagekit), waits))
    assert waits.seconds == [60.0]
    assert value["matched"] is True
    assert value["distance"] <= 8
    assert len(imagekit.requests) == 1


def test_after_a_restart_a_due_check_runs_at_once(connection: str, imagekit: ImageKitEmulator) -> None:
    waits = Waits()
    assert read_event(fired(trigger_for(imagekit, next_check=time.time() - 1), waits))["matched"]
    assert waits.seconds == [0.0]
    waits = Waits()
    fired(trigger_for(imagekit, next_check=time.time() + 100), waits)
    assert 90 < waits.seconds[0] <= 100


def test_its_deadline_ends_the_wait_with_the_last_reason_and_without_another_check(
    connection: str, imagekit: ImageKitEmulator
) -> None:
    trigger = trigger_for(imagekit, pictures.UNRELATED, deadline=1000.0 + 150, next_check=1000.0 + 60)
    clock = Clock()
    trigger.clock = clock

    async def sleep(seconds: float) -> None:
        clock.sleep(seconds)

    trigger.sleep = sleep

    async def first() -> TriggerEvent | None:
        return await anext(trigger.run(), None)

    event = asyncio.run(first())
    assert event is not None
    with pytest.raises(TimeoutError, match=r"is \d+ of 64 bits|distance"):
        read_event(event.payload)
    assert clock.slept == [60.0, 60.0, 30.0]
    assert len(imagekit.requests) == 2


def test_a_deadline_that_passed_while_no_triggerer_ran_ends_the_wait_at_once(
    connection: str, imagekit: ImageKitEmulator
) -> None:
    with pytest.raises(TimeoutError, match="no check since"):
        read_event(fired(trigger_for(imagekit, deadline=time.time() - 5), Waits()))
    assert imagekit.requests == []


def test_it_never_checks_more_often_than_every_five_seconds(
    connection: str, imagekit: ImageKitEmulator
) -> None:
    waits = Waits()
    fired(trigger_for(imagekit, poke_interval=0.1), waits)
    assert waits.seconds == [5.0]


def test_with_exponential_backoff_the_interval_doubles_up_to_its_limit(
    connection: str, imagekit: ImageKitEmulator
) -> None:
    waits = Waits()
    with pytest.raises(TimeoutError):
        fired(
            trigger_for(imagekit, pictures.UNRELATED, exponential_backoff=True, max_poke_interval=300.0),
            waits,
        )
    assert waits.seconds == [60.0, 120.0, 240.0, 300.0, 300.0]


@pytest.mark.parametrize(
    "fault",
    [{"status": 404}, {"status": 500}, {"status": 429}, {"drop": "before"}, {"status": 200, "body": b""}],
    ids=str,
)
def test_temporary_errors_of_the_api_only_delay_the_trigger(
    connection: str, imagekit: ImageKitEmulator, fault: dict[str, Any]
) -> None:
    trigger = trigger_for(imagekit)
    imagekit.inject(**fault, times=None)
    waits = Waits()
    waits.between[2] = imagekit.clear_faults
    assert read_event(fired(trigger, waits))["matched"]
    assert waits.seconds == [60.0, 60.0]
    assert len(imagekit.requests) <= 4


def test_a_long_reset_is_not_waited_for_in_a_thread(connection: str, imagekit: ImageKitEmulator) -> None:
    trigger = trigger_for(imagekit)
    imagekit.inject(status=429, headers={"X-RateLimit-Reset": "3600000"}, times=None)
    waits = Waits(3)
    with pytest.raises(TimeoutError):
        fired(trigger, waits)
    assert len(imagekit.requests) == 1  # requests of the account are paused, so the other checks send none


def test_a_key_that_expires_while_it_waits_ends_the_wait_with_an_auth_error(
    connection: str, imagekit: ImageKitEmulator
) -> None:
    trigger = trigger_for(imagekit, pictures.UNRELATED)
    waits = Waits()
    waits.between[2] = lambda: setattr(imagekit, "private_key", "private_new=")
    event = fired(trigger, waits)
    assert (event["status"], event["error"], event["details"]["status"]) == (
        "failed",
        "ImageKitAuthError",
        403,
    )
    assert len(imagekit.requests) == 2


def test_a_key_rotated_in_the_connection_while_it_waits_is_used(
    connection: str, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = trigger_for(imagekit)

    def rotate() -> None:
        imagekit.private_key = "private_new="
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))

    imagekit.inject(status=404)
    waits = Waits()
    waits.between[2] = rotate
    assert read_event(fired(trigger, waits))["matched"]


def test_with_silent_fail_an_error_does_not_end_the_wait(connection: str, imagekit: ImageKitEmulator) -> None:
    trigger = trigger_for(imagekit, silent_fail=True)
    imagekit.inject(status=400, times=1)
    waits = Waits()
    assert read_event(fired(trigger, waits))["matched"]
    assert len(waits.seconds) == 2


def test_a_slow_check_does_not_block_the_event_loop(connection: str, imagekit: ImageKitEmulator) -> None:
    trigger = trigger_for(imagekit)
    trigger.sleep = Waits()
    imagekit.inject(delay=1, times=None)
    assert one_of_three(lambda: asyncio.run(longest_stall(trigger)) < 0.6)
