"""Resolves names within a time limit, each name once at a time."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future, wait

from urllib3.util.connection import allowed_gai_family

from airflow_provider_imagekit.client.per_process import per_process

__all__ = ["addresses_of"]


def addresses_of(host: str, port: int, timeout: float) -> list[str]:
    """
    Return the addresses of a host.

    The operating system's resolver cannot be ended, so it runs in a thread of its own: one for each name,
    however many callers wait for it.

    :param host: name or address.
    :param port: port number.
    :param timeout: maximum seconds.
    :raises TimeoutError: if the resolver needs longer.
    :raises OSError: if there is no such name.
    :raises UnicodeError: if the name cannot be encoded.
    """
    resolution = _resolutions().start(host, port)
    if not wait([resolution], timeout).done:
        raise TimeoutError(f"the resolution of {host} timed out")
    return resolution.result()


class _Resolutions:
    """The resolutions that are under way, one for each name and port."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, int], Future[list[str]]] = {}

    def start(self, host: str, port: int) -> Future[list[str]]:
        """Begin to resolve a name, or return the resolution of it that is under way."""
        with self._lock:
            future = self._under_way.get((host, port))
            if future is None:
                future = self._under_way[host, port] = Future()
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
            del self._under_way[host, port]


@per_process
def _resolutions() -> _Resolutions:
    return _Resolutions()
