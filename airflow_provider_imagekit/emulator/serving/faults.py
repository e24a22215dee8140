"""Fault injection: delays, alters or replaces the responses to matching requests."""

from __future__ import annotations

import json
import math
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_imagekit.emulator.errors import EXPIRED_KEY, HELP, INTERNAL_ERROR, MESSAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Fault", "FaultBook", "InjectedFault"]

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+: [\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    One kind of failure, and the requests that it affects.

    Fields that are left out do not change the regular response. So ``Fault(delay=2)`` delays a correct
    response, and ``Fault(headers={...})`` changes only its headers.

    :param match: substring of the target as sent (path and query), for example ``/v1/metadata``.
    :param method: HTTP method; any if empty.
    :param times: number of matching requests to affect; ``None`` affects all until the fault is cleared.
    :param share: share of the matching requests to affect, above 0 and at most 1; evenly spread, not random.
    :param status: status to return without calling the route.
    :param headers: headers to add or replace, with string values such as ``{"X-RateLimit-Reset": "3000"}``.
    :param body: body to return: text or bytes as they are, anything else as JSON. If only ``status`` is
        given, the body is ImageKit's error response for that status.
    :param expired_key: respond as to a private key that has just expired (403).
    :param delay: seconds before the response starts.
    :param drip: seconds between two bytes of the body.
    :param drip_headers: seconds between two bytes of the status line and the headers.
    :param drop: reset the connection: ``"before"`` anything is sent, or in the ``"middle"`` of the body.
    :param truncate: stop in the middle of the body and close the connection cleanly.
    :param items: number of entries to keep of a list, from its start, as in an incomplete page.
    :param content_length: value of the ``Content-Length`` header, whatever the body's length.
    :param garbage: send bytes that are not HTTP.
    :param redirect: target of a redirect (302).
    :param gzip: compress the body and set ``Content-Encoding``.
    """

    match: str = ""
    method: str = ""
    times: int | None = 1
    share: float = 1.0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    expired_key: bool = False
    delay: float = 0.0
    drip: float = 0.0
    drip_headers: float = 0.0
    drop: Literal["", "before", "middle"] = ""
    truncate: bool = False
    items: int | None = None
    content_length: int | None = None
    garbage: bool = False
    redirect: str = ""
    gzip: bool = False

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError(f"times is {self.times}; use 1 or more, or None for all requests until cleared.")
        if not 0 < self.share <= 1:
            raise ValueError(f"share is {self.share}; use a number above 0 and at most 1.")
        if self.drop not in ("", "before", "middle"):
            raise ValueError(f"drop is {self.drop!r}; use 'before' or 'middle'.")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError(f"status is {self.status}; use a number from 200 to 599.")
        if not all(0 <= seconds < math.inf for seconds in (self.delay, self.drip, self.drip_headers)):
            raise ValueError("delay, drip or drip_headers is negative or not finite; use 0 or more seconds.")
        if self.items is not None and self.items < 0:
            raise ValueError(f"items is {self.items}; use 0 or more.")
        if self.content_length is not None and self.content_length < 0:
            raise ValueError(f"content_length is {self.content_length}; use 0 or more bytes.")
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(f"{name}: {value}"):
                raise ValueError(f"The header {name} is invalid and cannot be sent.")

    @property
    def replaces_response(self) -> bool:
        """Return whether the fault supplies the response itself, so that the route is not called."""
        return bool(self.status is not None or self.body is not None or self.redirect or self.expired_key)

    @property
    def response_status(self) -> int:
        """Return the status of the fault's own response."""
        return self.status or (403 if self.expired_key else 302 if self.redirect else 200)

    def content(self) -> bytes:
        """Return the body of the fault's own response."""
        body = self.body
        if body is None:
            if self.redirect or self.response_status in (204, 304):
                return b""
            message = EXPIRED_KEY if self.expired_key else MESSAGES.get(self.response_status, INTERNAL_ERROR)
            body = {"message": message, "help": HELP}
        if isinstance(body, bytes):
            return body
        return body.encode() if isinstance(body, str) else json.dumps(body).encode()


class InjectedFault:
    """
    An active fault.

    :param fault: its description.
    """

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.hits = 0
        self._seen = 0

    @property
    def spent(self) -> bool:
        """Return whether it has affected ``times`` requests."""
        return self.fault.times is not None and self.hits >= self.fault.times

    def applies_to(self, method: str, target: str) -> bool:
        """Return whether the fault affects a request, and count the request."""
        fault = self.fault
        if self.spent or fault.match not in target or fault.method.upper() not in ("", method):
            return False
        self._seen += 1
        # Evenly spread: the n-th matching request is affected when n * share reaches the next whole number.
        if int(self._seen * fault.share + 1e-9) == int((self._seen - 1) * fault.share + 1e-9):
            return False
        self.hits += 1
        return True


class FaultBook:
    """Active faults, oldest first; the first that matches affects a request. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[InjectedFault] = []

    def inject(self, fault: Fault) -> InjectedFault:
        """Activate a fault and return it, so that its ``hits`` can be read."""
        injected = InjectedFault(fault)
        with self._lock:
            self._faults.append(injected)
        return injected

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def fault_for(self, method: str, target: str) -> Fault | None:
        """Return the fault that affects a request, if any."""
        if not self._faults:
            return None
        with self._lock:
            self._faults = [injected for injected in self._faults if not injected.spent]
            for injected in self._faults:
                if injected.applies_to(method, target):
                    return injected.fault
        return None
