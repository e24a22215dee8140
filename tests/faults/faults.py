"""The rows of the fault matrix: what goes wrong, and what each caller must make of it."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_imagekit.client.endpoints import list_files
from airflow_provider_imagekit.emulator import ImageKitEmulator

__all__ = [
    "AS_ANSWERED", "BRANCH", "CHECK", "DELETE", "FAILS", "FAULTS", "FOLDER_JOB", "GOES_ON", "LIBRARY",
    "LISTING", "NOT_REPEATED", "OVERWRITE", "PURGE", "REPORT", "RETRIES", "SHORT_CIRCUIT", "SUCCESS",
    "UPDATE", "UPLOAD", "WAITS", "WELL", "WHOLE", "Fault", "Says",
]  # fmt: skip

Server = Callable[[ImageKitEmulator], AbstractContextManager[object]]

# Errors that every other file would meet as well, so that a library stops at the first.
OF_THE_RUN = ("ImageKitAuthError",)

#: Airflow Connection's timeout in the rows in which the server lets its callers wait.
SHORT_TIMEOUT = 0.15

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
    :param extra: fields of the Airflow Connection.
    """

    name: str
    server: Server
    call: Says | None
    sensor: Says
    but: dict[str, Says | None] = field(default_factory=dict)
    checks: int = 1
    before: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def operator(self, name: str) -> Says | None:
        """Return what an operator must make of it."""
        says = self.but.get(name, self.call)
        if name == LIBRARY and says and says.error == LIMIT:  # it waits for a quarter of an hour, and more
            return replace(says, requests=400, waited=4000.0)
        if name == LIBRARY and says and says.error not in ("", *OF_THE_RUN):
            return replace(says, end=GOES_ON)
        return says

    def writer(self, name: str) -> Says | None:
        """Return what a caller that writes must make of it."""
        says = self.call
        if says is None:
            return None
        if self.name.startswith("200 with") and "pHash" in self.name:  # an answer to another question
            return ANSWER_TO_A_WRITE.get(name, Says(RETRIES, RESPONSE))
        if name == UPDATE and self.name[:3] in ("400", "404", "423"):
            return replace(says, error="TooManyFailedFilesError")
        if name == DELETE and self.name.startswith("404"):
            return Says(SUCCESS)
        lost = says.error in (TRANSPORT, SERVER, RESPONSE) or self.name.startswith("500")
        if name in NOT_REPEATED and lost and not self.name.startswith(NOT_BEGUN):
            return Says(FAILS, "UnknownOutcomeError")
        return says


def answers(**fault: Any) -> Server:
    """Let the emulator answer every request so; see its ``Fault``."""

    @contextmanager
    def at_work(imagekit: ImageKitEmulator) -> Iterator[None]:
        imagekit.inject(**{"times": None, **fault})
        yield
        imagekit.clear_faults()

    return at_work


@contextmanager
def down(imagekit: ImageKitEmulator) -> Iterator[None]:
    """Nobody listens."""
    imagekit.stop()
    yield
    imagekit.start()


@contextmanager
def deaf(imagekit: ImageKitEmulator) -> Iterator[None]:
    """Somebody listens, but takes no connection: the queue is full."""
    port = int(imagekit.url.rpartition(":")[2])
    imagekit.stop()
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield
    imagekit.start()


@contextmanager
def expired(imagekit: ImageKitEmulator) -> Iterator[None]:
    """The key is another one from now on."""
    key, imagekit.private_key = imagekit.private_key, "private_another="
    yield
    imagekit.private_key = key


