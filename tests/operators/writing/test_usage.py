"""At a limit of the plan, tasks fail, skip, continue or wait."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.usage import UsageOperator
from airflow_provider_imagekit.sensors.usage import UsageSensor
from airflow_provider_imagekit.triggers.waiting import UsageTrigger
from tests.doubles import context
from tests.support import Clock

LIMITS = {"bandwidthBytes": 1000, "extensionUnitsCount": 10}


def usage(**arguments: Any) -> dict[str, Any]:
    operator = UsageOperator(task_id="usage", **{"limits": LIMITS, **arguments})
    result: dict[str, Any] = operator.execute(context())
    json.dumps(result, allow_nan=False)
    return result


def test_shares_of_the_plan_are_returned(server: ImageKitEmulator) -> None:
    server.usage["bandwidthBytes"] = 700
    found = usage(limits=json.dumps(LIMITS), max_share="80%")
    assert found["shares"] == {"bandwidthBytes": 0.7, "extensionUnitsCount": 0.0}
    assert (found["exceeded"], found["usage"]["bandwidthBytes"]) == ([], 700)
    assert found["start_date"][8:] == "01"


def test_a_share_that_is_reached_fails_skips_or_continues(server: ImageKitEmulator) -> None:
    server.usage["bandwidthBytes"] = 800
    with pytest.raises(AirflowFailException, match=r"bandwidthBytes 80.0%.*the limit is 80%"):
        usage()
    with pytest.raises(AirflowSkipException):
        usage(on_exceeded="skip")
    assert usage(on_exceeded="continue")["exceeded"] == ["bandwidthBytes"]


def test_the_sensor_waits_until_less_is_used(server: ImageKitEmulator) -> None:
    sensor = UsageSensor(task_id="usage", limits=LIMITS, poke_interval=0.1)
    server.usage["bandwidthBytes"] = 900
    assert not sensor.poke(context())
    server.inject(status=503, times=3)
    server.usage["bandwidthBytes"] = 100
    assert sensor.execute(context())["exceeded"] == []


def test_the_deferred_sensor_resumes_when_less_is_used(server: ImageKitEmulator, clock: Clock) -> None:
    server.usage["bandwidthBytes"] = 900
    sensor = UsageSensor(task_id="usage", limits=LIMITS, deferrable=True, poke_interval=60, timeout=600)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context())
    trigger = UsageTrigger(**json.loads(json.dumps(deferred.value.trigger.serialize()[1])))
    trigger.deadline, trigger.next_check = clock() + 600, clock() + 60

    async def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        server.usage["bandwidthBytes"] -= 60

    async def first() -> Any:
        return (await anext(trigger.run())).payload

    trigger.sleep, trigger.clock = sleep, clock
    payload = json.loads(json.dumps(asyncio.run(first())))
    assert sensor.execute_complete(context(), payload)["usage"]["bandwidthBytes"] == 780
    assert clock.slept == [60, 60]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"limits": None}, "limits is None"),
        ({"limits": "None"}, "limits is 'None'"),
        ({"limits": {}}, "limits is {}"),
        ({"limits": "[]"}, "limits is '\\[\\]'"),
        ({"limits": {"requests": 1}}, "limits names 'requests'"),
        ({"limits": {"bandwidthBytes": 0}}, "bandwidthBytes"),
        ({"max_share": "most"}, "max_share is 'most'"),
        ({"max_share": None}, "max_share is None"),
        ({"on_exceeded": "wait"}, "on_exceeded is 'wait'"),
    ],
    ids=str,
)
def test_invalid_limits_are_refused_before_a_request(
    server: ImageKitEmulator, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(AirflowFailException, match=says):
        usage(**arguments)
    assert server.requests == []
