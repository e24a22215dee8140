"""The emulator as one Python object."""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_imagekit.emulator.account import Account
from airflow_provider_imagekit.emulator.auth import DEFAULT_PRIVATE_KEY, Keyring
from airflow_provider_imagekit.emulator.library.assets import asset_id
from airflow_provider_imagekit.emulator.library.jobs import JobBook
from airflow_provider_imagekit.emulator.library.library import Library
from airflow_provider_imagekit.emulator.library.measure import Measurer
from airflow_provider_imagekit.emulator.library.store import Store
from airflow_provider_imagekit.emulator.limits import Limiter, RateLimits
from airflow_provider_imagekit.emulator.routes.file_events import FileEvents
from airflow_provider_imagekit.emulator.routes.objects import connection, file_object, file_url
from airflow_provider_imagekit.emulator.serving.app import App
from airflow_provider_imagekit.emulator.serving.control import Control
from airflow_provider_imagekit.emulator.serving.faults import Fault, FaultBook, InjectedFault
from airflow_provider_imagekit.emulator.serving.listener import Listener
from airflow_provider_imagekit.emulator.serving.requestlog import RecordedRequest, RequestLog
from airflow_provider_imagekit.emulator.webhooks.book import WebhookBook
from airflow_provider_imagekit.emulator.webhooks.deliveries import SCHEMES, Deliveries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ANY_ADDRESS", "ImageKitEmulator", "checked_url_endpoint"]

_THREADS = 4
#: Wildcard addresses, and the address by which a client on this machine reaches them.
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - translated, not bound


