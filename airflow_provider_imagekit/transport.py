"""One GET over HTTP: session, time limits, size limits, and every foreign error translated."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from airflow_provider_imagekit import __version__, api
from airflow_provider_imagekit.exceptions import (
    ImageKitConfigurationError,
    ImageKitOversizeError,
    ImageKitTransportError,
)

__all__ = ["MAX_BODY", "Transport", "check_base_url", "is_loopback"]

_CONNECT_TIMEOUT = 5.0
_CHUNK = 64 * 1024

#: Largest answer accepted, in bytes after decompression.
MAX_BODY = 64 * 1024 * 1024


class Transport:
    """
    Sends requests of one account over pooled sockets; safe to share between threads.

    :param private_key: the account's private key.
    :param base_url: address of the API, without a trailing slash.
    :param timeout: most seconds for one answer to arrive whole (connecting: 5 of them at most).
    :param verify: whether to verify certificates, or the path of a CA bundle.
    :param proxies: proxy addresses by scheme, as ``requests`` takes them.
    :param user_agent: what stands behind this package's name in the ``User-Agent`` header.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        private_key: str,
        base_url: str,
        *,
        timeout: float,
        verify: bool | str,
        proxies: Mapping[str, str] | None,
        user_agent: str,
        clock: Callable[[], float],
    ) -> None:
        self._base_url = base_url
        self._timeout = timeout
        self._clock = clock
        self._session = _session(private_key, verify, proxies, user_agent)

    def close(self) -> None:
        """Close the pooled sockets."""
        self._session.close()

    def get(self, request: api.Request) -> Any:
        """
        Send one request and return its decoded answer.

        :raises ImageKitTransportError: if no whole answer arrived in time.
        :raises ImageKitError: as :func:`airflow_provider_imagekit.api.decode` does.
        """
        deadline = self._clock() + self._timeout
        try:
            # A redirect is not followed: the private key must not reach another server.
            with self._session.get(
                self._base_url + request.target,
                timeout=(min(_CONNECT_TIMEOUT, self._timeout), self._timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._read(response, deadline)
                return api.decode(request, response.status_code, response.headers, body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise ImageKitTransportError(
                f"No answer from {self._base_url}: {_cause(error)}.",
                help="Check the network, the host of the Airflow Connection and its proxies.",
            ) from None

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        chunks, size = [], response.raw.length_remaining or 0
        if size <= MAX_BODY:
            size = 0
            # read1() returns what has arrived: a server that drips cannot hold a worker past the timeout.
            while size <= MAX_BODY and (chunk := response.raw.read1(_CHUNK, decode_content=True)):
                chunks.append(chunk)
                size += len(chunk)
                if self._clock() > deadline:
                    raise ImageKitTransportError(f"No whole answer within {self._timeout:g} s.")
        if size > MAX_BODY:
            raise ImageKitOversizeError(
                f"The answer is larger than {MAX_BODY} bytes.", status=response.status_code
            )
        return b"".join(chunks)


def check_base_url(base_url: str) -> str:
    """
    Return a base URL without its trailing slash.

    :raises ImageKitConfigurationError: for anything but https, save plain http to a loopback address.
    """
    try:
        url = urllib3.util.parse_url(base_url)
    except urllib3.exceptions.LocationParseError:
        url = urllib3.util.Url()
    if not url.host or not (url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host))):
        raise ImageKitConfigurationError(
            f"The base URL {base_url!r} cannot be used.",
            help="Use https; plain http would show the private key to the network, and is for loopback only.",
        )
    return base_url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's own."""
    return host == "localhost" or host == "[::1]" or bool(re.fullmatch(r"127(\.[0-9]{1,3}){3}", host))


def _session(
    private_key: str, verify: bool | str, proxies: Mapping[str, str] | None, user_agent: str
) -> requests.Session:
    session = requests.Session()
    session.auth = (private_key, "")
    session.verify = verify
    session.proxies.update(proxies or {})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.headers["Accept"] = "application/json"
    session.headers["User-Agent"] = " ".join(
        filter(
            None,
            (
                f"airflow-provider-imagekit/{__version__}",
                user_agent,
                f"python/{platform.python_version()}",
                f"requests/{requests.__version__}",
            ),
        )
    )
    adapter = HTTPAdapter(pool_maxsize=32)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _cause(error: BaseException) -> str:
    """Name the innermost reason; the outer texts of requests hold the whole URL, signature included."""
    seen = error
    while (inner := getattr(seen, "reason", None) or seen.__context__ or _first(seen)) is not None:
        seen = inner
    text = api.mask_signature(str(seen).rsplit(": ", 1)[-1])
    return f"{type(seen).__name__} ({text})" if text else type(seen).__name__


def _first(error: BaseException) -> BaseException | None:
    return next((argument for argument in error.args if isinstance(argument, BaseException)), None)
