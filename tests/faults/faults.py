"""The rows of the fault matrix: each fault with the expected outcome for each caller."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_imagekit.client.endpoints import list_files
from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.faults.expected import (
    BRANCH,
    CHECK,
    FAILS,
    FAULTY_DATA,
    INVALID,
    LIBRARY,
    LIMIT,
    LISTING,
    MISSING,
    NEW_FILES,
    REPORT,
    RESPONSE,
    RETRIES,
    SERVER,
    SHORT_CIRCUIT,
    SHORT_TIMEOUT,
    SUCCESS,
    TRANSPORT,
    WAITS,
    Expected,
    Fault,
    Server,
)

__all__ = ["FAULTS", "WELL"]


def answers(**fault: Any) -> Server:
    """Return a fault of the emulator that applies to every request; see its ``Fault``."""

    @contextmanager
    def at_work(imagekit: ImageKitEmulator) -> Iterator[None]:
        imagekit.inject(**{"times": None, **fault})
        yield
        imagekit.clear_faults()

    return at_work


@contextmanager
def down(imagekit: ImageKitEmulator) -> Iterator[None]:
    """No process listens on the port."""
    imagekit.stop()
    yield
    imagekit.start()


@contextmanager
def deaf(imagekit: ImageKitEmulator) -> Iterator[None]:
    """A process listens but accepts no connection, because its queue is full."""
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
    """The server accepts a different key from now on."""
    key, imagekit.private_key = imagekit.private_key, "private_another="
    yield
    imagekit.private_key = key


@contextmanager
def redirecting(imagekit: ImageKitEmulator) -> Iterator[None]:
    """Redirect to another server, which must not get a request."""
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


@contextmanager
def echoing(imagekit: ImageKitEmulator) -> Iterator[None]:
    """A gateway repeats the request that it rejects, including the key in its header."""
    sent = base64.b64encode(f"{imagekit.private_key}:".encode()).decode()
    message = f"Refused: Authorization: Basic {sent}, {imagekit.private_key}"
    imagekit.inject(status=400, body={"message": message, "help": message}, times=None)
    yield
    imagekit.clear_faults()


def hash_is(**fields: Any) -> Server:
    return answers(status=200, body={"width": 640, "height": 480, **fields})


def bomb() -> Server:
    """Small when compressed, larger than the limit when decompressed."""
    body = gzip.compress(b"[" + b" " * list_files().max_bytes + b"]")
    return answers(status=200, body=body, headers={"Content-Encoding": "gzip"})


def many_values() -> Server:
    """Within the size limit, but with more values than the largest response may have."""
    return answers(status=200, body=b"[" + b"{}," * list_files().max_values + b"{}]")


# Six tries with at most 0.5 + 1 + 2 + 4 + 8 s between them; a sensor's check makes three within 1.5 s.
def passes(error: str) -> tuple[Expected, Expected]:
    return Expected(RETRIES, error, 6, 15.5), Expected(WAITS, "", 3, 1.5)


def lasts(error: str) -> tuple[Expected, Expected]:
    return Expected(FAILS, error), Expected(RETRIES, error)


ANSWER = json.dumps({"width": 640, "pHash": "f06830ca9f1e3e90"})
WAITING = Expected(WAITS)
FINE = Expected(SUCCESS, xcom=FAULTY_DATA)
FOUND = {CHECK: Expected(FAILS, REPORT)}
NO_HASH = {**FOUND, LISTING: None}
BAD_HASH = {**dict.fromkeys((BRANCH, SHORT_CIRCUIT, CHECK), Expected(FAILS, INVALID)), LISTING: None}

WELL = Fault("no fault", lambda _imagekit: contextlib.nullcontext(), None, WAITING)

FAULTS = [
    Fault("400: the request or the file is at fault", status(400), *lasts("ImageKitBadRequestError"), FOUND),
    Fault(
        "400 with a message of two megabytes",
        status(400, "x" * 2_000_000),
        *lasts("ImageKitBadRequestError"),
        FOUND,
    ),
    Fault("400 with the key in its message", echoing, *lasts("ImageKitBadRequestError"), FOUND),
    Fault("401: no key was sent", status(401), *lasts("ImageKitAuthError")),
    Fault("403: the key is wrong, expired or not permitted", status(403), *lasts("ImageKitAuthError")),
    Fault("404: no such file", status(404), Expected(FAILS, "ImageKitNotFoundError"), WAITING, FOUND),
    Fault("408: the server timed out", status(408), *passes(SERVER)),
    Fault("423: a bulk job has locked the file", status(423), *passes(SERVER)),
    Fault(
        "429 once, reset in 2 s",
        answers(status=429, headers={"X-RateLimit-Reset": "2000"}, times=1),
        Expected(SUCCESS, "", 2, 2.5),
        Expected(SUCCESS, "", 2, 2.5),
    ),
    Fault(
        "429 repeatedly, reset in 2 s",
        too_many(X_RateLimit_Reset="2000"),
        Expected(RETRIES, LIMIT, 6, 14.5),
        Expected(WAITS, "", 2, 2.5),
    ),
    Fault(
        "429 once, `Retry-After: 2` instead",
        answers(status=429, headers={"Retry-After": "2"}, times=1),
        Expected(SUCCESS, "", 2, 2.5),
        Expected(SUCCESS, "", 2, 2.5),
    ),
    Fault(
        "429 permanently, reset in 30 s",
        too_many(X_RateLimit_Reset="30000"),
        Expected(RETRIES, LIMIT, 4, 92.5),
        Expected(WAITS, "", 10),
        checks=10,
    ),
    Fault(
        "429, reset in 10 minutes",
        too_many(X_RateLimit_Reset="600000"),
        Expected(RETRIES, LIMIT),
        Expected(WAITS, "", 1),
        checks=10,
    ),
    Fault(
        "429, reset in 31,000 years",
        too_many(X_RateLimit_Reset="999999999999999"),
        Expected(RETRIES, LIMIT),
        Expected(WAITS, "", 1),
        checks=59,
    ),
    Fault(
        "429 once, reset in 125 s",
        answers(status=429, headers={"X-RateLimit-Reset": "125000"}, times=1),
        Expected(RETRIES, LIMIT),
        Expected(WAITS, "", 1),
        {LIBRARY: Expected(SUCCESS, "", 2, 126.0)},
    ),
    Fault("429 without a reset", too_many(), *passes(LIMIT)),
    Fault("429, invalid reset", too_many(X_RateLimit_Reset="soon"), *passes(LIMIT)),
    Fault("429, negative reset", too_many(X_RateLimit_Reset="-5"), *passes(LIMIT)),
    Fault("500", status(500), *passes(SERVER)),
    Fault(
        "500 twice, then success",
        answers(status=500, times=2),
        Expected(SUCCESS, "", 3, 1.5),
        Expected(SUCCESS, "", 3, 1.5),
    ),
    Fault("502 with an HTML page", answers(status=502, body="<html>Bad gateway</html>"), *passes(SERVER)),
    Fault("503", status(503), *passes(SERVER)),
    Fault("200 with an empty body", answers(status=200, body=b""), *passes(RESPONSE)),
    Fault("200 with truncated JSON", answers(status=200, body='{"width": 64'), *passes(RESPONSE)),
    Fault("200 with JSON nested too deeply", answers(status=200, body="[" * 50_000), *passes(RESPONSE)),
    Fault("200 with JSON of another type", answers(status=200, body=[1, 2]), *passes(RESPONSE)),
    Fault("200 without pHash (a video)", hash_is(), FINE, Expected(RETRIES, MISSING), NO_HASH),
    Fault("200 with pHash null", hash_is(pHash=None), FINE, Expected(RETRIES, MISSING), NO_HASH),
    Fault(
        "200 with an invalid pHash", hash_is(pHash="not a hash"), FINE, Expected(RETRIES, INVALID), BAD_HASH
    ),
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
    Fault("a body that ends in the middle", answers(truncate=True), *passes(TRANSPORT)),
    Fault(
        "a page of a listing cut short once: one file",
        answers(items=1, times=1),
        Expected(SUCCESS),
        Expected(SUCCESS),
        {LISTING: Expected(SUCCESS, "", 3), NEW_FILES: Expected(SUCCESS, "", 1)},
    ),
    Fault(
        "a page of a listing cut short once: empty",
        answers(items=0, times=1),
        Expected(SUCCESS),
        Expected(SUCCESS),
        {LISTING: Expected(SUCCESS, "", 3), NEW_FILES: Expected(WAITS, "", 1)},
    ),
    Fault("connection refused", down, *passes(TRANSPORT)),
    Fault("connect timeout", deaf, *passes(TRANSPORT), timeout=SHORT_TIMEOUT),
    Fault("connection reset before the response", answers(drop="before"), *passes(TRANSPORT)),
    Fault("connection reset in the middle of the body", answers(drop="middle"), *passes(TRANSPORT)),
    Fault("a response that is not HTTP", answers(garbage=True), *passes(TRANSPORT)),
    Fault("read timeout", answers(delay=2.0), *passes(TRANSPORT), timeout=SHORT_TIMEOUT),
    Fault(
        "a body that drips byte by byte",
        answers(status=200, body="{" + " " * 60, drip=0.02),
        *passes(TRANSPORT),
        timeout=SHORT_TIMEOUT,
    ),
    Fault(
        "headers that drip byte by byte",
        answers(status=200, body=ANSWER, drip_headers=0.02),
        *passes(TRANSPORT),
        timeout=SHORT_TIMEOUT,
    ),
    Fault(
        "a body over the size limit",
        answers(status=200, body="[]", content_length=list_files().max_bytes + 1),
        *lasts("ImageKitOversizeError"),
    ),
    Fault("a body with more values than the limit", many_values(), *lasts("ImageKitOversizeError")),
    Fault("a gzip bomb", bomb(), *lasts("ImageKitOversizeError")),
    Fault("redirect to another host, over plain http", redirecting, *lasts("ImageKitStatusError")),
    Fault(
        "redirect to another host, over https",
        answers(redirect="https://evil.example/v1/files"),
        *lasts("ImageKitStatusError"),
    ),
    Fault(
        "key expires during the wait",
        expired,
        None,
        Expected(RETRIES, "ImageKitAuthError"),
        before={"status": 404},
    ),
    Fault(
        "file deleted during the wait",
        status(404),
        None,
        Expected(WAITS, requests=3),
        checks=3,
        before={"status": 200, "body": {"pHash": "0" * 16}},
    ),
]
