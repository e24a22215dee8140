"""Addresses of small pictures, which ImageKit makes when a browser asks for them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

__all__ = ["PLAIN", "thumbnail_step", "thumbnail_url", "web_url"]

#: An address without anything special, but perhaps a step of a transformation; Python and RE2 both read it.
PLAIN = r"^https?://[A-Za-z0-9_.:-]+/[^?#;\\\x00-\x20]*$"
_PATH_TRANSFORMATION = re.compile(r"(/tr:[^/]+)(?=/)")
_QUERY_TRANSFORMATION = re.compile(r"(?:^|(?<=&))(tr=[^&]+)")
_SIGNATURE = re.compile(r"(?:^|&)ik-s=")


def web_url(value: object) -> str | None:
    """Return an address that a page may link to: http or https with a host, else ``None``."""
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return None
    return value.strip() if parts.scheme in {"http", "https"} and parts.netloc else None


def thumbnail_step(width: int, height: int) -> str:
    """Return the transformation that fits a picture into a box of so many pixels."""
    return f"w-{width},h-{height},c-at_max"


def thumbnail_url(url: str, step: str) -> str:
    """
    Return the address of a picture, fitted into a box by a transformation of ImageKit.

    A transformation that is there stays, and the thumbnail's follows it as the next step. A signed address is
    returned as it is, for no other is covered by its signature.

    :param url: address of the picture.
    :param step: the transformation, as :func:`thumbnail_step` returns it.
    """
    parts = urlsplit(url)
    if _SIGNATURE.search(parts.query):
        return url
    path, query = parts.path, parts.query
    if _PATH_TRANSFORMATION.search(path):
        path = _PATH_TRANSFORMATION.sub(rf"\1:{step}", path, count=1)
    elif _QUERY_TRANSFORMATION.search(query):
        query = _QUERY_TRANSFORMATION.sub(rf"\1:{step}", query, count=1)
    else:
        query = f"{query}&tr={step}" if query else f"tr={step}"
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))
