"""Detects control requests that a page of another site sends through the user's browser."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["cross_site_refusal"]

_OWN_SITES = ("same-origin", "none")


def cross_site_refusal(headers: Mapping[str, str], own_names: frozenset[str]) -> str | None:
    """
    Return why a request is refused as cross-site; ``None`` if it is allowed.

    An IP address as ``Host`` is accepted: another site can point its host name to this server, but not an IP
    address.

    :param headers: headers of the request, by lower-case name.
    :param own_names: host names of the server.
    """
    host = headers.get("host", "")
    name = (urlsplit(f"//{host}").hostname if _is_authority(host) else None) or ""
    if name not in own_names and not _is_address(name):
        return (
            f"The request names the host {name!r}; this server accepts control requests for "
            f"{', '.join(sorted(own_names))} and for IP addresses. See --public-host."
        )
    if headers.get("origin", f"http://{host}") != f"http://{host}":
        return "The request comes from a page of another site."
    if headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        return "The request comes from a page of another site."
    return None


def _is_authority(host: str) -> bool:
    try:
        return bool(urlsplit(f"//{host}").hostname)
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
