"""Records the requests that the server received, for tests."""

from __future__ import annotations

import itertools
import logging
import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace

__all__ = ["REQUEST_LOGGER", "RecordedRequest", "RequestLog"]

#: Logs one line per completed request at level INFO.
REQUEST_LOGGER = "airflow_provider_imagekit.emulator.requests"

#: Older requests are dropped, to bound the memory of a long-running server.
MAX_REQUESTS = 20_000

_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")
# Also matches inside a URL that is a parameter's value, percent-encoded once or twice.
_SIGNATURE = re.compile(r"(ik(?:-|%(?:25)?2d)s(?:=|%(?:25)?3d))[^&%\s]*", re.IGNORECASE)
_log = logging.getLogger(REQUEST_LOGGER)


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """
    One request as received.

    :param method: HTTP method.
    :param path: decoded path.
    :param raw_target: path and query exactly as sent.
    :param query: decoded parameters; the last value of a repeated one.
    :param headers: headers by lower-case name; repeated ones are joined by a comma.
    :param time: time of arrival on the monotonic clock, in seconds.
    :param status: status of the response; ``None`` until there is one, or if the connection was broken.
    """

    method: str
    path: str
    raw_target: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    time: float
    status: int | None = None

    def without_secrets(self) -> RecordedRequest:
        """Return the request without credentials and URL signatures."""
        return replace(
            self,
            raw_target=_without_signatures(self.raw_target),
            query={
                name: "***" if name == "ik-s" else _without_signatures(value)
                for name, value in self.query.items()
            },
            headers={
                name: _without_signatures(value)
                for name, value in self.headers.items()
                if name not in _SECRET_HEADERS
            },
        )


class RequestLog:
    """The last requests in order of arrival; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: OrderedDict[int, RecordedRequest] = OrderedDict()
        self._numbers = itertools.count()

    def add(self, request: RecordedRequest) -> int:
        """Record a new request and return its number."""
        with self._lock:
            number = next(self._numbers)
            self._requests[number] = request
            if len(self._requests) > MAX_REQUESTS:
                self._requests.popitem(last=False)
        return number

    def record_status(self, number: int, status: int) -> None:
        """Record the status of the response to a request."""
        with self._lock:
            request = self._requests.get(number)
            if request is not None:
                self._requests[number] = replace(request, status=status)
        if request is not None and _log.isEnabledFor(logging.INFO):
            target, seconds = _without_signatures(request.raw_target), time.monotonic() - request.time
            _log.info("%s %s %d %.0f ms", request.method, target, status, seconds * 1000)

    def snapshot(self) -> list[RecordedRequest]:
        """Return a copy of the requests in order of arrival."""
        with self._lock:
            return list(self._requests.values())

    def clear(self) -> None:
        """Drop all requests."""
        with self._lock:
            self._requests.clear()


def _without_signatures(text: str) -> str:
    return _SIGNATURE.sub(r"\1***", text)
