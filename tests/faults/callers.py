"""The columns of the fault matrix: runs a caller during a fault and records the outcome."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from airflow_provider_imagekit.compat import AirflowFailException, AirflowSkipException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitError
from tests.faults.expected import (
    CONTINUES,
    FAILS,
    FAULTY_DATA,
    REPORT,
    RETRIES,
    SUCCESS,
    WAITS,
    WHOLE,
    Expected,
    Fault,
)
from tests.faults.faults import WELL
from tests.faults.operators import CALLS, OPERATORS, FileFailedError
from tests.faults.scene import Scene, connection_id, reference
from tests.faults.sensors import JOBS, SENSORS, WATCHER
from tests.faults.writers import WRITERS

__all__ = ["CALLERS", "Outcome", "connection", "expected_outcome", "meet", "well"]

CALLERS = CALLS | OPERATORS | SENSORS | JOBS | WATCHER | WRITERS


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    Outcome of one cell.

    :param end: how the caller ended.
    :param error: class of the error; of its cause if the error is one of Airflow's exceptions.
    :param requests: requests that reached the server during the fault.
    :param waited: seconds that the caller itself waited during the fault.
    :param xcom: whether the task returned the same as without the fault, or the data of the fault's response.
    """

    end: str
    error: str
    requests: int
    waited: float
    xcom: str


def meet(
    fault: Fault,
    caller: str,
    imagekit: ImageKitEmulator,
    expected: Any = None,
    *,
    errors: list[BaseException] | None = None,
) -> Outcome | None:
    """
    Run a caller during a fault.

    :param expected: the caller's result without a fault.
    :param errors: list to which a raised error is appended.
    :return: the outcome; ``None`` if the fault does not apply to the caller.
    """
    call, starts_at = CALLERS[caller]
    if expected_outcome(fault, caller) is None:
        return None
    if fault.before is not None:
        if caller == "sensor, deferrable, first check":
            return None
        starts_at = 2
    scene = Scene(fault, imagekit, starts_at=starts_at)
    scene.next_check()
    end, error, xcom = "", "", ""
    try:
        value = call(scene)
    except Exception as raised:
        end, error = _ended(raised, caller)
        if errors is not None:
            errors.append(raised)
    else:
        end = WAITS if scene.went_on else SUCCESS
        xcom = WHOLE if value == expected else FAULTY_DATA
    finally:
        scene.end()
    return Outcome(end, error, scene.requests or 0, math.ceil(scene.waited * 10) / 10, xcom)


def expected_outcome(fault: Fault, caller: str) -> Expected | None:
    """Return the expected outcome of a fault for a caller."""
    if caller in WRITERS:
        return fault.writer(caller)
    if caller in OPERATORS:
        return fault.operator(caller)
    if caller in JOBS:
        return fault.job()
    if caller in WATCHER:
        return fault.watcher()
    return fault.call if caller in CALLS else fault.waiter(caller)


def well(imagekit: ImageKitEmulator, caller: str) -> Any:
    """Return a caller's result without a fault; the result of a sensor for a picture is known in advance."""
    if caller.startswith("sensor, "):
        phash = reference(imagekit)
        return {"matched": True, "distance": 0, "similarity": 1.0, "phash": phash, "reference_phash": phash}
    scene = Scene(WELL, imagekit, starts_at=1)
    return CALLERS[caller][0](scene)


def _ended(raised: Exception, caller: str) -> tuple[str, str]:
    if caller == "client call" and isinstance(raised, ImageKitError):
        return RETRIES if raised.retryable else FAILS, type(raised).__name__
    if isinstance(raised, FileFailedError):
        return CONTINUES, str(raised)
    if isinstance(raised, AirflowFailException):
        return FAILS, REPORT if raised.__context__ is None else type(raised.__context__).__name__
    if isinstance(raised, AirflowSkipException):
        return "skipped", type(raised.__cause__).__name__
    if isinstance(raised, ImageKitError):
        return RETRIES, type(raised).__name__
    raise raised


def connection(imagekit: ImageKitEmulator) -> tuple[str, str]:
    """Return name and value of the environment variable that defines the Airflow Connection to a server."""
    return f"AIRFLOW_CONN_{connection_id(imagekit).upper()}", json.dumps(imagekit.airflow_connection)
