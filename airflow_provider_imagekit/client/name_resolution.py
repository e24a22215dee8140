"""Resolves names within a time limit, each name once at a time."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from concurrent.futures import Future, wait
from contextlib import suppress

from urllib3.util.connection import allowed_gai_family

__all__ = ["addresses_of"]

_lock = threading.Lock()
_pending: dict[tuple[str, int], Future[list[str]]] = {}


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
    :raises UnicodeError: if no name can be such.
    """
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host))]
    key = (host, port)
    with _lock:
        future = _pending.get(key)
        if future is None:
            future = _pending[key] = Future()
            threading.Thread(
                target=_resolve, args=(key, future), name=f"imagekit-dns-{host}", daemon=True
            ).start()
    if not wait([future], timeout).done:
        raise TimeoutError(f"the resolution of {host} timed out")
    return future.result()


def _resolve(key: tuple[str, int], future: Future[list[str]]) -> None:
    try:
        found = socket.getaddrinfo(*key, allowed_gai_family(), socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
    except (OSError, UnicodeError) as error:
        _forget(key)
        future.set_exception(error)
        return
    _forget(key)
    future.set_result(addresses)


def _forget(key: tuple[str, int]) -> None:
    with _lock:
        _pending.pop(key, None)


def _start_afresh() -> None:
    """Drop what a child of fork() inherits: a lock that another thread held, and resolutions without one."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _pending.clear()


os.register_at_fork(after_in_child=_start_afresh)
