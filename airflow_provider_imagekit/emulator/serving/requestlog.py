"""What was asked of the server, for tests to look at."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

__all__ = ["RecordedRequest", "RequestLog"]

#: Older requests are forgotten, so that a long-running server's memory is bounded.
MAX_REQUESTS = 20_000


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
    headers: dict[str, str]
    time: float
    status: int | None = None


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
            if number in self._requests:
                self._requests[number] = replace(self._requests[number], status=status)

    def snapshot(self) -> list[RecordedRequest]:
        """Return the requests in order of arrival, as a copy."""
        with self._lock:
            return list(self._requests.values())

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._requests.clear()
