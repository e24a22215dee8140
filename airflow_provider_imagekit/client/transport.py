"""Sends one request over HTTP with a time and a size limit, and translates library errors."""

from __future__ import annotations

import logging
import platform
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from airflow_provider_imagekit import __version__
from airflow_provider_imagekit.client.deadline import DeadlineAdapter
from airflow_provider_imagekit.client.endpoints import DEFAULT_BASE_URL, Form, mask_signature
from airflow_provider_imagekit.client.responses import decode
from airflow_provider_imagekit.client.settings import Redactor, is_loopback, password_of
from airflow_provider_imagekit.exceptions import (
    ImageKitConfigurationError,
    ImageKitOversizeError,
    ImageKitTransportError,
)
from airflow_provider_imagekit.provider_info import STANDARD_FIELDS, field_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_imagekit.client import endpoints
    from airflow_provider_imagekit.client.settings import ClientSettings

__all__ = ["SLOWEST_UPLOAD", "UPLOAD_BASE_URL", "Transport", "check_base_url"]

#: ImageKit's upload server; with another base URL, uploads are sent there as well.
UPLOAD_BASE_URL = "https://upload.imagekit.io"

#: An upload has its size divided by this rate, in bytes a second, in addition to ``timeout``.
SLOWEST_UPLOAD = 250_000

log = logging.getLogger(__name__)

_CHUNK = 64 * 1024


class Transport:
    """
    Sends requests of one account over pooled sockets; safe to share between threads.

    :param settings: key, time limit, certificates and proxies.
    :param base_url: address of the API, without a trailing slash.
    :param user_agent: text to add after this package's name in the ``User-Agent`` header.
    """

    def __init__(self, settings: ClientSettings, base_url: str, user_agent: str) -> None:
        self._base_url = base_url
        self._settings = settings
        self._redactor = Redactor(
            settings.private_key, filter(None, (password_of(proxy) for _, proxy in settings.proxies))
        )
        self._adapter = DeadlineAdapter(pool_maxsize=32)
        self._headers = _headers(user_agent)
        self._routes: dict[str, _Route] = {}

    def close(self) -> None:
        """Close the pooled sockets."""
        self._routes.clear()
        self._adapter.close()

    def send(self, request: endpoints.Request, timeout: float | None = None) -> Any:
        """
        Send one request and return its decoded response.

        :param request: one of :mod:`airflow_provider_imagekit.client.endpoints` or of
            :mod:`airflow_provider_imagekit.client.changes`.
        :param timeout: maximum seconds until the complete response has arrived; by default the settings'.
        :raises ImageKitTransportError: if no complete response arrived in time.
        :raises ImageKitError: as :func:`airflow_provider_imagekit.client.responses.decode` does.
        """
        try:
            route = self._route(self.server_of(request))
            status, headers, body = route.send(request, self.seconds_for(request, timeout))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise ImageKitTransportError(
                f"No response from {self._base_url}: {self._redactor.text(_cause(error))}.",
                help=f"Check the network, and {STANDARD_FIELDS['host']} and {field_label('proxies')} of the "
                "Airflow Connection.",
                sent=not _never_connected(error),
            ) from None
        return decode(request, status, headers, body, self._redactor, server=self._base_url)

    def server_of(self, request: endpoints.Request) -> str:
        """Return the server of a request; ImageKit has a separate host for uploads."""
        uploads = isinstance(request.body, Form) and self._base_url == DEFAULT_BASE_URL
        return UPLOAD_BASE_URL if uploads else self._base_url

    def seconds_for(self, request: endpoints.Request, timeout: float | None = None) -> float:
        """Return the time limit of a request in seconds; uploads get extra time by the size of the file."""
        file = request.body.file if isinstance(request.body, Form) else b""
        return (timeout or self._settings.timeout) + len(file) / SLOWEST_UPLOAD

    def _route(self, server: str) -> _Route:
        if (route := self._routes.get(server)) is None:
            route = self._routes[server] = _Route(self._adapter, self._headers, server, self._settings)
        return route


