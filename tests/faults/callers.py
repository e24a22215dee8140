"""The columns of the fault matrix: who meets a fault, run as Airflow would, on a clock of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_imagekit.budget import RequestBudget
from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.hooks.settings import ClientSettings
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator, RemoteUrlMetadataOperator
from airflow_provider_imagekit.operators.phash import PHashBranchOperator, PHashShortCircuitOperator
from airflow_provider_imagekit.operators.transformations import TransformationCheckOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger
from tests import pictures
from tests.faults.faults import (
    AS_ANSWERED,
    BRANCH,
    CHECK,
    FAILS,
    GOES_ON,
    LIBRARY,
    LISTING,
    REPORT,
    RETRIES,
    SHORT_CIRCUIT,
    SUCCESS,
    WAITS,
    WELL,
    WHOLE,
    Fault,
    Says,
)
from tests.support import AIRFLOW_3, Clock

__all__ = ["CALLERS", "CALLS", "OPERATORS", "SENSORS", "Outcome", "meet", "says"]

POKE_INTERVAL = 60.0
MOST_CHECKS = 80


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What came of it.

    :param end: how it ended.
    :param error: class of the error, of its cause where Airflow's own class stands in front.
    :param requests: requests that reached the server while the fault lasted.
    :param waited: seconds of the caller's own waiting while the fault lasted.
    :param xcom: whether the task returned the whole truth, or what the fault answers in its place.
    """

    end: str
    error: str
    requests: int
    waited: float
    xcom: str


class Scene:
    """One caller, one fault, one server, one clock."""

    def __init__(self, fault: Fault, imagekit: ImageKitEmulator, *, starts_at: int) -> None:
        self.fault = fault
        self.imagekit = imagekit
        self.clock = Clock()
        self.file_id = imagekit.file_id(pictures.ORIGINAL)
        self.url = imagekit.file_url(pictures.ORIGINAL)
        self.requests: int | None = None
        self.waited = 0.0
        self._budget = RequestBudget(clock=self.clock, sleep=self.clock.sleep)
        self._starts_at = starts_at
        self._check = 0
        self._lasting = contextlib.ExitStack()
        self.client_of = functools.cache(self._client_of)

    @property
    def went_on(self) -> bool:
        """Whether the caller was still there when the fault was over."""
        return self._check >= self._starts_at + self.fault.checks

    def hook(self) -> ImageKitHook:
        hook = ImageKitHook()
        hook.client_of = self.client_of
        return hook

    def next_check(self, waited: float = 0.0) -> None:
        """Come to the next check, some seconds after the one before."""
        self.clock.now += waited
        self._check += 1
        if self._check > MOST_CHECKS:
            raise TimeoutError
        if self._check == self._starts_at:
            self.imagekit.clear()
            self.clock.slept.clear()
            self._lasting.enter_context(self.fault.server(self.imagekit))
        elif self._check == self._starts_at + self.fault.checks:
            self.end()
        elif self._check < self._starts_at:
            self.imagekit.inject(**(self.fault.before or {"status": 404}))

    def end(self) -> None:
        """End the fault, and note what it has cost."""
        if self.requests is None:
            self.requests, self.waited = len(self.imagekit.requests), sum(self.clock.slept)
        self._lasting.close()

    def _client_of(self, settings: ClientSettings) -> ImageKitClient:
        return ImageKitClient(
            settings.private_key,
            base_url=settings.base_url,
            timeout=settings.timeout,
            max_retries=settings.max_retries,
            max_wait=settings.max_wait,
            budget=self._budget,
            sleep=self.clock.sleep,
            jitter=lambda: 1.0,
        )


class TaskInstance:
    """What the tasks ask of their task instance."""

    dag_id, task_id, run_id = "faults", "task", "run"
    max_tries = 0
    map_index = -1

    @staticmethod
    def get_first_reschedule_date(_context: Any) -> None:
        return None

    def xcom_push(self, key: str, value: Any) -> None:
        json.dumps({key: value}, allow_nan=False)


def context() -> Any:
    return {"ti": TaskInstance(), "outlet_events": {}}


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


@functools.cache
def reference(imagekit: ImageKitEmulator) -> str:
    return str(truth(imagekit)["pHash"])


@functools.cache
def truth(imagekit: ImageKitEmulator) -> dict[str, Any]:
    """What ImageKit says of the picture when all is well."""
    with ImageKitClient(imagekit.private_key, base_url=imagekit.url) as client:
        return client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))


def call_client(scene: Scene) -> Any:
    return scene.hook().get_conn().get_file_metadata(scene.file_id)


def run_file_operator(scene: Scene) -> Any:
    operator = FileMetadataOperator(task_id="file", file_id=scene.file_id)
    operator.hook = scene.hook()
    return operator.execute(context())


def run_url_operator(scene: Scene) -> Any:
    operator = RemoteUrlMetadataOperator(task_id="url", url=scene.url)
    operator.hook = scene.hook()
    return operator.execute(context())


class Branch(PHashBranchOperator):
    """The operator, without the tasks behind it, which Airflow would skip."""

    def _act(self, context: Any, value: dict[str, Any]) -> None:
        pass


