"""The settings of a client as one value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_imagekit.client.endpoints import DEFAULT_BASE_URL
from airflow_provider_imagekit.provider_info import CONNECTION_FIELDS

__all__ = ["ClientSettings", "is_loopback"]


def _default(name: str) -> Any:
    return CONNECTION_FIELDS[name]["default"]


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """
    What a client needs to know; hashable. The defaults are those of the Airflow Connection's fields.

    :param private_key: the account's private key.
    :param base_url: address of the API; plain http is refused except for a loopback address or with
        ``allow_http``.
    :param timeout: maximum seconds until an answer has arrived whole, connecting included; see
        :class:`~airflow_provider_imagekit.client.deadline.DeadlineAdapter`.
    :param max_retries: maximum repetitions of a request after connection errors, timeouts, 408, 429 and 5xx.
    :param max_wait: maximum seconds that one call waits in all, for rate limits and between tries.
    :param requests_per_second: steady rate for all clients of the process with this key; ``None``: no limit.
    :param writes_per_second: steady rate of requests that change something; they have this budget for
        themselves, so that reads do not wait for them. ``None``: no limit.
    :param rate_limit_url: address of a Redis through which other processes and machines share the rate and
        the pauses after 429; ``None``: this process alone.
    :param verify: whether to verify certificates, or the path of a CA bundle.
    :param allow_http: whether plain http to another machine is allowed, where the network can read the key.
    :param drop_personal_data: whether operators keep coordinates, serial numbers and people's names out of
        XCom and tables; the client itself returns what ImageKit returns.
    :param proxies: proxy addresses by scheme, as a mapping or as pairs; empty: those of the environment.
    """

    private_key: str = field(repr=False)
    base_url: str = field(default=DEFAULT_BASE_URL, repr=False)  # a wrong one can hold a key
    timeout: float = _default("timeout")
    max_retries: int = _default("max_retries")
    max_wait: float = _default("max_wait")
    requests_per_second: float | None = _default("requests_per_second")
    writes_per_second: float | None = _default("writes_per_second")
    rate_limit_url: str | None = field(default=_default("rate_limit_url"), repr=False)
    verify: bool | str = _default("verify")
    allow_http: bool = _default("allow_http")
    drop_personal_data: bool = _default("drop_personal_data")
    proxies: tuple[tuple[str, str], ...] = field(default=_default("proxies"), repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "proxies", tuple(sorted(dict(self.proxies or ()).items())))


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    return host == "localhost" or host == "[::1]" or bool(re.fullmatch(r"127(\.[0-9]{1,3}){3}", host))
