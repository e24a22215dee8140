"""All routes to the server: TLS, proxies, and one time limit for the complete response."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from urllib3.exceptions import InsecureRequestWarning

from airflow_provider_imagekit.client import ImageKitClient, changes, endpoints
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import (
    ImageKitOversizeError,
    ImageKitStatusError,
    ImageKitTransportError,
)
from tests import pictures
from tests.relay import Relay, certificate

TIMEOUT = 1.0
# Allowance for a busy machine; without a limit each of these responses takes much longer.
MAX_SECONDS = TIMEOUT + 14.0
DRIP = 0.4

ROUTES = ["http", "https", "https, proxy", "https, proxy with TLS", "https, SOCKS proxy"]


class Route:
    """
    A route to the local server.

    :param stack: stops the servers on the route.
    :param imagekit: the local server.
    :param pem: certificate and key.
    """

    def __init__(self, stack: contextlib.ExitStack, imagekit: ImageKitEmulator, pem: Path) -> None:
        self._stack = stack
        self._imagekit = imagekit
        self._pem = pem
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(pem)

    def relay(self, port: int | None = None, *, tls: bool = False, drip: float = 0) -> Relay:
        """Add a server to the route."""
        return self._stack.enter_context(Relay(port, tls=self._tls if tls else None, drip=drip))

    @property
    def port(self) -> int:
        """Port of the local server."""
        return int(self._imagekit.url.rpartition(":")[2])

    def client(self, base_url: str, proxy: str = "", **arguments: Any) -> ImageKitClient:
        """Return a client without retries for a base URL, with an optional proxy."""
        defaults = {
            "settings": self._imagekit.private_key,
            "base_url": base_url,
            "timeout": TIMEOUT,
            "max_retries": 0,
            "verify": str(self._pem),
            "proxies": {"http": proxy, "https": proxy} if proxy else None,
        }
        return self._stack.enter_context(ImageKitClient(**defaults | arguments))

    def named(self, route: str, timeout: float = TIMEOUT) -> tuple[ImageKitClient, list[Relay]]:
        """Return a client for one of :data:`ROUTES`, and the relays on that route."""
        scheme, _, proxy = route.partition(", ")
        relays, port, address = [], self.port, ""
        if scheme == "https":
            relays.append(self.relay(port, tls=True))
            port = relays[-1].port
        if proxy:
            relays.append(self.relay(tls=proxy == "proxy with TLS"))
            kind = {"proxy": "http", "proxy with TLS": "https", "SOCKS proxy": "socks5"}[proxy]
            address = f"{kind}://127.0.0.1:{relays[-1].port}"
        return self.client(f"{scheme}://127.0.0.1:{port}", address, timeout=timeout), relays


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def route(imagekit: ImageKitEmulator, pem: Path) -> Iterator[Route]:
    with contextlib.ExitStack() as stack:
        yield Route(stack, imagekit, pem)


def seconds_until_timeout(call: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(ImageKitTransportError, match="timed out"):
        call()
    return time.monotonic() - began


@pytest.mark.parametrize("name", ROUTES)
def test_every_route_returns_a_response_and_keeps_its_socket(
    name: str, route: Route, imagekit: ImageKitEmulator
) -> None:
    client, relays = route.named(name, timeout=30)
    file_id = imagekit.file_id(pictures.ORIGINAL)
    answers = [client.get_file_metadata(file_id) for _ in range(3)]
    assert answers[0]["pHash"]
    assert answers == [answers[0]] * 3
    assert [relay.connections for relay in relays] == [1] * len(relays)


@pytest.mark.parametrize("verify", [True, "/nowhere.pem"])
def test_a_server_that_the_client_has_no_reason_to_trust_gets_no_key(
    verify: bool | str, route: Route, imagekit: ImageKitEmulator
) -> None:
    client = route.client(
        f"https://127.0.0.1:{route.relay(route.port, tls=True).port}", verify=verify, timeout=30
    )
    with pytest.raises(ImageKitTransportError, match=r"self-signed certificate|nowhere\.pem"):
        client.get_file_metadata("a" * 24)
    assert imagekit.requests == []


@pytest.mark.parametrize("verify", [False, "the server's certificate"])
def test_verify_counts_for_more_than_the_ca_bundle_of_the_environment(
    verify: bool | str, route: Route, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", requests.certs.where())
    arguments = {} if verify else {"verify": False}
    client = route.client(
        f"https://127.0.0.1:{route.relay(route.port, tls=True).port}", timeout=30, **arguments
    )
    with contextlib.nullcontext() if verify else pytest.warns(InsecureRequestWarning):
        assert client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))


def test_the_ca_bundle_of_the_environment_is_used_where_verify_says_nothing(
    route: Route, imagekit: ImageKitEmulator, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    client = route.client(
        f"https://127.0.0.1:{route.relay(route.port, tls=True).port}", timeout=30, verify=True
    )
    assert client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))


@pytest.mark.parametrize("proxy", ["its own", "of the environment"])
def test_its_own_proxy_counts_for_more_than_that_of_the_environment(
    proxy: str, route: Route, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = route.relay(), route.relay()
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{other.port}")
    monkeypatch.setenv("no_proxy", "")
    client = route.client(
        f"https://127.0.0.1:{route.relay(route.port, tls=True).port}",
        f"http://127.0.0.1:{own.port}" if proxy == "its own" else "",
        timeout=30,
    )
    assert client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
    assert (own.connections, other.connections) == ((1, 0) if proxy == "its own" else (0, 1))


def test_a_client_looks_for_a_proxy_at_its_first_request_alone(
    route: Route, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, [server] = route.named("https", timeout=30)
    client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
    late = route.relay()
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{late.port}")
    monkeypatch.setenv("no_proxy", "")
    client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
    assert (server.connections, late.connections) == (1, 0)


def test_a_base_url_with_a_path_keeps_it_in_each_request(imagekit: ImageKitEmulator) -> None:
    with ImageKitClient(imagekit.private_key, base_url=f"{imagekit.url}/behind/", max_retries=0) as client:
        for request in (endpoints.file_metadata("a" * 24), changes.delete_files(["a" * 24])):
            with pytest.raises(ImageKitStatusError):
                client.call(request)
    assert [request.path for request in imagekit.requests] == [
        f"/behind/v1/files/{'a' * 24}/metadata",
        "/behind/v1/files/batch/deleteByFileIds",
    ]


def test_a_closed_client_opens_new_sockets(route: Route, imagekit: ImageKitEmulator) -> None:
    client, [relay] = route.named("https", timeout=30)
    for _ in range(2):
        assert client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
        client.close()
    assert relay.connections == 2


def test_the_rest_of_an_answer_that_is_too_large_is_not_that_of_the_next_request(
    route: Route, imagekit: ImageKitEmulator
) -> None:
    client, [relay] = route.named("https", timeout=30)
    file_id = imagekit.file_id(pictures.ORIGINAL)
    with pytest.raises(ImageKitOversizeError):
        client.call(replace(endpoints.file_metadata(file_id), max_bytes=10))
    assert client.get_file_metadata(file_id)["pHash"]
    assert relay.connections == 2


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "HTTP_PROXY"])
def test_plain_http_shows_the_key_to_no_proxy(
    variable: str, route: Route, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = route.relay()
    monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("no_proxy", "")
    for own in ("", f"http://127.0.0.1:{proxy.port}"):
        client = route.client(imagekit.url, own, timeout=30)
        assert client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
    assert proxy.connections == 0


@pytest.mark.parametrize("fault", [{"drip_headers": DRIP}, {"drip": DRIP}], ids=["headers", "body"])
@pytest.mark.parametrize("name", ROUTES)
def test_an_answer_that_drips_is_given_up_after_the_timeout(
    name: str, fault: dict[str, float], route: Route, imagekit: ImageKitEmulator
) -> None:
    client, _ = route.named(name)
    imagekit.inject(**fault)
    assert seconds_until_timeout(lambda: client.get_file_metadata("a" * 24)) < MAX_SECONDS
    assert len(imagekit.requests) == 1


def test_a_tls_handshake_that_drips_is_given_up_after_the_timeout(route: Route) -> None:
    slow = route.relay(route.relay(route.port, tls=True).port, drip=DRIP)
    client = route.client(f"https://127.0.0.1:{slow.port}")
    assert seconds_until_timeout(lambda: client.get_file_metadata("a" * 24)) < MAX_SECONDS


def test_a_proxy_response_that_drips_is_aborted_after_the_timeout(route: Route) -> None:
    server, proxy = route.relay(route.port, tls=True), route.relay(drip=2 * DRIP)
    client = route.client(f"https://127.0.0.1:{server.port}", f"http://127.0.0.1:{proxy.port}")
    assert seconds_until_timeout(lambda: client.get_file_metadata("a" * 24)) < MAX_SECONDS


def test_all_addresses_of_a_host_share_the_timeout(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        real = socket.getaddrinfo

        def twenty(host: str, *arguments: Any) -> Any:
            return real(host, *arguments)[:1] * (20 if host == "localhost" else 1)

        monkeypatch.setattr(socket, "getaddrinfo", twenty)
        client = route.client(f"http://localhost:{deaf.getsockname()[1]}")
        assert seconds_until_timeout(lambda: client.get_file_metadata("a" * 24)) < MAX_SECONDS


def test_each_answer_on_a_kept_socket_has_the_whole_timeout(route: Route, imagekit: ImageKitEmulator) -> None:
    client, [relay] = route.named("https", timeout=3.0)
    imagekit.inject(delay=0.7, times=None)
    for _ in range(5):
        client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
    assert relay.connections == 1
