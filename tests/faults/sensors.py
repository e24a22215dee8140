"""Callers that ask again: the sensor in every mode, on the scene's clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from airflow_provider_imagekit.compat import TaskDeferred
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger
from tests.doubles import context
from tests.faults.scene import Scene, reference
from tests.support import AIRFLOW_3

__all__ = ["POKE_INTERVAL", "SENSORS"]

POKE_INTERVAL = 60.0


class Sensor(PHashDistanceSensor):
    """The sensor; its interval between two pokes passes on the scene's clock."""

    scene: Scene

    def _get_next_poke_interval(self, *arguments: Any) -> float:
        self.scene.next_check(super()._get_next_poke_interval(*arguments))
        return 0.0


def sensor(scene: Scene, **arguments: Any) -> Sensor:
    made = Sensor(
        task_id="sensor",
        file_id=scene.file_id,
        reference_phash=reference(scene.imagekit),
        max_distance=8,
        poke_interval=POKE_INTERVAL,
        **arguments,
    )
    made.scene, made.hook = scene, scene.hook()
    return made


def run_poking(scene: Scene) -> Any:
    return sensor(scene).execute(context())


def run_rescheduled(scene: Scene) -> Any:
    while True:
        fresh = sensor(scene, mode="reschedule")  # each check is a process of its own
        if not AIRFLOW_3:  # there, execute() asks the metadata database for the time of the first check
            found = fresh.poke(context())
            if found:
                return found.xcom_value
            scene.next_check(POKE_INTERVAL)
            continue
        try:
            return fresh.execute(context())
        except Exception as error:
            if type(error).__name__ != "AirflowRescheduleException":
                raise


def run_deferrable(scene: Scene) -> Any:
    try:
        return sensor(scene, deferrable=True).execute(context())
    except TaskDeferred as deferred:
        arguments = json.loads(json.dumps(deferred.trigger.serialize()[1]))
        payload = json.loads(json.dumps(_fire(scene, PHashDistanceTrigger(**arguments))))
        resumed = sensor(scene, deferrable=True)
        return resumed.resume_execution(deferred.method_name, {"event": payload}, context())


def _fire(scene: Scene, trigger: PHashDistanceTrigger) -> Any:
    async def sleep(seconds: float) -> None:
        scene.next_check(seconds)

    async def first() -> Any:
        event = await anext(trigger.run())
        return event.payload

    trigger.sleep = sleep
    trigger.hook = scene.hook()
    return asyncio.run(first())


#: Who calls: a function, and with which check the fault begins.


#: Who calls: a function, and with which check the fault begins.
SENSORS: dict[str, tuple[Callable[[Scene], Any], int]] = {
    "sensor, poke": (run_poking, 1),
    "sensor, reschedule": (run_rescheduled, 1),
    "sensor, deferrable, first check": (run_deferrable, 1),
    "sensor, after deferral": (run_deferrable, 2),
}
