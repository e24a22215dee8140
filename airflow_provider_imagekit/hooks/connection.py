"""Converts an Airflow Connection to client settings; no other module reads its fields."""

from __future__ import annotations

import difflib
import json
import math
import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_imagekit.client.endpoints import DEFAULT_BASE_URL
from airflow_provider_imagekit.client.settings import ClientSettings, Redactor, is_loopback
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError
from airflow_provider_imagekit.provider_info import (
    CONNECTION_FIELDS,
    CONNECTION_TYPE,
    KEY_PLACE,
    STANDARD_FIELDS,
    field_label,
    value_if_empty,
)

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Connection

__all__ = ["client_settings", "unknown_fields", "uses_login", "webhook_settings"]

_HOST, _KEY = (f"{STANDARD_FIELDS[name]} of the Airflow Connection" for name in ("host", "password"))
_KEY_HELP = f"Put the account's private key (private_…) there. {KEY_PLACE}."
_TYPE = CONNECTION_TYPE["connection-type"]
_API_HOST = "api.imagekit.io"
#: Minimum length of a signing key.
_MIN_SECRET = 16
#: What the extra ``redis`` connects to, and what ``proxies`` may name.
_REDIS_SCHEMES = {"redis", "rediss", "redis+unix", "valkey", "valkeys", "valkey+unix"}
_PROXIED = ("http", "https", "all", "no_proxy")
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


def client_settings(connection: Connection, extra: Mapping[str, Any]) -> ClientSettings:
    """
    Convert an Airflow Connection of type ``imagekit`` to client settings.

    Values may be strings, because forms and URIs have no other type. Blank values count as absent; unknown
    fields of ``extra`` are ignored. If several fields are invalid, the error names the first one in the form.

    :param connection: the Airflow Connection.
    :param extra: its ``extra`` field, parsed.
    :raises ImageKitConfigurationError: for an invalid field; the message names it.
    """
    _check_type(connection)
    base_url = _base_url(connection)
    key = _private_key(connection)
    _check_url_endpoint(_text(extra, "url_endpoint"), base_url)
    settings = {
        name: _READERS[field["kind"]](extra, name)
        for name, field in CONNECTION_FIELDS.items()
        if name in ClientSettings.__slots__
    }
    return ClientSettings(key, base_url, **settings)


def webhook_settings(extra: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, str]]:
    """
    Read the settings of the webhook receiver.

    :param extra: the ``extra`` field of an Airflow Connection, parsed.
    :return: the signing keys of the webhooks; the names of assets, each with its folder.
    :raises ImageKitConfigurationError: for an invalid field; the message names it and shows no secret.
    """
    given = extra.get("webhook_secrets")
    parts = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else ()
    secrets = tuple(str(part).strip() for part in parts)
    if not secrets or not all(key.startswith("whsec_") and len(key) >= _MIN_SECRET for key in secrets):
        raise ImageKitConfigurationError(
            f"{_extra('webhook_secrets')} is empty or not a list of signing keys.",
            help="Use the key whsec_... that ImageKit showed when you created the webhook. "
            "Separate several keys with commas.",
        )
    assets = {name: folder for name, folder in _object(extra, "webhook_assets") if name}
    if not assets:
        raise ImageKitConfigurationError(
            f"{_extra('webhook_assets')} is empty.",
            help='Use an object of assets and folders, such as {"pictures": "/products"}; "" is all files.',
        )
    return secrets, assets