def run_branch(scene: Scene) -> Any:
    operator = Branch(
        task_id="branch",
        file_id=scene.file_id,
        reference_phash=reference(scene.imagekit),
        follow_task_ids_if_similar="same",
        follow_task_ids_if_different="other",
        follow_task_ids_if_undecidable="ask",
    )
    operator.hook = scene.hook()
    return operator.execute(context())["branch"]


def run_short_circuit(scene: Scene) -> Any:
    operator = PHashShortCircuitOperator(
        task_id="go_on",
        file_id=scene.file_id,
        reference_phash=reference(scene.imagekit),
        on_undecidable="continue",
    )
    operator.hook = scene.hook()
    return operator.execute(context())["decision"]


def run_transformation_check(scene: Scene) -> Any:
    operator = TransformationCheckOperator(
        task_id="check", phash=reference(scene.imagekit), variants=[{"url": scene.url}]
    )
    operator.hook = scene.hook()
    return operator.execute(context())["passed"]


def run_listing(scene: Scene) -> Any:
    operator = ListFilesOperator(task_id="list", max_xcom_bytes=1 << 20)
    operator.hook = scene.hook()
    return operator.execute(context())


class FileFailedError(Exception):
    """The run went on without the file, whose error is this one's text."""


def run_library(scene: Scene) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "table.jsonl")
        operator = LibraryMetadataOperator(
            task_id="library", file_ids=[scene.file_id], output_path=str(table), threads=1
        )
        operator.hook = scene.hook()
        done = operator.execute(context())
        for failed in _rows(done["errors_path"]):
            raise FileFailedError(failed["error"])
        [row] = _rows(table)
        return row.get("phash")


def _rows(table: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(table).read_text("utf-8").splitlines()]


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
CALLS: dict[str, tuple[Callable[[Scene], Any], int]] = {
    "client call": (call_client, 1),
    "FileMetadataOperator": (run_file_operator, 1),
    "RemoteUrlMetadataOperator": (run_url_operator, 1),
}
OPERATORS: dict[str, tuple[Callable[[Scene], Any], int]] = {
    BRANCH: (run_branch, 1),
    SHORT_CIRCUIT: (run_short_circuit, 1),
    CHECK: (run_transformation_check, 1),
    LISTING: (run_listing, 1),
    LIBRARY: (run_library, 1),
}
SENSORS: dict[str, tuple[Callable[[Scene], Any], int]] = {
    "sensor, poke": (run_poking, 1),
    "sensor, reschedule": (run_rescheduled, 1),
    "sensor, deferrable, first check": (run_deferrable, 1),
    "sensor, after deferral": (run_deferrable, 2),
}
CALLERS = CALLS | OPERATORS | SENSORS


def meet(
    fault: Fault, caller: str, imagekit: ImageKitEmulator, *, told: list[BaseException] | None = None
) -> Outcome | None:
    """
    Let a caller meet a fault.

    :param told: what is raised is put here.
    :return: ``None`` where the caller cannot meet it.
    """
    call, starts_at = CALLERS[caller]
    if says(fault, caller) is None:
        return None
    if fault.before is not None:
        if caller == "sensor, deferrable, first check":
            return None
        starts_at = 2
    expected = _well(imagekit, caller)
    scene = Scene(fault, imagekit, starts_at=starts_at)
    scene.next_check()
    end, error, xcom = "", "", ""
    with _connection(imagekit, fault):
        try:
            value = call(scene)
        except Exception as raised:
            end, error = _ended(raised, caller)
            if told is not None:
                told.append(raised)
        else:
            end = WAITS if scene.went_on else SUCCESS
            xcom = WHOLE if value == expected else AS_ANSWERED
        finally:
            scene.end()
    return Outcome(end, error, scene.requests or 0, math.ceil(scene.waited * 10) / 10, xcom)


def says(fault: Fault, caller: str) -> Says | None:
    """Return what a caller must make of a fault."""
    if caller in OPERATORS:
        return fault.operator(caller)
    return fault.call if caller in CALLS else fault.sensor


@functools.cache
def _well(imagekit: ImageKitEmulator, caller: str) -> Any:
    """What comes of it when all is well; a sensor needs no more than the operators do."""
    if caller in SENSORS:
        phash = reference(imagekit)
        return {"matched": True, "distance": 0, "similarity": 1.0, "phash": phash, "reference_phash": phash}
    scene = Scene(WELL, imagekit, starts_at=1)
    with _connection(imagekit, WELL):
        return CALLERS[caller][0](scene)


def _ended(raised: Exception, caller: str) -> tuple[str, str]:
    if caller == "client call" and isinstance(raised, ImageKitError):
        return RETRIES if raised.retryable else FAILS, type(raised).__name__
    if isinstance(raised, FileFailedError):
        return GOES_ON, str(raised)
    if isinstance(raised, AirflowFailException):
        return FAILS, REPORT if raised.__cause__ is None else type(raised.__cause__).__name__
    if isinstance(raised, AirflowSkipException):
        return "skipped", type(raised.__cause__).__name__
    if isinstance(raised, ImageKitError):
        return RETRIES, type(raised).__name__
    raise raised


@contextlib.contextmanager
def _connection(imagekit: ImageKitEmulator, fault: Fault) -> Iterator[None]:
    name = "AIRFLOW_CONN_IMAGEKIT_DEFAULT"
    connection = imagekit.airflow_connection
    connection["extra"] |= fault.extra
    os.environ[name] = json.dumps(connection)
    try:
        yield
    finally:
        del os.environ[name]
