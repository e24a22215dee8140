"""URLs of thumbnails, which ImageKit creates when a browser requests them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

__all__ = ["PLAIN", "thumbnail_step", "thumbnail_url", "web_url"]

#: A URL with plain characters only, possibly with a transformation in its path. Valid in Python and RE2.
PLAIN = r"^https?://[A-Za-z0-9_.:-]+/[^?#;\\\x00-\x20]*$"
_PATH_TRANSFORMATION = re.compile(r"(/tr:[^/]+)(?=/)")
_QUERY_TRANSFORMATION = re.compile(r"(?:^|(?<=&))(tr=[^&]+)")
_SIGNATURE = re.compile(r"(?:^|&)ik-s=")


def web_url(value: object) -> str | None:
    """Return a URL that a page may link to (http or https with a host), else ``None``."""
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return None
    return value.strip() if parts.scheme in {"http", "https"} and parts.netloc else None


def thumbnail_step(width: int, height: int) -> str:
    """Return the transformation that fits a picture into a box of this size in pixels."""
    return f"w-{width},h-{height},c-at_max"


def thumbnail_url(url: str, step: str) -> str:
    """
    Return the URL of a picture that ImageKit fits into a box.

    An existing transformation is kept, and the thumbnail's follows it as the next step. A signed URL is
    returned unchanged, because its signature does not cover any other URL.

    :param url: URL of the picture.
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
