"""Signs events and sends them to webhooks, with retries."""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import http.client
import itertools
import json
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SCHEMES", "Deliveries", "signatures"]

log = logging.getLogger(__name__)

#: Signature schemes: ``x-ik-signature``, and the three headers of Standard Webhooks.
SCHEMES = ("imagekit", "standard")

_MAX_ATTEMPTS = 6
_TIMEOUT_SECONDS = 10.0


@dataclass(order=True, slots=True)
class _Delivery:
    """A pending delivery: its event, due time and number of attempts."""

    due: float
    number: int
    webhook: dict[str, Any]
    event: Callable[[], dict[str, Any]]
    body: bytes = b""
    attempts: int = 0


class Deliveries:
    """
    Sends events in a separate thread, which starts with the first event.

    ImageKit does not document how often it repeats a delivery without a 2xx response. Here, a delivery is
    attempted up to 6 times, and each wait is twice as long as the previous one.

    :param retry_seconds: seconds between the first and the second attempt.
    :param schemes: the :data:`SCHEMES` that sign a delivery.
    """

    def __init__(self, retry_seconds: float = 1.0, schemes: tuple[str, ...] = SCHEMES) -> None:
        self._retry_seconds = retry_seconds
        self._schemes = schemes
        self._numbers = itertools.count()
        self._waiting: list[_Delivery] = []
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, webhook: dict[str, Any], event: Callable[[], dict[str, Any]]) -> None:
        """Queue an event for a webhook; its body is built once, before the first attempt."""
        self._push(_Delivery(time.monotonic(), next(self._numbers), webhook, event))

    def close(self) -> None:
        """Stop the thread; pending events are dropped."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()

    def _push(self, delivery: _Delivery) -> None:
        with self._wake:
            if self._closed:
                return
            heapq.heappush(self._waiting, delivery)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="imagekit-webhooks", daemon=True)
                self._thread.start()
            self._wake.notify()

    def _run(self) -> None:
        while (delivery := self._next()) is not None:
            try:
                self._attempt(delivery)
            except Exception:
                log.exception("Failed to build a webhook event")

    def _next(self) -> _Delivery | None:
        with self._wake:
            while not self._closed:
                left = self._waiting[0].due - time.monotonic() if self._waiting else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._waiting)
                self._wake.wait(left)
        return None

    def _attempt(self, delivery: _Delivery) -> None:
        try:
            delivery.body = delivery.body or json.dumps(delivery.event()).encode()
        except FileNotFoundError:  # the file was removed before its event was sent
            return
        if self._post(delivery):
            return
        delivery.attempts += 1
        if delivery.attempts < _MAX_ATTEMPTS:
            delivery.due = time.monotonic() + self._retry_seconds * 2 ** (delivery.attempts - 1)
            self._push(delivery)

    def _post(self, delivery: _Delivery) -> bool:
        """Send a delivery once; return whether it was accepted."""
        endpoint = urlsplit(delivery.webhook["endpoint"])
        secure = endpoint.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(endpoint.hostname or "", endpoint.port, timeout=_TIMEOUT_SECONDS)
        headers = {"content-type": "application/json", "user-agent": "imagekit-emulator"}
        for scheme in self._schemes:
            headers |= signatures(scheme, delivery.webhook["secret"], delivery.body)
        target = (endpoint.path or "/") + (f"?{endpoint.query}" if endpoint.query else "")
        try:
            connection.request("POST", target, delivery.body, headers)
            return 200 <= connection.getresponse().status < 300
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def signatures(scheme: str, secret: str, body: bytes, now: float | None = None) -> dict[str, str]:
    """
    Return the signature headers of a body.

    In both schemes ImageKit's key is the complete text of the secret, including ``whsec_``.

    :param scheme: one of :data:`SCHEMES`.
    :param secret: the webhook's secret.
    :param body: the signed body.
    :param now: Unix time in seconds; the current time by default.
    """
    now, key = time.time() if now is None else now, secret.encode()
    if scheme == "imagekit":
        stamp = str(int(now * 1000))
        digest = hmac.new(key, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return {"x-ik-signature": f"t={stamp},v1={digest}"}
    stamp = str(int(now))
    identity = f"msg_{hashlib.sha256(body).hexdigest()[:24]}"  # the same for each attempt of a delivery
    signed = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
