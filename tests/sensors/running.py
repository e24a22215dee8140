"""Runs a sensor to its end in each of its modes, as Airflow does."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_imagekit.compat import TaskDeferred
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger
from tests.doubles import context
from tests.triggers.running import Waits, fired

MODES = ["poke", "reschedule", "deferrable", "after deferral"]


def sensor_of(mode: str = "poke", **arguments: Any) -> PHashDistanceSensor:
    return PHashDistanceSensor(
        task_id="gate",
        **{
            "mode": "reschedule" if mode == "reschedule" else "poke",
            "deferrable": mode in {"deferrable", "after deferral"},
            "poke_interval": 0.01,
            "timeout": 20,
            **arguments,
        },
    )


def run(mode: str, between: Any = None, **arguments: Any) -> Any:
    """Run a sensor to its end in a mode, as Airflow does, and call a function after the first check."""
    sensor = sensor_of(mode, **arguments)
    run_context = context()
    if mode == "poke" and between is not None:
        original = sensor.poke

        def poke(context: Any) -> Any:
            found = original(context)
            between()
            return found

        sensor.poke = poke  # type: ignore[method-assign]
    if mode == "reschedule":
        return _run_rescheduled(mode, between, arguments)
    try:
        return sensor.execute(run_context)
    except TaskDeferred as deferred:
        if between is not None:
            between()
        rebuilt = PHashDistanceTrigger(**json.loads(json.dumps(deferred.trigger.serialize()[1])))
        payload = fired(rebuilt, Waits())
        # Another process, which does not have the first sensor object.
        return sensor_of(mode, **arguments).resume_execution(
            deferred.method_name, {"event": payload}, run_context
        )


def _run_rescheduled(mode: str, between: Any, arguments: dict[str, Any]) -> Any:
    for _ in range(5):
        sensor = sensor_of(mode, **arguments)  # each check is a process of its own
        found = sensor.poke(context()) if not sensor._gate().fixed else None
        if found is None:
            return sensor.execute(context())
        if found:
            return found.xcom_value
        if between is not None:
            between()
    raise TimeoutError
