"""The requests that the server received, for tests."""

from __future__ import annotations

import itertools
import logging
import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace

__all__ = ["REQUEST_LOGGER", "RecordedRequest", "RequestLog"]

#: Logs one line for each answered request at level INFO.
REQUEST_LOGGER = "airflow_provider_imagekit.emulator.requests"

#: Older requests are forgotten, so that a long-running server's memory is bounded.
MAX_REQUESTS = 20_000

_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")
# Also where a whole URL is the value of a parameter, percent-encoded once or twice.
_SIGNATURE = re.compile(r"(ik(?:-|%(?:25)?2d)s(?:=|%(?:25)?3d))[^&%\s]*", re.IGNORECASE)
_log = logging.getLogger(REQUEST_LOGGER)


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """
    One request as it arrived.

    :param method: HTTP method.
    :param path: decoded path.
    :param raw_target: path and query exactly as sent.
    :param query: decoded parameters; of a repeated one the last.
    :param headers: headers by lower-case name; repeated ones joined by a comma.
    :param time: arrival on the monotonic clock, in seconds.
    :param status: status of the answer; ``None`` while there is none, or when the connection was cut instead.
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
    """The last requests in order of arrival; safe for use by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: OrderedDict[int, RecordedRequest] = OrderedDict()
        self._numbers = itertools.count()

    def add(self, request: RecordedRequest) -> int:
        """Note a request that has just arrived, and return its number."""
        with self._lock:
            number = next(self._numbers)
            self._requests[number] = request
            if len(self._requests) > MAX_REQUESTS:
                self._requests.popitem(last=False)
        return number

    def answered(self, number: int, status: int) -> None:
        """Note the status of the answer to a request."""
        with self._lock:
            request = self._requests.get(number)
            if request is not None:
                self._requests[number] = replace(request, status=status)
        if request is not None and _log.isEnabledFor(logging.INFO):
            target, taken = _without_signatures(request.raw_target), time.monotonic() - request.time
            _log.info("%s %s %d %.0f ms", request.method, target, status, taken * 1000)

    def snapshot(self) -> list[RecordedRequest]:
        """Return the requests in order of arrival, as a copy."""
        with self._lock:
            return list(self._requests.values())

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._requests.clear()


def _without_signatures(text: str) -> str:
    return _SIGNATURE.sub(r"\1***", text)
