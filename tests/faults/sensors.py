"""Callers that poll: sensors in every mode, waits for a job, and the watcher, on the scene's clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from airflow_provider_imagekit.compat import TaskDeferred
from airflow_provider_imagekit.operators.jobs import FolderJobOperator, PurgeCacheOperator
from airflow_provider_imagekit.sensors.base import ImageKitSensor
from airflow_provider_imagekit.sensors.files import NewFilesSensor
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from airflow_provider_imagekit.sensors.usage import UsageSensor
from airflow_provider_imagekit.triggers.files import ImageKitFilesTrigger
from tests.doubles import context
from tests.faults.expected import NEW_FILES, USAGE_SENSOR
from tests.faults.scene import PLENTY, Scene
from tests.support import AIRFLOW_3

__all__ = ["JOBS", "POKE_INTERVAL", "SENSORS", "WATCHER"]

POKE_INTERVAL = 60.0
#: Timeout in seconds that is longer than any fault.
PATIENCE = 1e6

Caller = Callable[[Scene], Any]


class _Clocked(ImageKitSensor):
    """A sensor whose poke interval elapses on the scene's clock."""

    scene: Scene

    def _get_next_poke_interval(self, *arguments: Any) -> float:
        self.scene.next_check(super()._get_next_poke_interval(*arguments))
        return 0.0


class _PHashSensor(_Clocked, PHashDistanceSensor):
    pass


class _NewFilesSensor(_Clocked, NewFilesSensor):
    pass


class _UsageSensor(_Clocked, UsageSensor):
    pass


def phash_sensor(scene: Scene, **mode: Any) -> Any:
    return _sensor(
        scene, _PHashSensor, file_id=scene.file_id, reference_phash=scene.reference, max_distance=8, **mode
    )


def new_files_sensor(scene: Scene, **mode: Any) -> Any:
    return _sensor(scene, _NewFilesSensor, path="/docs", **mode)


def usage_sensor(scene: Scene, **mode: Any) -> Any:
    return _sensor(scene, _UsageSensor, limits=PLENTY, **mode)


def _sensor(scene: Scene, kind: Callable[..., Any], **arguments: Any) -> Any:
    sensor = scene.task(kind, poke_interval=POKE_INTERVAL, **arguments)
    sensor.scene = scene
    return sensor


def run_poking(scene: Scene, sensor: Callable[..., Any]) -> Any:
    return sensor(scene).execute(context())


def run_rescheduled(scene: Scene, sensor: Callable[..., Any]) -> Any:
    while True:
        fresh = sensor(scene, mode="reschedule")  # each check is a separate process
        if not AIRFLOW_3:  # there, execute() reads the time of the first check from the metadata database
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


def run_deferrable(scene: Scene, task: Callable[..., Any]) -> Any:
    try:
        return task(scene, deferrable=True).execute(context())
    except TaskDeferred as deferred:
        trigger: Any = deferred.trigger
        payload = json.loads(json.dumps(_fire(scene, type(trigger), trigger.serialize()[1])))
        resumed = task(scene, deferrable=True)
        return resumed.resume_execution(deferred.method_name, {"event": payload}, context())


def _fire(scene: Scene, kind: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Return the payload of the first event of a trigger, rebuilt from its arguments as in Airflow."""

    async def sleep(seconds: float) -> None:
        scene.next_check(seconds)

    async def first() -> Any:
        trigger = kind(**json.loads(json.dumps(arguments)))
        trigger.sleep = sleep
        trigger.hook = scene.hook()
        return (await anext(trigger.run())).payload

    return asyncio.run(first())


def purge(scene: Scene, **mode: Any) -> Any:
    job = scene.task(PurgeCacheOperator, url=scene.url, poke_interval=POKE_INTERVAL, timeout=PATIENCE, **mode)
    job.sleep = scene.next_check
    return job


def folder_job(scene: Scene, **mode: Any) -> Any:
    return scene.task(
        FolderJobOperator,
        action="copy",
        folder="/docs",
        destination="/copies",
        poke_interval=POKE_INTERVAL,
        timeout=PATIENCE,
        **mode,
    )


def run_purge(scene: Scene) -> Any:
    """Start the fault after ImageKit has accepted the purge and reported it as pending once."""
    scene.imagekit.clear_faults()
    scene.imagekit.inject(status=200, body={"status": "Pending"}, match="/v1/files/purge/")
    return purge(scene).execute(context())["status"]


def run_folder_job(scene: Scene) -> Any:
    """Start the fault in the triggerer, after ImageKit has accepted the job."""
    scene.imagekit.clear_faults()
    return run_deferrable(scene, folder_job)["status"]


def run_watcher(scene: Scene) -> Any:
    _, arguments = ImageKitFilesTrigger(path="/docs", overlap=3600.0, poll_interval=POKE_INTERVAL).serialize()
    return _fire(scene, ImageKitFilesTrigger, arguments)["count"]


_BEFORE, _LATER = 1, 2

#: Callers by name: a function, and the number of the check with which the fault begins.
SENSORS: dict[str, tuple[Caller, int]] = {
    "sensor, poke": (partial(run_poking, sensor=phash_sensor), _BEFORE),
    "sensor, reschedule": (partial(run_rescheduled, sensor=phash_sensor), _BEFORE),
    "sensor, deferrable, first check": (partial(run_deferrable, task=phash_sensor), _BEFORE),
    "sensor, after deferral": (partial(run_deferrable, task=phash_sensor), _LATER),
    NEW_FILES: (partial(run_poking, sensor=new_files_sensor), _BEFORE),
    f"{NEW_FILES}, after deferral": (partial(run_deferrable, task=new_files_sensor), _LATER),
    USAGE_SENSOR: (partial(run_poking, sensor=usage_sensor), _BEFORE),
    f"{USAGE_SENSOR}, after deferral": (partial(run_deferrable, task=usage_sensor), _LATER),
}
JOBS: dict[str, tuple[Caller, int]] = {
    "PurgeCacheOperator, waiting": (run_purge, _LATER),
    "FolderJobOperator, after deferral": (run_folder_job, _LATER),
}
WATCHER: dict[str, tuple[Caller, int]] = {"ImageKitFilesTrigger": (run_watcher, _BEFORE)}
