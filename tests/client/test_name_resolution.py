"""Name resolution stays within the timeout and uses one thread per name."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.deadline import addresses_of
from airflow_provider_imagekit.client.settings import ClientSettings
from airflow_provider_imagekit.exceptions import ImageKitTransportError
from tests.support import PATIENCE

REAL = socket.getaddrinfo


@pytest.fixture
def queried(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Make the resolver hang for ``.example`` names, and return the names that it was queried for."""
    names: list[str] = []
    over = threading.Event()

    def getaddrinfo(host: str, *arguments: Any) -> Any:
        if not host.endswith(".example"):
            return REAL(host, *arguments)
        names.append(host)
        over.wait(2 * PATIENCE)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield names
    over.set()
    for thread in threading.enumerate():  # or the next test shares the resolutions of this one
        if thread.name.startswith("imagekit-dns-"):
            thread.join(PATIENCE)


def test_a_dead_name_server_costs_the_timeout_and_is_asked_once(queried: list[str]) -> None:
    with ImageKitClient("private_x", base_url="https://dead.example", timeout=0.5, max_retries=0) as client:
        began = time.monotonic()
        with pytest.raises(ImageKitTransportError, match="timed out"):
            client.get_file_metadata("a" * 24)
    assert time.monotonic() - began < PATIENCE
    assert queried == ["dead.example"]


@pytest.mark.parametrize(
    ("proxy", "name"),
    [
        ("socks5://proxy.example:1080", "proxy.example"),
        ("socks5h://proxy.example", "proxy.example"),
        ("socks5://127.0.0.1:1080", "dead.example"),
    ],
)
def test_a_name_for_a_socks_proxy_costs_at_most_the_timeout(
    proxy: str, name: str, queried: list[str]
) -> None:
    settings = ClientSettings("private_x", proxies=(("https", proxy),), timeout=0.5, max_retries=0)
    with ImageKitClient(settings, base_url="https://dead.example") as client:
        began = time.monotonic()
        with pytest.raises(ImageKitTransportError, match="timed out"):
            client.get_file_metadata("a" * 24)
    assert time.monotonic() - began < PATIENCE
    assert queried == [name]


def test_many_callers_of_one_name_take_one_thread(queried: list[str]) -> None:
    def resolve() -> None:
        with pytest.raises(TimeoutError, match=r"crowd\.example"):
            addresses_of("crowd.example", 443, 0.3)

    crowd = [threading.Thread(target=resolve) for _ in range(20)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert queried == ["crowd.example"]


def test_a_name_that_does_not_exist_says_so() -> None:
    with pytest.raises(OSError, match=r"."):
        addresses_of("no-such-name.invalid", 443, 10)


def test_an_invalid_name_is_a_transport_error() -> None:
    with (
        ImageKitClient("private_x", base_url=f"https://{'a' * 70}.example", max_retries=0) as client,
        pytest.raises(ImageKitTransportError),
    ):
        client.get_file_metadata("a" * 24)


def test_an_address_needs_no_resolution() -> None:
    assert addresses_of("127.0.0.1", 80, 5) == ["127.0.0.1"]
