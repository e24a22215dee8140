"""Sends answers as a fault says: wrongly, down to the bytes on the socket."""

from __future__ import annotations

import asyncio
import gzip
import http
import json
import socket
import struct
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from airflow_provider_imagekit.emulator.serving.faults import Fault

__all__ = ["Answer", "Protocol", "capture", "send_with_fault"]

_TRANSPORT = "imagekit_emulator_transport"
_GARBAGE = b"\x16\x03\x01 this is not HTTP\r\n\r\n"
_FLUSH_SECONDS = 0.05


class Protocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol; it lets the application reach the connection, which faults break."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["state"][_TRANSPORT] = self.transport


class Answer:
    """
    A complete answer.

    :param status: HTTP status.
    :param headers: names in lower case.
    :param body: content.
    """

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def encode(self) -> bytes:
        """Return the answer's first line and headers as they go over the wire."""
        phrase = http.HTTPStatus(self.status).phrase if self.status in set(http.HTTPStatus) else ""
        lines = [
            f"HTTP/1.1 {self.status} {phrase}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def capture(response: Response, scope: Scope, receive: Receive) -> Answer:
    """Return the answer that a response would send."""
    messages: list[Message] = []

    async def collect(message: Message) -> None:
        messages.append(message)

    await response(scope, receive, collect)
    start = messages[0]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in messages[1:]))


async def send_with_fault(answer: Answer, fault: Fault, scope: Scope, send: Send) -> None:
    """
    Send an answer as a fault would have it.

    :param answer: the answer; the fault's headers and compression are applied here.
    :param fault: what goes wrong.
    :param scope: ASGI scope of the request.
    :param send: ASGI sender.
    """
    if fault.items is not None and isinstance(entries := json.loads(answer.body or b"null"), list):
        answer.body = json.dumps(entries[: fault.items]).encode()
    if fault.gzip:
        answer.body = gzip.compress(answer.body, mtime=0)
        answer.headers["content-encoding"] = "gzip"
    answer.headers["content-length"] = str(len(answer.body))
    answer.headers |= {name.lower(): value for name, value in fault.headers.items()}
    if fault.content_length is not None:
        answer.headers["content-length"] = str(fault.content_length)
    transport: asyncio.Transport | None = scope["state"].get(_TRANSPORT)
    if transport is not None and _breaks_connection(fault):
        await _break(answer, fault, transport)
        return
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in answer.headers.items()],
        }
    )
    if fault.drip:
        for index in range(len(answer.body)):
            await send(
                {"type": "http.response.body", "body": answer.body[index : index + 1], "more_body": True}
            )
            await asyncio.sleep(fault.drip)
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": answer.body})


def _breaks_connection(fault: Fault) -> bool:
    return bool(
        fault.drop
        or fault.truncate
        or fault.garbage
        or fault.drip_headers
        or fault.content_length is not None
    )


async def _write(transport: asyncio.Transport, content: bytes, pause: float) -> None:
    if not pause:
        transport.write(content)
        return
    for index in range(len(content)):
        if transport.is_closing():  # the client has disconnected
            return
        transport.write(content[index : index + 1])
        await asyncio.sleep(pause)


async def _break(answer: Answer, fault: Fault, transport: asyncio.Transport) -> None:
    # Past Uvicorn, which rightly refuses to send any of this.
    answer.headers["connection"] = "close"
    if fault.garbage:
        transport.write(_GARBAGE)
    elif fault.drop != "before":
        whole = not (fault.drop or fault.truncate)
        await _write(transport, answer.encode(), fault.drip_headers)
        await _write(transport, answer.body if whole else answer.body[: len(answer.body) // 2], fault.drip)
    if fault.drop:
        # A reset overtakes what the other side has not read yet, so leave it the time to read.
        await asyncio.sleep(_FLUSH_SECONDS if fault.drop == "middle" else 0)
        # Closing a socket that lingers for no time at all resets the connection.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
