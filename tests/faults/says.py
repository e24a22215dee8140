"""What a caller of the matrix must make of a fault."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_imagekit.emulator import ImageKitEmulator

__all__ = [
    "AS_ANSWERED", "BRANCH", "CHECK", "DELETE", "FAILS", "FOLDER_JOB", "GOES_ON", "INVALID", "LIBRARY",
    "LIMIT", "LISTING", "MISSING", "NEW_FILES", "NOT_REPEATED", "OVERWRITE", "PURGE", "REPORT", "RESPONSE",
    "RETRIES", "SERVER", "SHORT_CIRCUIT", "SHORT_TIMEOUT", "SUCCESS", "TRANSPORT", "UNKNOWN", "UPDATE",
    "UPLOAD", "USAGE", "USAGE_SENSOR", "WAITS", "WHOLE", "Fault", "Says", "Server",
]  # fmt: skip

Server = Callable[[ImageKitEmulator], AbstractContextManager[object]]

# Errors that every other file would meet as well, so that a library stops at the first.
OF_THE_RUN = ("ImageKitAuthError",)

#: Seconds until a request is given up while a fault lasts in which the server lets its callers wait.
SHORT_TIMEOUT = 0.4

SUCCESS, WAITS, FAILS, RETRIES = "success", "waits on", "fails, no retry", "fails, may be retried"
GOES_ON = "goes on, one file less"
WHOLE, AS_ANSWERED = "whole", "as answered"
REPORT = "a report of what is wrong"

BRANCH, SHORT_CIRCUIT = "PHashBranchOperator", "PHashShortCircuitOperator"
CHECK, LISTING, LIBRARY = "TransformationCheckOperator", "ListFilesOperator", "LibraryMetadataOperator"
UPDATE, UPLOAD, DELETE = "UpdateFilesOperator", "UploadFileOperator", "DeleteFilesOperator"
PURGE, FOLDER_JOB = "PurgeCacheOperator", "FolderJobOperator"
OVERWRITE = "UploadFileOperator with on_existing=overwrite"
#: Writers whose request is not sent again after a lost answer.
NOT_REPEATED = (OVERWRITE, FOLDER_JOB)
USAGE = "UsageOperator"
NEW_FILES, USAGE_SENSOR = "NewFilesSensor", "UsageSensor"

TRANSPORT, SERVER, RESPONSE = "ImageKitTransportError", "ImageKitServerError", "ImageKitResponseError"
LIMIT, MISSING, INVALID = "ImageKitRateLimitError", "MissingPHashError", "InvalidPHashError"
UNKNOWN = "UnknownOutcomeError"

# Faults after which it is certain that nothing was done.
NOT_BEGUN = ("423", "429", "connection refused", "connect timeout")


@dataclass(frozen=True, slots=True)
class Says:
    """
    What a caller must make of a fault.

    :param end: how it ends.
    :param error: class of the error.
    :param requests: most requests while the fault lasts.
    :param waited: most seconds of the caller's own waiting while the fault lasts, without the intervals
        between a sensor's checks and the time that the server takes.
    :param xcom: what the task returns: the whole truth, or what the fault answers in its place.
    """

    end: str
    error: str = ""
    requests: int = 1
    waited: float = 0.0
    xcom: str = ""

    def __post_init__(self) -> None:
        if not self.xcom and self.end in (SUCCESS, WAITS):
            object.__setattr__(self, "xcom", WHOLE)


ANSWER_TO_A_WRITE = {
    **dict.fromkeys((UPLOAD, OVERWRITE), Says(SUCCESS, xcom=AS_ANSWERED)),
    **dict.fromkeys((PURGE, FOLDER_JOB), Says(FAILS, REPORT)),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One row.

    :param name: what goes wrong.
    :param server: puts the fault to work while it is entered.
    :param call: what a call of the client, and so an operator, must make of it; ``None`` where the fault
        needs somebody who waits.
    :param sensor: what a check of a sensor must make of it, in every mode.
    :param but: what operators must make of it that differ from a call; ``None`` where it is none of theirs.
    :param checks: for how many checks of a sensor it lasts.
    :param before: what a sensor's first check meets before the fault begins with the second.
    :param timeout: seconds until a request is given up while it lasts; before and after it, and by default,
        those of the Airflow Connection, which a busy machine keeps.
    """

    name: str
    server: Server
    call: Says | None
    sensor: Says
    but: dict[str, Says | None] = field(default_factory=dict)
    checks: int = 1
    before: dict[str, Any] | None = None
    timeout: float | None = None

    def operator(self, name: str) -> Says | None:
        """Return what an operator must make of it."""
        says = self.but.get(name, self.call)
        if name == LIBRARY and says and says.error == LIMIT:  # it waits for a quarter of an hour, and more
            return replace(says, requests=400, waited=4000.0)
        if name == LIBRARY and says and says.error not in ("", *OF_THE_RUN):
            return replace(says, end=GOES_ON)
        if name == USAGE and says and self.answers_another_question:
            return Says(RETRIES, RESPONSE)
        return says

    def waiter(self, name: str) -> Says | None:
        """Return what a sensor must make of it, in every mode."""
        if name.startswith(NEW_FILES) and NEW_FILES in self.but:
            return self.but[NEW_FILES]
        if name.startswith((NEW_FILES, USAGE_SENSOR)):
            return None if self.is_about_the_hash else self._wait()
        return self.sensor

    def job(self) -> Says | None:
        """Return what an operator that waits for its job must make of it: no retry asks for the job again."""
        if self.is_about_the_hash:
            return None
        says = self._wait()
        return replace(says, end=FAILS) if says.end == RETRIES else says

    def watcher(self) -> Says | None:
        """Return what a trigger that watches must make of it: no error ends it."""
        if NEW_FILES in self.but:
            return self.but[NEW_FILES]
        if self.is_about_the_hash:
            return None
        says = self._wait()
        return Says(WAITS, "", says.requests, says.waited) if says.end == RETRIES else says

    def writer(self, name: str) -> Says | None:
        """Return what a caller that writes must make of it."""
        says = self.call
        if says is None:
            return None
        if self.answers_another_question:
            return ANSWER_TO_A_WRITE.get(name, Says(RETRIES, RESPONSE))
        if name == UPDATE and self.name[:3] in ("400", "404", "423"):
            return replace(says, error="TooManyFailedFilesError")
        if name == DELETE and self.name.startswith("404"):
            return Says(SUCCESS)
        lost = says.error in (TRANSPORT, SERVER, RESPONSE) or self.name.startswith("500")
        if name in NOT_REPEATED and lost and not self.name.startswith(NOT_BEGUN):
            return Says(FAILS, UNKNOWN)
        return says

    @property
    def answers_another_question(self) -> bool:
        """Whether the answer is right, and one to a question about a picture."""
        return self.name.startswith("200 with") and "pHash" in self.name

    @property
    def is_about_the_hash(self) -> bool:
        """Whether only who waits for a picture can meet it."""
        return bool(self.before and "body" in self.before)

    def _wait(self) -> Says:
        """Return what comes of it when who waits does not ask about a picture."""
        return Says(WAITS, "", 3, 1.5) if self.answers_another_question else self.sensor