@contextmanager
def redirecting(imagekit: ImageKitEmulator) -> Iterator[None]:
    """Another server, which must not be asked."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        imagekit.inject(redirect=f"http://localhost:{other.getsockname()[1]}/v1/files", times=None)
        yield
        imagekit.clear_faults()
        with contextlib.suppress(BlockingIOError):
            other.accept()
            raise AssertionError("The redirect was followed: the key reached another server.")


def status(code: int, message: str = "Something.") -> Server:
    return answers(status=code, body={"message": message, "help": "For support kindly contact us."})


def too_many(**headers: str) -> Server:
    return answers(status=429, headers={name.replace("_", "-"): value for name, value in headers.items()})


def hash_is(**fields: Any) -> Server:
    return answers(status=200, body={"width": 640, "height": 480, **fields})


def bomb() -> Server:
    """Small on the wire, larger than the limit in memory."""
    body = gzip.compress(b"[" + b" " * list_files().max_bytes + b"]")
    return answers(status=200, body=body, headers={"Content-Encoding": "gzip"})


def many_values() -> Server:
    """Within the limit of bytes, and of more values than the largest answer may hold."""
    return answers(status=200, body=b"[" + b"{}," * list_files().max_values + b"{}]")


# Six tries, 0.5 + 1 + 2 + 4 + 8 s apart at the longest; a sensor's check makes three within 1.5 s.
def passes(error: str) -> tuple[Says, Says]:
    return Says(RETRIES, error, 6, 15.5), Says(WAITS, "", 3, 1.5)


def lasts(error: str) -> tuple[Says, Says]:
    return Says(FAILS, error), Says(RETRIES, error)


TRANSPORT, SERVER, RESPONSE = "ImageKitTransportError", "ImageKitServerError", "ImageKitResponseError"
LIMIT, MISSING, INVALID = "ImageKitRateLimitError", "MissingPHashError", "InvalidPHashError"
ANSWER = json.dumps({"width": 640, "pHash": "f06830ca9f1e3e90"})
SLOW = {"timeout": SHORT_TIMEOUT}
WAITING = Says(WAITS)
FINE = Says(SUCCESS, xcom=AS_ANSWERED)
ANSWER_TO_A_WRITE = {
    **dict.fromkeys((UPLOAD, OVERWRITE), FINE),
    **dict.fromkeys((PURGE, FOLDER_JOB), Says(FAILS, REPORT)),
}
FOUND = {CHECK: Says(FAILS, REPORT)}
NO_HASH = {**FOUND, LISTING: None}
BAD_HASH = {**dict.fromkeys((BRANCH, SHORT_CIRCUIT, CHECK), Says(FAILS, INVALID)), LISTING: None}

WELL = Fault("no fault", lambda _imagekit: contextlib.nullcontext(), None, WAITING)

FAULTS = [
    Fault("400: the request or the file is at fault", status(400), *lasts("ImageKitBadRequestError"), FOUND),
    Fault(
        "400 with a message of two megabytes",
        status(400, "x" * 2_000_000),
        *lasts("ImageKitBadRequestError"),
        FOUND,
    ),
    Fault("401: no key arrived", status(401), *lasts("ImageKitAuthError")),
    Fault("403: the key is wrong, expired, or may not", status(403), *lasts("ImageKitAuthError")),
    Fault("404: no such file", status(404), Says(FAILS, "ImageKitNotFoundError"), WAITING, FOUND),
    Fault("408: the server gave up waiting", status(408), *passes(SERVER)),
    Fault("423: a bulk job holds the file", status(423), *passes(SERVER)),
    Fault(
        "429 once, reset in 2 s",
        answers(status=429, headers={"X-RateLimit-Reset": "2000"}, times=1),
        Says(SUCCESS, "", 2, 2.5),
        Says(SUCCESS, "", 2, 2.5),
    ),
    Fault(
        "429, reset in 2 s, again and again",
        too_many(X_RateLimit_Reset="2000"),
        Says(RETRIES, LIMIT, 6, 14.5),
        Says(WAITS, "", 2, 2.5),
    ),
    Fault(
        "429 once, `Retry-After: 2` instead",
        answers(status=429, headers={"Retry-After": "2"}, times=1),
        Says(SUCCESS, "", 2, 2.5),
        Says(SUCCESS, "", 2, 2.5),
    ),
    Fault(
        "429 for ever, reset in 30 s",
        too_many(X_RateLimit_Reset="30000"),
        Says(RETRIES, LIMIT, 4, 92.5),
        Says(WAITS, "", 10),
        checks=10,
    ),
    Fault(
        "429, reset in 10 minutes",
        too_many(X_RateLimit_Reset="600000"),
        Says(RETRIES, LIMIT),
        Says(WAITS, "", 1),
        checks=10,
    ),
    Fault(
        "429, reset in 31,000 years",
        too_many(X_RateLimit_Reset="999999999999999"),
        Says(RETRIES, LIMIT),
        Says(WAITS, "", 1),
        checks=59,
    ),
    Fault(
        "429 once, reset in 125 s",
        answers(status=429, headers={"X-RateLimit-Reset": "125000"}, times=1),
        Says(RETRIES, LIMIT),
        Says(WAITS, "", 1),
        {LIBRARY: Says(SUCCESS, "", 2, 126.0)},
    ),
    Fault("429 without a reset", too_many(), *passes(LIMIT)),
    Fault("429, reset is garbage", too_many(X_RateLimit_Reset="soon"), *passes(LIMIT)),
    Fault("429, reset is negative", too_many(X_RateLimit_Reset="-5"), *passes(LIMIT)),
    Fault("500", status(500), *passes(SERVER)),
    Fault(
        "500 twice, then well",
        answers(status=500, times=2),
        Says(SUCCESS, "", 3, 1.5),
        Says(SUCCESS, "", 3, 1.5),
    ),
    Fault("502 with an HTML page", answers(status=502, body="<html>Bad gateway</html>"), *passes(SERVER)),
    Fault("503", status(503), *passes(SERVER)),
    Fault("200 with an empty body", answers(status=200, body=b""), *passes(RESPONSE)),
    Fault("200 with truncated JSON", answers(status=200, body='{"width": 64'), *passes(RESPONSE)),
    Fault("200 with JSON nested too deeply", answers(status=200, body="[" * 50_000), *passes(RESPONSE)),
    Fault("200 with JSON of another type", answers(status=200, body=[1, 2]), *passes(RESPONSE)),
    Fault("200 without pHash (a video)", hash_is(), FINE, Says(RETRIES, MISSING), NO_HASH),
    Fault("200 with pHash null", hash_is(pHash=None), FINE, Says(RETRIES, MISSING), NO_HASH),
    Fault("200 with pHash that is none", hash_is(pHash="not a hash"), FINE, Says(RETRIES, INVALID), BAD_HASH),
    Fault("200 with pHash of zeros (a black picture)", hash_is(pHash="0" * 16), FINE, WAITING, NO_HASH),
    Fault(
        "Content-Length too large",
        answers(status=200, body=ANSWER, content_length=len(ANSWER) + 10),
        *passes(TRANSPORT),
    ),
    Fault(
        "Content-Length too small",
        answers(status=200, body=ANSWER, content_length=len(ANSWER) - 10),
        *passes(RESPONSE),
    ),
    Fault("connection refused", down, *passes(TRANSPORT)),
    Fault("connect timeout", deaf, *passes(TRANSPORT), extra=SLOW),
    Fault("connection reset before the answer", answers(drop="before"), *passes(TRANSPORT)),
    Fault("connection reset in mid-body", answers(drop="middle"), *passes(TRANSPORT)),
    Fault("no HTTP at all", answers(garbage=True), *passes(TRANSPORT)),
    Fault("read timeout", answers(delay=1.0), *passes(TRANSPORT), extra=SLOW),
    Fault(
        "a body that drips byte by byte",
        answers(status=200, body="{" + " " * 60, drip=0.01),
        *passes(TRANSPORT),
        extra=SLOW,
    ),
    Fault(
        "headers that drip byte by byte",
        answers(status=200, body=ANSWER, drip_headers=0.01),
        *passes(TRANSPORT),
        extra=SLOW,
    ),
    Fault(
        "a body over the size limit",
        answers(status=200, body="[]", content_length=list_files().max_bytes + 1),
        *lasts("ImageKitOversizeError"),
    ),
    Fault("a body of more values than memory should hold", many_values(), *lasts("ImageKitOversizeError")),
    Fault("a gzip bomb", bomb(), *lasts("ImageKitOversizeError")),
    Fault("redirect to another host, over plain http", redirecting, *lasts("ImageKitStatusError")),
    Fault(
        "redirect to another host, over https",
        answers(redirect="https://evil.example/v1/files"),
        *lasts("ImageKitStatusError"),
    ),
    Fault(
        "key expired in mid-wait", expired, None, Says(RETRIES, "ImageKitAuthError"), before={"status": 404}
    ),
    Fault(
        "file deleted in mid-wait",
        status(404),
        None,
        Says(WAITS, requests=3),
        checks=3,
        before={"status": 200, "body": {"pHash": "0" * 16}},
    ),
]
