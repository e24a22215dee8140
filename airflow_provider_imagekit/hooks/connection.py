"""From an Airflow Connection to the client's arguments: the one place that reads its fields."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client.endpoints import DEFAULT_BASE_URL
from airflow_provider_imagekit.client.transport import is_loopback
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Connection

__all__ = ["ClientSettings", "client_settings"]

_KEY_HELP = "Put the account's private key (private_…) into the password of the Airflow Connection."
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """The arguments of :class:`~airflow_provider_imagekit.client.ImageKitClient`, hashable; see there."""

    private_key: str = field(repr=False)
    base_url: str = DEFAULT_BASE_URL
    timeout: float = 60.0
    max_retries: int = 5
    max_wait: float = 120.0
    requests_per_second: float | None = None
    rate_limit_url: str | None = field(default=None, repr=False)
    verify: bool | str = True
    proxies: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def client_settings(connection: Connection, extra: Mapping[str, Any]) -> ClientSettings:
    """
    Read an Airflow Connection of type ``imagekit``.

    Values may arrive as strings, since forms and URIs know nothing else; blank ones count as absent, and
    unknown ``extra`` fields for nothing.

    :param connection: the Airflow Connection.
    :param extra: its ``extra`` field, parsed.
    :raises ImageKitConfigurationError: naming the field that cannot be used.
    """
    defaults = ClientSettings("")
    return ClientSettings(
        private_key=_private_key(connection),
        base_url=_base_url(connection),
        timeout=_number(extra, "timeout", defaults.timeout, above_zero=True),
        max_retries=_integer(extra, "max_retries", defaults.max_retries),
        max_wait=_number(extra, "max_wait", defaults.max_wait),
        requests_per_second=_number(extra, "requests_per_second", 0.0) or None,
        rate_limit_url=str(extra.get("rate_limit_url") or "").strip() or None,
        verify=_verify(extra),
        proxies=_proxies(extra),
    )


def uses_login(connection: Connection) -> bool:
    """Tell whether the key stands in ``login``, where people who come from the HTTP provider have it."""
    return not (connection.password or "").strip() and (connection.login or "").startswith("private_")


def _private_key(connection: Connection) -> str:
    key = str((connection.login if uses_login(connection) else connection.password) or "").strip()
    if not key:
        raise ImageKitConfigurationError("The Airflow Connection has no private key.", help=_KEY_HELP)
    if set(key) == {"*"}:
        raise ImageKitConfigurationError(
            "The form sent '***' in place of the private key.",
            help="Type the key in again before testing: Airflow does not show the stored one to the form.",
        )
    if key.startswith("public_"):
        raise ImageKitConfigurationError("The password holds the public key.", help=_KEY_HELP)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ImageKitConfigurationError(
            "The private key holds blanks or characters that no key has.", help=_KEY_HELP
        )
    return key


def _base_url(connection: Connection) -> str:
    host = str(connection.host or "").strip().rstrip("/")
    if not host:
        return DEFAULT_BASE_URL
    if "://" not in host:
        scheme = connection.schema if connection.schema in {"http", "https"} else None
        host = f"{scheme or ('http' if is_loopback(host.partition(':')[0]) else 'https')}://{host}"
    if connection.port and not re.search(r":[0-9]+$", host):
        host = f"{host}:{connection.port}"
    return host


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _number(extra: Mapping[str, Any], name: str, default: float, *, above_zero: bool = False) -> float:
    value = extra.get(name)
    if _absent(value):
        return float(default)
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and (number > 0 or (number == 0 and not above_zero))):
        raise ImageKitConfigurationError(
            f"{name} in the Airflow Connection's extra is {value!r}.",
            help=f"Use a number {'above' if above_zero else 'of at least'} 0, or leave it out for "
            f"{f'{default:g}' if default else 'no limit'}.",
        )
    return number


def _integer(extra: Mapping[str, Any], name: str, default: int) -> int:
    number = _number(extra, name, default)
    if not number.is_integer():
        raise ImageKitConfigurationError(
            f"{name} in the Airflow Connection's extra is {number:g}.", help="Use a whole number."
        )
    return int(number)


def _verify(extra: Mapping[str, Any]) -> bool | str:
    value = extra.get("verify")
    if isinstance(value, bool):
        return value
    if _absent(value):
        return True
    text = str(value).strip()
    return text.lower() in _TRUE if text.lower() in _TRUE | _FALSE else text


def _proxies(extra: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    value = extra.get("proxies")
    if _absent(value):
        return ()
    try:
        proxies = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        proxies = None
    if not isinstance(proxies, Mapping):
        raise ImageKitConfigurationError(
            "proxies in the Airflow Connection's extra is no JSON object.",
            help='Use an object such as {"https": "http://proxy.example:3128"}.',
        )
    return tuple(sorted((str(scheme), str(address)) for scheme, address in proxies.items()))
