"""
Limits the total time of a request, including name resolution.

``requests`` and urllib3 only limit the time between two received bytes. A server or proxy that sends one byte
every few seconds could therefore block its caller for hours.
"""

from __future__ import annotations

import functools
import http.client
import io
import ipaddress
import socket
import threading
import time
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from airflow_provider_imagekit.client.per_process import per_process

if TYPE_CHECKING:
    import requests
    from _typeshed import WriteableBuffer

__all__ = ["STEP_TIMEOUT", "DeadlineAdapter", "addresses_of"]

#: Maximum seconds for one step of connecting: one address of the host, a proxy tunnel, a TLS handshake.
STEP_TIMEOUT = 5.0

_MIN_TIMEOUT = 0.001
_SOCKS_PORT = 1080


class DeadlineAdapter(HTTPAdapter):
    """
    Creates connection pools whose total timeout covers the whole request: connecting, status line, headers
    and body.

    Name resolution, all addresses of the host and its TLS handshake share that timeout. Connecting to and
    through a proxy adds at most :data:`STEP_TIMEOUT` per step. One gap remains: inside a proxy's own TLS,
    urllib3 limits each byte of a TLS record.
    """

    def pool(self, request: requests.PreparedRequest, *, verify: Any, proxies: Any) -> Any:
        """
        Return the pool for requests to a server: its own, or that of an HTTP or SOCKS proxy.

        :param request: a request to that server.
        :param verify: whether to verify certificates, or the path of a CA bundle.
        :param proxies: addresses by scheme.
        :raises OSError: if there is no such CA bundle.
        """
        pool: Any = self.get_connection_with_tls_context(request, verify, proxies)
        self.cert_verify(pool, request.url, verify, None)  # type: ignore[no-untyped-call]
        pool.ConnectionCls = _bounded(pool.ConnectionCls)
        return pool


class _Reader(io.RawIOBase):
    """
    Reads a socket within a total time limit: the socket's timeout at the start.

    :param raw: the socket's own reader.
    :param sock: the socket.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        seconds = sock.gettimeout()
        self._end = None if seconds is None else time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response, including a proxy's response to ``CONNECT``, that is read through a :class:`_Reader`."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    """Mixin that limits the total time of a urllib3 connection."""

    response_class = _Response
    _send_deadline = 0.0

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request; its body shares the timeout of the request."""
        self._send_deadline = time.monotonic() + (self.timeout or STEP_TIMEOUT)
        super().request(*args, **kwargs)

    def send(self, data: Any) -> None:
        """Send a part of a request in the time left; the socket still has the previous step's timeout."""
        if self.sock is not None and self._send_deadline:
            self.sock.settimeout(max(self._send_deadline - time.monotonic(), _MIN_TIMEOUT))
        super().send(data)

    def _new_conn(self) -> socket.socket:
        # urllib3 would allow the full timeout for each address of the host.
        if self.timeout is None:
            return super()._new_conn()
        timeout, name, end = self.timeout, self._dns_host, time.monotonic() + self.timeout
        try:
            sock = self._connect(end)
        finally:
            self._dns_host, self.timeout = name, timeout
        sock.settimeout(min(STEP_TIMEOUT, max(end - time.monotonic(), _MIN_TIMEOUT)))
        return sock

    def _connect(self, end: float) -> socket.socket:
        return self._connect_to_any(self._addresses(self._dns_host, self.port or self.default_port, end), end)

    def _set_address(self, address: str) -> None:
        """Set the address of the next connection attempt."""
        self._dns_host = address

    def _addresses(self, host: str, port: int, end: float) -> list[str]:
        try:
            return addresses_of(host.strip("[]"), port, max(end - time.monotonic(), _MIN_TIMEOUT))
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except socket.gaierror as error:
            raise NewConnectionError(self, f"Failed to resolve {host!r} ({error})") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, str(error)) from error

    def _connect_to_any(self, addresses: list[str], end: float) -> socket.socket:
        for left in range(len(addresses), 0, -1):
            self._set_address(addresses[-left])
            self.timeout = min(STEP_TIMEOUT, max((end - time.monotonic()) / left, _MIN_TIMEOUT))
            try:
                return super()._new_conn()
            except (ConnectTimeoutError, NewConnectionError):
                if left == 1:
                    raise
        raise NewConnectionError(self, "the name has no address")


class _SocksConnection(_Connection):
    """A connection through a SOCKS proxy; the SOCKS library itself resolves names without a time limit."""

    _socks_options: dict[str, Any]

    def _connect(self, end: float) -> socket.socket:
        options = self._socks_options
        proxies = self._addresses(options["proxy_host"], int(options["proxy_port"] or _SOCKS_PORT), end)
        if not options["rdns"]:  # otherwise the proxy resolves the server's name
            self._dns_host = self._addresses(self._dns_host, self.port or self.default_port, end)[0]
        try:
            return self._connect_to_any(proxies, end)
        finally:
            self._socks_options = options

    def _set_address(self, address: str) -> None:
        self._socks_options = {**self._socks_options, "proxy_host": address}


@functools.cache
def _bounded(connection_class: type[HTTPConnection]) -> type[HTTPConnection]:
    if issubclass(connection_class, _Connection):
        return connection_class
    socks = connection_class.__module__ == "urllib3.contrib.socks"
    return type(connection_class.__name__, (_SocksConnection if socks else _Connection, connection_class), {})


def addresses_of(host: str, port: int, timeout: float) -> list[str]:
    """
    Return the addresses of a host.

    The operating system's resolver cannot be interrupted, so it runs in a separate thread: one per name and
    port, shared by all callers.

    :param host: name or address.
    :param port: port number.
    :param timeout: maximum seconds.
    :raises TimeoutError: if the resolver takes longer.
    :raises OSError: if the name does not exist.
    :raises UnicodeError: if the name cannot be encoded.
    """
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    resolution = _resolutions().start(host, port)
    if not wait([resolution], timeout).done:
        raise TimeoutError(f"the resolution of {host} timed out")
    return resolution.result()


class _Resolutions:
    """The name resolutions in progress, one for each name and port."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_progress: dict[tuple[str, int], Future[list[str]]] = {}

    def start(self, host: str, port: int) -> Future[list[str]]:
        """Start to resolve a name, or return its resolution in progress."""
        with self._lock:
            future = self._in_progress.get((host, port))
            if future is None:
                future = self._in_progress[host, port] = Future()
                threading.Thread(
                    target=self._resolve, args=(host, port, future), name=f"imagekit-dns-{host}", daemon=True
                ).start()
        return future

    def _resolve(self, host: str, port: int, future: Future[list[str]]) -> None:
        try:
            found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._forget(host, port)
            future.set_exception(error)
        else:
            self._forget(host, port)
            future.set_result([str(address[0]) for *_, address in found])

    def _forget(self, host: str, port: int) -> None:
        with self._lock:
            del self._in_progress[host, port]


@per_process
def _resolutions() -> _Resolutions:
    return _Resolutions()
