"""From an Airflow Connection to the client's arguments: the one place that reads its fields."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_imagekit.client.endpoints import DEFAULT_BASE_URL
from airflow_provider_imagekit.client.settings import ClientSettings, is_loopback
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError
from airflow_provider_imagekit.provider_info import CONNECTION_FIELDS, CONNECTION_TYPE, value_if_empty

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Connection

__all__ = ["client_settings", "unknown_fields", "uses_login", "webhook_settings"]

_KEY_HELP = "Put the account's private key (private_…) into the password of the Airflow Connection."
_TYPE = CONNECTION_TYPE["connection-type"]
_DELIVERY_HOST = "ik.imagekit.io"
#: Minimum length of a signing key.
_MIN_SECRET = 16
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


def client_settings(connection: Connection, extra: Mapping[str, Any]) -> ClientSettings:
    """
    Read an Airflow Connection of type ``imagekit``.

    Values may arrive as strings, since forms and URIs know nothing else; blank ones count as absent, and
    unknown ``extra`` fields for nothing.

    :param connection: the Airflow Connection.
    :param extra: its ``extra`` field, parsed.
    :raises ImageKitConfigurationError: naming the field that cannot be used.
    """
    settings = {
        name: _READERS[field["kind"]](extra, name)
        for name, field in CONNECTION_FIELDS.items()
        if name in ClientSettings.__slots__
    }
    return ClientSettings(_private_key(connection), _base_url(connection), **settings)


def webhook_settings(extra: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, str]]:
    """
    Read what the receiver of webhooks needs.

    :param extra: the ``extra`` field of an Airflow Connection, parsed.
    :return: the webhooks' secrets; names of assets, each with the folder whose files it gets.
    :raises ImageKitConfigurationError: naming the field that cannot be used; never a secret.
    """
    given = extra.get("webhook_secrets")
    parts = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else ()
    secrets = tuple(str(part).strip() for part in parts)
    if not secrets or not all(key.startswith("whsec_") and len(key) >= _MIN_SECRET for key in secrets):
        raise ImageKitConfigurationError(
            "webhook_secrets in the Airflow Connection's extra is empty or not a list of signing keys.",
            help="Use the key whsec_... that ImageKit showed when the webhook was made; several with commas.",
        )
    assets = {name: folder for name, folder in _object(extra, "webhook_assets") if name}
    if not assets:
        raise ImageKitConfigurationError(
            "webhook_assets in the Airflow Connection's extra is empty.",
            help='Use an object of assets and folders, such as {"pictures": "/products"}; "" for all files.',
        )
    return secrets, assets


def unknown_fields(extra: Mapping[str, Any]) -> list[str]:
    """Return a warning for each field of ``extra`` that is not one of ours, with the nearest that is."""
    warnings = []
    for name in extra:
        if name not in CONNECTION_FIELDS:
            near = difflib.get_close_matches(str(name), CONNECTION_FIELDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            warnings.append(f"The extra field {str(name)[:100]!r} is not known and is ignored.{hint}")
    return warnings


def uses_login(connection: Connection) -> bool:
    """Return whether the key stands in ``login``, where people who come from the HTTP provider have it."""
    return not (connection.password or "").strip() and (connection.login or "").startswith("private_")


def _private_key(connection: Connection) -> str:
    key = str((connection.login if uses_login(connection) else connection.password) or "").strip()
    if not key:
        raise ImageKitConfigurationError("The Airflow Connection has no private key.", help=_KEY_HELP)
    kind = getattr(connection, "conn_type", None) or _TYPE
    if kind != _TYPE and not key.startswith("private_"):
        raise ImageKitConfigurationError(
            f"The Airflow Connection has the type {str(kind)[:100]!r}; its password is not sent to ImageKit.",
            help=f"Name a connection of the type {_TYPE}.",
        )
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
    try:
        parts = urlsplit(host)
    except ValueError as error:
        raise ImageKitConfigurationError(
            f"host of the Airflow Connection is {host!r}, which is not a valid address: {error}.",
            help=f"Leave host empty for {DEFAULT_BASE_URL}.",
        ) from None
    if parts.hostname == _DELIVERY_HOST:
        raise ImageKitConfigurationError(
            f"host of the Airflow Connection is {host!r}, which delivers files and is not the API.",
            help="Leave host empty for https://api.imagekit.io, and put a URL endpoint into the extra field "
            "url_endpoint; the key was not sent.",
        )
    if connection.port and not re.search(r":[0-9]+$", parts.netloc):
        parts = parts._replace(netloc=f"{parts.netloc}:{connection.port}")
    return parts.geturl()


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _text(extra: Mapping[str, Any], name: str) -> str | None:
    value = extra.get(name)
    return None if _absent(value) else str(value).strip()


def _number(extra: Mapping[str, Any], name: str) -> float | None:
    value, default = extra.get(name), CONNECTION_FIELDS[name]["default"]
    if _absent(value):
        return None if default is None else float(default)
    above_zero = CONNECTION_FIELDS[name]["schema"]["minimum"] > 0
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and (number > 0 or (number == 0 and not above_zero))):
        raise ImageKitConfigurationError(
            f"{name} in the Airflow Connection's extra is {value!r}.",
            help=f"Use a number {'above' if above_zero else 'of at least'} 0, or leave it out for "
            f"{value_if_empty(name)}.",
        )
    # Without a default, 0 is how a form says "none".
    return None if default is None and not number else number


def _integer(extra: Mapping[str, Any], name: str) -> int:
    number = _number(extra, name) or 0.0
    if not number.is_integer():
        raise ImageKitConfigurationError(
            f"{name} in the Airflow Connection's extra is {number:g}.", help="Use a whole number."
        )
    return int(number)


def _switch(extra: Mapping[str, Any], name: str) -> bool:
    value = _switch_or_path(extra, name)
    if isinstance(value, str):
        raise ImageKitConfigurationError(
            f"{name} in the Airflow Connection's extra is {value!r}.", help="Use true or false."
        )
    return value


def _switch_or_path(extra: Mapping[str, Any], name: str) -> bool | str:
    value = extra.get(name)
    if isinstance(value, bool):
        return value
    if _absent(value):
        return bool(CONNECTION_FIELDS[name]["default"])
    text = str(value).strip()
    return text.lower() in _TRUE if text.lower() in _TRUE | _FALSE else text


def _object(extra: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    value = extra.get(name)
    if _absent(value):
        return ()
    try:
        pairs = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        pairs = None
    if not isinstance(pairs, Mapping):
        raise ImageKitConfigurationError(
            f"{name} in the Airflow Connection's extra is not a JSON object.",
            help='Use an object such as {"https": "http://proxy.example:3128"}.',
        )
    return tuple(sorted((str(key), str(item)) for key, item in pairs.items()))


_READERS: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "switch": _switch,
    "switch or path": _switch_or_path,
    "object": _object,
}
