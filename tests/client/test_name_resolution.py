"""A dead name server costs no more than the timeout, and one thread a name."""

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
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let the resolver hang for names, and return the questions that it was asked."""
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
    for thread in threading.enumerate():  # or the next test gets the answer to a question of this one
        if thread.name.startswith("imagekit-dns-"):
            thread.join(PATIENCE)


def test_a_dead_name_server_costs_the_timeout_and_is_asked_once(asked: list[str]) -> None:
    with ImageKitClient("private_x", base_url="https://dead.example", timeout=0.5, max_retries=0) as client:
        began = time.monotonic()
        with pytest.raises(ImageKitTransportError, match="timed out"):
            client.get_file_metadata("a" * 24)
    assert time.monotonic() - began < PATIENCE
    assert asked == ["dead.example"]


@pytest.mark.parametrize(
    ("proxy", "name"),
    [
        ("socks5://proxy.example:1080", "proxy.example"),
        ("socks5h://proxy.example", "proxy.example"),
        ("socks5://127.0.0.1:1080", "dead.example"),
    ],
)
def test_a_name_that_a_socks_proxy_needs_costs_no_more(proxy: str, name: str, asked: list[str]) -> None:
    settings = ClientSettings("private_x", proxies=(("https", proxy),), timeout=0.5, max_retries=0)
    with ImageKitClient(settings, base_url="https://dead.example") as client:
        began = time.monotonic()
        with pytest.raises(ImageKitTransportError, match="timed out"):
            client.get_file_metadata("a" * 24)
    assert time.monotonic() - began < PATIENCE
    assert asked == [name]


def test_many_callers_of_one_name_take_one_thread(asked: list[str]) -> None:
    def ask() -> None:
        with pytest.raises(TimeoutError, match=r"crowd\.example"):
            addresses_of("crowd.example", 443, 0.3)

    crowd = [threading.Thread(target=ask) for _ in range(20)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert asked == ["crowd.example"]


def test_a_name_that_does_not_exist_says_so() -> None:
    with pytest.raises(OSError, match=r"."):
        addresses_of("no-such-name.invalid", 443, 10)


def test_a_name_that_no_name_can_be_is_an_error_of_ours() -> None:
    with (
        ImageKitClient("private_x", base_url=f"https://{'a' * 70}.example", max_retries=0) as client,
        pytest.raises(ImageKitTransportError),
    ):
        client.get_file_metadata("a" * 24)


def test_an_address_is_its_own() -> None:
    assert addresses_of("127.0.0.1", 80, 5) == ["127.0.0.1"]