class _Route:
    """
    Headers, proxy and certificates for one server, which ``requests`` would determine again for each request.

    :param adapter: creates the connections.
    :param headers: headers of every request.
    :param server: address of the server, without a trailing slash.
    :param settings: key, certificates and proxies.
    """

    def __init__(
        self, adapter: DeadlineAdapter, headers: Mapping[str, str], server: str, settings: ClientSettings
    ) -> None:
        # Plain http is for a local server, and would expose the key to a proxy.
        plain = server.lower().startswith("http:")
        proxies: dict[str, Any] = dict.fromkeys(("http", "https", "all")) if plain else dict(settings.proxies)
        with requests.Session() as session:
            session.headers.update(headers)
            self._blank = session.prepare_request(
                requests.Request("GET", f"{server}/", auth=(settings.private_key, ""))
            )
            found = session.merge_environment_settings(
                server, proxies, stream=None, verify=settings.verify, cert=None
            )
        self._pool = adapter.pool(self._blank, verify=found["verify"], proxies=found["proxies"])
        self._retries = adapter.max_retries
        self._prefix = self._blank.path_url.rstrip("/")

    def send(self, request: endpoints.Request, seconds: float) -> tuple[int, Mapping[str, str], bytes]:
        """
        Send a request; return the status, headers and body of the response.

        :param request: the request.
        :param seconds: maximum seconds until the complete response has arrived.
        """
        prepared = self._prepared(request) if request.writes else self._blank
        response = self._pool.urlopen(
            request.method,
            self._prefix + request.target,
            prepared.body,
            prepared.headers,
            retries=self._retries,
            redirect=False,  # the private key must not reach another server
            assert_same_host=False,
            timeout=urllib3.Timeout(total=seconds),
            preload_content=False,
            decode_content=False,
        )
        try:
            return response.status, response.headers, _read(response, request.max_bytes)
        except BaseException:
            response.close()  # the rest of this response must not be read as the response to the next request
            raise
        finally:
            response.release_conn()

    def _prepared(self, request: endpoints.Request) -> requests.PreparedRequest:
        """Return the method, headers and body of a request that writes."""
        prepared, body = self._blank.copy(), request.body
        prepared.method = request.method
        if isinstance(body, Form):
            file = (None, body.file) if isinstance(body.file, str) else (body.name, body.file)
            prepared.prepare_body(dict(body.fields), {"file": file})
        else:
            prepared.prepare_body(None, None, body)
        return prepared


def check_base_url(base_url: str, *, allow_http: bool = False) -> str:
    """
    Validate a base URL and return it without its trailing slash.

    :param base_url: scheme, host and port.
    :param allow_http: whether plain http is accepted for hosts other than a loopback address, with a warning.
    :raises ImageKitConfigurationError: for any other scheme.
    """
    try:
        url = urllib3.util.parse_url(base_url)
    except urllib3.exceptions.LocationParseError:
        url = urllib3.util.Url()
    if url.auth or "@" in base_url:  # a key can contain a slash, which ends the parsed auth part
        raise ImageKitConfigurationError(
            f"{STANDARD_FIELDS['host']} contains a user name or password.",
            help=f"Put the account's key into {STANDARD_FIELDS['password']} of the Airflow Connection.",
        )
    is_local = url.host is not None and is_loopback(url.host)
    allowed = ("https", "http") if is_local or allow_http else ("https",)
    if not url.host or url.scheme not in allowed:
        raise ImageKitConfigurationError(
            f"{STANDARD_FIELDS['host']} {Redactor('').text(base_url)!r} cannot be used.",
            help="Use https. Plain http exposes the private key to the network and is only for loopback "
            f"addresses. For a local ImageKit server in another container, set {field_label('allow_http')}.",
        )
    if url.scheme == "http" and not is_local:
        log.warning(
            "Requests to %s use plain http (allow_http), so anyone on the network can read the private key. "
            "Use it only for a local ImageKit server.",
            url.host,
        )
    return base_url.rstrip("/")


def _headers(user_agent: str) -> dict[str, str]:
    versions = (
        f"airflow-provider-imagekit/{__version__}",
        user_agent,
        f"python/{platform.python_version()}",
        f"requests/{requests.__version__}",
    )
    return {"Accept": "application/json", "User-Agent": " ".join(filter(None, versions))}


def _never_connected(error: BaseException) -> bool:
    """Return whether a request certainly did not reach the server."""
    return any(isinstance(each, (NewConnectionError, ConnectTimeoutError)) for each in _chain(error))


def _read(response: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
    chunks, size = [], response.length_remaining or 0
    if size <= max_bytes:
        size = 0
        for chunk in response.stream(_CHUNK, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if size > max_bytes:
                break
    if size > max_bytes:
        raise ImageKitOversizeError(f"The response is larger than {max_bytes} bytes.", status=response.status)
    return b"".join(chunks)


def _cause(error: BaseException) -> str:
    """Return the innermost reason; the outer messages contain the complete URL with its signature."""
    *_, seen = _chain(error)
    text = str(seen).rsplit(": ", 1)[-1]
    return f"{type(seen).__name__} ({text})" if text else type(seen).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its reason, the reason of that, and so on."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = _exception(getattr(seen, "reason", None), seen.__context__, *seen.args)


def _exception(*candidates: object) -> BaseException | None:
    return next((each for each in candidates if isinstance(each, BaseException)), None)


class _SignatureFilter(logging.Filter):
    """Masks URL signatures in urllib3's log lines, which contain the complete target of each request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask_signature(record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_SignatureFilter())