def unknown_fields(extra: Mapping[str, Any]) -> list[str]:
    """Return a warning for each unknown field of ``extra``, with the closest known field."""
    warnings = []
    for name in extra:
        if name not in CONNECTION_FIELDS:
            near = difflib.get_close_matches(str(name), CONNECTION_FIELDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            warnings.append(f"The extra field {str(name)[:100]!r} is unknown and is ignored.{hint}")
    return warnings


def uses_login(connection: Connection) -> bool:
    """Return whether the key is in ``login``, as in connections made for the HTTP provider."""
    return not (connection.password or "").strip() and (connection.login or "").startswith("private_")


def _extra(name: str) -> str:
    return f"{field_label(name)} in the Airflow Connection's extra"


def _given_key(connection: Connection) -> str:
    return str((connection.login if uses_login(connection) else connection.password) or "").strip()


def _check_type(connection: Connection) -> None:
    kind = getattr(connection, "conn_type", None) or _TYPE
    if kind != _TYPE and not _given_key(connection).startswith("private_"):
        raise ImageKitConfigurationError(
            f"The Airflow Connection has the type {str(kind)[:100]!r}; its password is not sent to ImageKit.",
            help=f"Name a connection of the type {_TYPE}.",
        )


def _private_key(connection: Connection) -> str:
    key = _given_key(connection)
    if not key:
        raise ImageKitConfigurationError(f"{_KEY} is empty.", help=_KEY_HELP)
    if set(key) == {"*"}:
        raise ImageKitConfigurationError(
            f"{_KEY} came from the form as '***'.",
            help="Type the key in again before you test: Airflow does not send the stored key to the form.",
        )
    if key.startswith("public_"):
        raise ImageKitConfigurationError(f"{_KEY} is a public key.", help=_KEY_HELP)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ImageKitConfigurationError(f"{_KEY} has spaces or characters that no key has.", help=_KEY_HELP)
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
        name = parts.hostname or ""
    except ValueError as error:
        raise _wrong_host(host, f"is not a valid address: {error}") from None
    if name != _API_HOST and (name == "imagekit.io" or name.endswith(".imagekit.io")):
        raise _wrong_host(host, "belongs to ImageKit but is not its API")
    behind = re.search(r":[0-9]+$", parts.path) or parts.query or parts.fragment
    if behind or name in {"", "none"} or parts.netloc.endswith(":"):  # as of https:/host
        raise _wrong_host(host, "is not the address of an API, which is a host, a port and a path")
    if connection.port and not re.search(r":[0-9]+$", parts.netloc):
        parts = parts._replace(netloc=f"{parts.netloc}:{connection.port}")
    return parts.geturl()


def _wrong_host(host: str, reason: str) -> ImageKitConfigurationError:
    return ImageKitConfigurationError(
        f"{_HOST} is {Redactor('').text(host)!r}, which {reason}.",
        help=f"Leave it empty for {DEFAULT_BASE_URL}. A URL endpoint belongs in "
        f"{field_label('url_endpoint')}. The key was not sent.",
    )


def _check_url_endpoint(url_endpoint: str | None, base_url: str) -> None:
    """Reject an incomplete URL endpoint, and a URL endpoint that is set as the API's address."""
    if url_endpoint is None:
        return
    if not re.match(r"https?://[^/]", url_endpoint):
        raise ImageKitConfigurationError(
            f"{_extra('url_endpoint')} is {url_endpoint!r}.",
            help="Use the complete address, such as https://ik.imagekit.io/your_imagekit_id.",
        )
    if url_endpoint.rstrip("/") == base_url:
        raise _wrong_host(base_url, "is the URL endpoint and delivers files")


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
            f"{_extra(name)} is {value!r}.",
            help=f"Use a number {'above' if above_zero else 'of at least'} 0, or leave it out for "
            f"{value_if_empty(name)}.",
        )
    # Without a default, 0 in a form means "none".
    return None if default is None and not number else number


def _integer(extra: Mapping[str, Any], name: str) -> int:
    number = _number(extra, name) or 0.0
    if not number.is_integer():
        raise ImageKitConfigurationError(f"{_extra(name)} is {number:g}.", help="Use a whole number.")
    return int(number)


def _switch(extra: Mapping[str, Any], name: str) -> bool:
    value = _switch_or_path(extra, name)
    if isinstance(value, str):
        raise ImageKitConfigurationError(f"{_extra(name)} is {value!r}.", help="Use true or false.")
    return value


def _switch_or_path(extra: Mapping[str, Any], name: str) -> bool | str:
    value = extra.get(name)
    if isinstance(value, bool):
        return value
    if _absent(value):
        return bool(CONNECTION_FIELDS[name]["default"])
    text = str(value).strip()
    return text.lower() in _TRUE if text.lower() in _TRUE | _FALSE else text


def _switch_or_bundle(extra: Mapping[str, Any], name: str) -> bool | str:
    value = _switch_or_path(extra, name)
    if isinstance(value, str) and not os.path.exists(value):  # noqa: PTH110 - of any text, without an error
        raise ImageKitConfigurationError(
            f"{_extra(name)} is {Redactor('').text(value)!r}, which does not exist on this machine.",
            help="Use true, false, or the path of a CA bundle that all workers and triggerers have.",
        )
    return value


def _redis(extra: Mapping[str, Any], name: str) -> str | None:
    url = _text(extra, name)
    if url is not None and (fault := _fault_of_redis(url)):
        raise ImageKitConfigurationError(
            f"{_extra(name)} {fault}.",
            help="Use an address such as redis://:password@host:6379/0, or rediss:// for TLS.",
        )
    return url


def _fault_of_redis(url: str) -> str:
    """Describe what is wrong with a Redis address, without user and password; empty if it is valid."""
    scheme, behind, rest = url.partition("://")
    if not behind:  # the text may be the password
        return "has no scheme"
    place = f"{'***@' if '@' in rest else ''}{rest.rpartition('@')[2].partition('?')[0]}"
    shown = f"is {Redactor('').text(f'{scheme}://{place}')!r}"
    if scheme not in _REDIS_SCHEMES:
        return f"{shown}, which is not a Redis address"
    try:
        urlsplit(url).port  # noqa: B018 - reading it checks it
    except ValueError:
        return f"{shown}, which has no valid host and port"
    return ""


def _proxies(extra: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    proxies = _object(extra, name)
    if wrong := [key for key, _ in proxies if key not in _PROXIED and "://" not in key]:
        raise ImageKitConfigurationError(
            f"{_extra(name)} is for {Redactor('').text(wrong[0])!r}, which is not a proxy scheme.",
            help=f"Use {', '.join(_PROXIED)}.",
        )
    return proxies


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
            f"{_extra(name)} is not a JSON object.",
            help='Use an object such as {"https": "http://proxy.example:3128"}.',
        )
    return tuple(sorted((str(key), str(item)) for key, item in pairs.items()))


_READERS: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "switch": _switch,
    "switch or bundle": _switch_or_bundle,
    "redis": _redis,
    "proxies": _proxies,
}
