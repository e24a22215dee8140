"""Expected outcomes of the fault matrix."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_imagekit.emulator import ImageKitEmulator

__all__ = [
    "BRANCH",
    "CHECK",
    "CONTINUES",
    "DELETE",
    "FAILS",
    "FAULTY_DATA",
    "FOLDER_JOB",
    "INVALID",
    "LIBRARY",
    "LIMIT",
    "LISTING",
    "MISSING",
    "NEW_FILES",
    "NOT_REPEATED",
    "OVERWRITE",
    "PURGE",
    "REPORT",
    "RESPONSE",
    "RETRIES",
    "SERVER",
    "SHORT_CIRCUIT",
    "SHORT_TIMEOUT",
    "SUCCESS",
    "TRANSPORT",
    "UNKNOWN",
    "UPDATE",
    "UPLOAD",
    "USAGE",
    "USAGE_SENSOR",
    "WAITS",
    "WHOLE",
    "Expected",
    "Fault",
    "Server",
]  # fmt: skip

Server = Callable[[ImageKitEmulator], AbstractContextManager[object]]

# Errors that every other file would get as well, so a library run stops at the first.
OF_THE_RUN = ("ImageKitAuthError",)

#: Timeout in seconds during faults in which the server lets its callers wait.
SHORT_TIMEOUT = 0.4

SUCCESS, WAITS, FAILS, RETRIES = "success", "keeps waiting", "fails, no retry", "fails, may be retried"
CONTINUES = "continues without one file"
WHOLE, FAULTY_DATA = "whole", "faulty data"
REPORT = "a report of the problems"

BRANCH, SHORT_CIRCUIT = "PHashBranchOperator", "PHashShortCircuitOperator"
CHECK, LISTING, LIBRARY = "TransformationCheckOperator", "ListFilesOperator", "LibraryMetadataOperator"
UPDATE, UPLOAD, DELETE = "UpdateFilesOperator", "UploadFileOperator", "DeleteFilesOperator"
PURGE, FOLDER_JOB = "PurgeCacheOperator", "FolderJobOperator"
OVERWRITE = "UploadFileOperator with on_existing=overwrite"
#: Writers whose request is not retried after a lost response.
NOT_REPEATED = (OVERWRITE, FOLDER_JOB)
USAGE = "UsageOperator"
NEW_FILES, USAGE_SENSOR = "NewFilesSensor", "UsageSensor"

TRANSPORT, SERVER, RESPONSE = "ImageKitTransportError", "ImageKitServerError", "ImageKitResponseError"
LIMIT, MISSING, INVALID = "ImageKitRateLimitError", "MissingPHashError", "InvalidPHashError"
UNKNOWN = "UnknownOutcomeError"

# Faults after which the request was certainly not processed.
NOT_PROCESSED = ("423", "429", "connection refused", "connect timeout")


@dataclass(frozen=True, slots=True)
class Expected:
    """
    Expected outcome of a fault for a caller.

    :param end: how the caller ends.
    :param error: class of the error.
    :param requests: maximum requests during the fault.
    :param waited: maximum seconds that the caller itself waits during the fault, without the intervals
        between a sensor's checks and the time that the server takes.
    :param xcom: what the task returns: the same as without the fault, or the data of the fault's response.
    """

    end: str
    error: str = ""
    requests: int = 1
    waited: float = 0.0
    xcom: str = ""

    def __post_init__(self) -> None:
        if not self.xcom and self.end in (SUCCESS, WAITS):
            object.__setattr__(self, "xcom", WHOLE)


RESPONSE_TO_A_WRITE = {
    **dict.fromkeys((UPLOAD, OVERWRITE), Expected(SUCCESS, xcom=FAULTY_DATA)),
    **dict.fromkeys((PURGE, FOLDER_JOB), Expected(FAILS, REPORT)),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One row of the matrix.

    :param name: what goes wrong.
    :param server: context manager that activates the fault.
    :param call: expected outcome for a call of the client and for operators; ``None`` if the fault concerns
        only callers that wait.
    :param sensor: expected outcome for a check of a sensor, in every mode.
    :param but: expected outcomes for operators that differ from a call; ``None`` if the fault does not apply.
    :param checks: number of a sensor's checks for which the fault lasts.
    :param before: response to a sensor's first check; the fault then begins with the second.
    :param timeout: timeout of requests in seconds during the fault. Before and after it, and by default, it
        is that of the Airflow Connection, which suffices on a busy machine.
    """

    name: str
    server: Server
    call: Expected | None
    sensor: Expected
    but: dict[str, Expected | None] = field(default_factory=dict)
    checks: int = 1
    before: dict[str, Any] | None = None
    timeout: float | None = None

    def operator(self, name: str) -> Expected | None:
        """Return the expected outcome for an operator."""
        expected = self.but.get(name, self.call)
        if name == LIBRARY and expected and expected.error == LIMIT:  # it waits for more than 15 minutes
            return replace(expected, requests=400, waited=4000.0)
        if name == LIBRARY and expected and expected.error not in ("", *OF_THE_RUN):
            return replace(expected, end=CONTINUES)
        if name == USAGE and expected and self.is_response_about_a_picture:
            return Expected(RETRIES, RESPONSE)
        return expected

    def waiter(self, name: str) -> Expected | None:
        """Return the expected outcome for a sensor, in every mode."""
        if name.startswith(NEW_FILES) and NEW_FILES in self.but:
            return self.but[NEW_FILES]
        if name.startswith((NEW_FILES, USAGE_SENSOR)):
            return None if self.is_about_the_hash else self._wait()
        return self.sensor

    def job(self) -> Expected | None:
        """Return the expected outcome for an operator that waits for a job; no retry may repeat the job."""
        if self.is_about_the_hash:
            return None
        expected = self._wait()
        return replace(expected, end=FAILS) if expected.end == RETRIES else expected

    def watcher(self) -> Expected | None:
        """Return the expected outcome for a trigger that watches; no error ends it."""
        if NEW_FILES in self.but:
            return self.but[NEW_FILES]
        if self.is_about_the_hash:
            return None
        expected = self._wait()
        return (
            Expected(WAITS, "", expected.requests, expected.waited) if expected.end == RETRIES else expected
        )

    def writer(self, name: str) -> Expected | None:
        """Return the expected outcome for a caller that writes."""
        expected = self.call
        if expected is None:
            return None
        if self.is_response_about_a_picture:
            return RESPONSE_TO_A_WRITE.get(name, Expected(RETRIES, RESPONSE))
        if name == UPDATE and self.name[:3] in ("400", "404", "423"):
            return replace(expected, error="TooManyFailedFilesError")
        if name == DELETE and self.name.startswith("404"):
            return Expected(SUCCESS)
        lost = expected.error in (TRANSPORT, SERVER, RESPONSE) or self.name.startswith("500")
        if name in NOT_REPEATED and lost and not self.name.startswith(NOT_PROCESSED):
            return Expected(FAILS, UNKNOWN)
        return expected

    @property
    def is_response_about_a_picture(self) -> bool:
        """Whether the response is valid for a request about a picture, but not for others."""
        return self.name.startswith("200 with") and "pHash" in self.name

    @property
    def is_about_the_hash(self) -> bool:
        """Whether the fault applies only to callers that wait for a picture."""
        return bool(self.before and "body" in self.before)

    def _wait(self) -> Expected:
        """Return the expected outcome for a caller that waits for something other than a picture."""
        return Expected(WAITS, "", 3, 1.5) if self.is_response_about_a_picture else self.sensor