class ImageKitEmulator:
    """
    A local server that serves a folder of pictures as an ImageKit account.

    ::

        with ImageKitEmulator(library="pictures") as ik:
            os.environ["AIRFLOW_CONN_IMAGEKIT_DEFAULT"] = json.dumps(ik.airflow_connection)

    :param library: folder of the media library; the server never writes to it and detects changes in it.
    :param private_key: the key to accept.
    :param imagekit_id: name in the URL endpoint.
    :param port: port to listen on; 0 for any free one.
    :param host: address to listen on; the default is reachable from this machine only.
    :param latency: minimum seconds that every response takes.
    :param rate_limits: limits of the account; none by default.
    :param state: folder that keeps uploads and changes between runs; by default they are lost on close.
    :param named_transformations: name to transformation string.
    :param url_endpoints: additional URL endpoints that the server treats as its own, such as
        ``https://ik.imagekit.io/your_id``.
    :param restrict_unsigned: whether every delivery requires a signed URL.
    :param control: whether any program that can reach the server may inject faults over HTTP.
    :param public_host: host name under which clients reach the server, such as its name among containers;
        ``host`` by default.
    :param job_seconds: seconds for which purges and folder jobs stay pending.
    :param webhook_hosts: hosts other than this machine to which webhooks may be sent.
    :param webhook_retry_seconds: seconds before the first retry of a webhook delivery that was not accepted;
        each further wait is twice as long, with at most 6 attempts in total.
    :param webhook_schemes: signature schemes of webhooks: ``imagekit``, ``standard``, or both.
    :raises NotADirectoryError: if the library is not a folder.
    :raises ValueError: if a key, host, id or port is invalid, or a URL endpoint has no scheme.
    :raises OSError: if the state folder cannot be used or another server uses it.
    """

    def __init__(
        self,
        library: str | Path,
        private_key: str = DEFAULT_PRIVATE_KEY,
        imagekit_id: str = "demo",
        port: int = 0,
        host: str = "127.0.0.1",
        latency: float = 0.0,
        rate_limits: RateLimits | None = None,
        state: str | Path | None = None,
        *,
        named_transformations: Mapping[str, str] | None = None,
        url_endpoints: Sequence[str] = (),
        restrict_unsigned: bool = False,
        control: bool = False,
        public_host: str | None = None,
        job_seconds: float = 0.0,
        webhook_hosts: Sequence[str] = (),
        webhook_retry_seconds: float = 1.0,
        webhook_schemes: Sequence[str] = SCHEMES,
    ) -> None:
        if not 0 <= port <= 65535:
            raise ValueError(f"port is {port}; use a number from 0 to 65535.")
        _check_names(host, public_host, imagekit_id)
        endpoints = tuple(checked_url_endpoint(endpoint) for endpoint in url_endpoints)
        self._host = host
        self._public_host = public_host or ANY_ADDRESS.get(host, f"[{host}]" if ":" in host else host)
        self._port = port
        self._latency = latency
        self._with_control = control
        self._listener: Listener | None = None
        self._requests = RequestLog()
        self._faults = FaultBook()
        self._store = Store(Path(state) if state is not None else None)
        media = _library_in(Path(library), self._store)
        self._deliveries = Deliveries(webhook_retry_seconds, tuple(webhook_schemes))
        self._account = Account(
            imagekit_id=imagekit_id,
            library=media,
            measurer=Measurer(media),
            keyring=Keyring(private_key),
            limiter=Limiter(rate_limits or RateLimits()),
            pool=ThreadPoolExecutor(_THREADS, thread_name_prefix="imagekit-emulator"),
            jobs=JobBook(job_seconds),
            webhooks=WebhookBook(self._deliveries.put),
            webhook_hosts=frozenset(webhook_hosts),
            named_transformations=dict(named_transformations or {}),
            url_endpoints=endpoints,
            restrict_unsigned=restrict_unsigned,
        )
        media.on_change = FileEvents(self._account, lambda: self.url_endpoint).changed

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()  # __exit__ is not called then
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> Self:
        """
        Start listening; after :meth:`stop`, on the same port as before.

        :raises OSError: if the server cannot listen on the address.
        """
        if self._listener is None:
            hosts = {"localhost", self._host, self._public_host, socket.gethostname()} - ANY_ADDRESS.keys()
            control = _control(self._account, self._faults, self._requests, hosts)
            app = App(
                self._account,
                self._requests,
                self._faults,
                self._latency,
                control if self._with_control else None,
            )
            self._listener = Listener(app, self._host, self._port)
            self._port = self._listener.port
        return self

    def stop(self) -> None:
        """Stop listening and close all connections. Files, requests and faults are kept."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    def close(self) -> None:
        """Stop permanently and release all resources."""
        self.stop()
        self._account.pool.shutdown(cancel_futures=True)
        self._deliveries.close()
        self._store.close()

    @property
    def url(self) -> str:
        """Return the base URL of the API, including the upload API."""
        if not self._port:
            raise RuntimeError("The emulator has no URL before it is started.")
        return f"http://{self._public_host}:{self._port}"

    @property
    def url_endpoint(self) -> str:
        """Return the URL endpoint, below which pictures are delivered."""
        return f"{self.url}/{self._account.imagekit_id}"

    @property
    def private_key(self) -> str:
        """Return the key that is currently accepted; setting another key expires it."""
        return self._account.keyring.valid

    @private_key.setter
    def private_key(self, private_key: str) -> None:
        self._account.keyring.rotate(private_key)

    @property
    def airflow_connection(self) -> dict[str, Any]:
        """Return an Airflow Connection to the emulator, for ``AIRFLOW_CONN_IMAGEKIT_DEFAULT`` as JSON."""
        return connection(self.url, self._account.imagekit_id, self.private_key)

    @property
    def usage(self) -> dict[str, int]:
        """Return the usage counters to report instead of the server's own; tests may change them."""
        return self._account.usage

    @property
    def requests(self) -> list[RecordedRequest]:
        """Return a copy of the last requests in order of arrival, at most 20,000."""
        return self._requests.snapshot()

    def files(self) -> list[dict[str, Any]]:
        """Return all files of the library in the form of the listing."""
        account = self._account
        return [
            file_object(file, file.current, account.measurer.facts(file, file.current), self.url_endpoint)
            for file in account.library.assets()
        ]

    def file_id(self, path: str) -> str:
        """
        Return the id of a file; it is derived from the path, so it is the same in every run.

        :param path: path in the library, such as ``folder/a.jpg``; the file need not exist yet.
        """
        return asset_id("file", _library_path(path))

    def file_url(self, path: str) -> str:
        """
        Return the delivery URL of a file.

        :param path: path in the library, such as ``folder/a.jpg``.
        """
        return file_url(self.url_endpoint, _library_path(path))

    def inject(self, fault: Fault | None = None, **fields: Any) -> InjectedFault:
        """
        Inject a fault into the next matching requests.

        :param fault: the fault, or its fields as keywords, as in ``inject(status=503, times=2)``.
        :return: the active fault; its ``hits`` counts the affected requests.
        """
        if fault is not None and fields:
            raise TypeError("Pass either a Fault or its fields, not both.")
        return self._faults.inject(fault or Fault(**fields))

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def clear(self) -> None:
        """Remove all faults and recorded requests, and reset the rate limits."""
        self._faults.clear()
        self._requests.clear()
        self._account.limiter.clear()


def checked_url_endpoint(text: str) -> str:
    """
    Return a URL endpoint without its trailing slash.

    :param text: such as ``https://ik.imagekit.io/your_id``.
    :raises ValueError: if it is not an absolute URL.
    """
    if not re.match("https?://[^/]", text):
        rest = text.rpartition("://")[2].lstrip("/") or "ik.imagekit.io/your_id"
        raise ValueError(f"the URL endpoint is {text!r}; include its scheme: https://{rest}")
    return text.rstrip("/")


def _check_names(host: str, public_host: str | None, imagekit_id: str) -> None:
    if not host.strip():
        raise ValueError("host is empty, which means all addresses; use an address such as 127.0.0.1.")
    if public_host and not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", public_host):
        raise ValueError(f"public_host is {public_host!r}; use a host name without scheme, port and path.")
    if not re.fullmatch(r"[A-Za-z0-9._~-]+", imagekit_id):
        raise ValueError(f"imagekit_id is {imagekit_id!r}; use letters, digits, - and _.")


def _library_path(path: str) -> str:
    return "/" + path.lstrip("/")


def _library_in(folder: Path, store: Store) -> Library:
    try:
        return Library(folder, store)
    except BaseException:
        store.close()
        raise


def _control(account: Account, faults: FaultBook, requests: RequestLog, hosts: set[str]) -> Control:
    return Control(faults, requests, account.keyring, account.limiter, frozenset(hosts))
