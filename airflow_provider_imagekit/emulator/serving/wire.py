"""Sends responses with an injected fault, if necessary directly on the socket."""

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

__all__ = ["Protocol", "RawResponse", "capture", "send_with_fault"]

_TRANSPORT = "imagekit_emulator_transport"
_GARBAGE = b"\x16\x03\x01 this is not HTTP\r\n\r\n"
_FLUSH_SECONDS = 0.05


class Protocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol; exposes the connection to the application, so that faults can break it."""

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        self.scope["state"][_TRANSPORT] = self.transport


class RawResponse:
    """
    A complete HTTP response.

    :param status: HTTP status.
    :param headers: names in lower case.
    :param body: content.
    """

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def encode(self) -> bytes:
        """Return the status line and the headers as sent."""
        phrase = http.HTTPStatus(self.status).phrase if self.status in set(http.HTTPStatus) else ""
        lines = [
            f"HTTP/1.1 {self.status} {phrase}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def capture(response: Response, scope: Scope, receive: Receive) -> RawResponse:
    """Return the HTTP response that a Starlette response would send."""
    messages: list[Message] = []

    async def collect(message: Message) -> None:
        messages.append(message)

    await response(scope, receive, collect)
    start = messages[0]
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return RawResponse(
        start["status"], headers, b"".join(message.get("body", b"") for message in messages[1:])
    )


async def send_with_fault(response: RawResponse, fault: Fault, scope: Scope, send: Send) -> None:
    """
    Send a response with a fault applied.

    :param response: the response; the fault's headers and compression are applied to it.
    :param fault: the fault.
    :param scope: ASGI scope of the request.
    :param send: ASGI sender.
    """
    if fault.items is not None and isinstance(entries := json.loads(response.body or b"null"), list):
        response.body = json.dumps(entries[: fault.items]).encode()
    if fault.gzip:
        response.body = gzip.compress(response.body, mtime=0)
        response.headers["content-encoding"] = "gzip"
    response.headers["content-length"] = str(len(response.body))
    response.headers |= {name.lower(): value for name, value in fault.headers.items()}
    if fault.content_length is not None:
        response.headers["content-length"] = str(fault.content_length)
    transport: asyncio.Transport | None = scope["state"].get(_TRANSPORT)
    if transport is not None and _breaks_connection(fault):
        await _break(response, fault, transport)
        return
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in response.headers.items()],
        }
    )
    if fault.drip:
        for index in range(len(response.body)):
            await send(
                {"type": "http.response.body", "body": response.body[index : index + 1], "more_body": True}
            )
            await asyncio.sleep(fault.drip)
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": response.body})


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


async def _break(response: RawResponse, fault: Fault, transport: asyncio.Transport) -> None:
    # Bypasses Uvicorn, which rightly refuses to send invalid responses.
    response.headers["connection"] = "close"
    if fault.garbage:
        transport.write(_GARBAGE)
    elif fault.drop != "before":
        complete = not (fault.drop or fault.truncate)
        await _write(transport, response.encode(), fault.drip_headers)
        await _write(
            transport, response.body if complete else response.body[: len(response.body) // 2], fault.drip
        )
    if fault.drop:
        # A reset discards data that the client has not read yet, so give it time to read.
        await asyncio.sleep(_FLUSH_SECONDS if fault.drop == "middle" else 0)
        # Closing a socket with a linger time of zero resets the connection.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
