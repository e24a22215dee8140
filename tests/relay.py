"""A server that forwards bytes: it terminates TLS for another server or acts as an HTTP or SOCKS proxy."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
import threading
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Relay:
    """
    Forwards bytes inside its ``with`` block.

    :param port: port of 127.0.0.1 to forward to; ``None`` for a proxy, where each client names the target.
    :param tls: TLS context of the relay.
    :param drip: seconds between two bytes sent to clients.
    """

    def __init__(
        self, port: int | None = None, *, tls: ssl.SSLContext | None = None, drip: float = 0
    ) -> None:
        self._target = port
        self._tls = tls
        self._drip = drip
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._calls: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls), self._loop
        ).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        call = asyncio.current_task()
        assert call is not None
        self._calls.add(call)
        writers = [writer]
        try:
            other = await self._connect(reader, writer)
            writers.append(other[1])
            await asyncio.gather(
                self._forward(reader, other[1], 0), self._forward(other[0], writer, self._drip)
            )
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one side has closed the connection, or the test has ended
        finally:
            for each in writers:
                each.transport.abort()
            self._calls.discard(call)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Streams:
        if self._target is not None:
            return await asyncio.open_connection("127.0.0.1", self._target)
        first = await reader.readexactly(1)
        if first == b"\x05":
            return await self._connect_by_socks(reader, writer)
        head = first + await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b" ", 2)
        authority = target.removeprefix(b"http://").split(b"/")[0]
        if method == b"CONNECT":
            await self._send(writer, b"HTTP/1.1 200 Connection established\r\n\r\n", self._drip)
        streams = await asyncio.open_connection("127.0.0.1", int(authority.rpartition(b":")[2]))
        if method != b"CONNECT":
            streams[1].write(head.replace(b"http://" + authority, b"", 1))
        return streams

    async def _connect_by_socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Streams:
        await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\x05\x00")
        request = await reader.readexactly(10)  # version, command, 0, IPv4, address, port
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        return await asyncio.open_connection("127.0.0.1", int.from_bytes(request[-2:]))

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause: float
    ) -> None:
        while content := await reader.read(65536):
            await self._send(writer, content, pause)
        raise ConnectionError  # closes the other direction, too

    @staticmethod
    async def _send(writer: asyncio.StreamWriter, content: bytes, pause: float) -> None:
        for piece in [content[i : i + 1] for i in range(len(content))] if pause else [content]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)


def certificate(folder: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 with its key and return its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path
