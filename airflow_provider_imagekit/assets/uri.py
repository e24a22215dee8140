"""Normalized asset URIs of files: ``imagekit://account/folder/file.jpg``."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from airflow_provider_imagekit.exceptions import ImageKitInputError

__all__ = ["SCHEME", "asset_uri", "sanitize_uri", "uri_of_url"]

SCHEME = "imagekit"

_DELIVERY_HOST = "ik.imagekit.io"
_ACCOUNT = re.compile(r"[\w-]+", re.ASCII)
_HOST = re.compile(r"(?:[\w-]+(?:\.[\w-]+)+|localhost)(?::\d+)?", re.ASCII)
_DEFAULT_PORT = re.compile(":(?:80|443)$")
# The path segment that ImageKit appends to a video's path for files derived from it.
_DERIVED = re.compile(r"ik-[\w-]+\.\w+", re.ASCII)
_TRANSFORMATION = "tr:"
_FILE_ID = "fileId"


def asset_uri(account: str, *, path: str | None = None, file_id: str | None = None) -> str:
    """
    Return the asset URI of a file, a folder, or a whole library.

    :param account: the ImageKit id or the URL endpoint: ``demo``, ``https://ik.imagekit.io/demo``,
        ``https://images.example.com``.
    :param path: file or folder in the media library, such as ``/products/shoe.jpg``; not percent-encoded.
    :param file_id: ImageKit's id of the file. Pass at most one of ``path`` and ``file_id``; without both, the
        URI is that of the whole library.
    :raises ImageKitInputError: if both are passed, or the account is not valid.
    """
    if path is not None and file_id is not None:
        raise ImageKitInputError("Both path and file_id are given.", help="Pass one of them.")
    endpoint = account.strip().split("://", 1)[-1].rstrip("/")
    query = urlencode({_FILE_ID: file_id}) if file_id is not None else ""
    below = f"{endpoint}/{quote((path or '').strip('/'))}{query and f'?{query}'}"
    try:
        return urlunsplit(sanitize_uri(urlsplit(f"{SCHEME}://{below}")))
    except ValueError as error:
        raise ImageKitInputError(
            f"account is {account!r}: {error}.",
            help="Pass the ImageKit id, or the URL endpoint such as https://ik.imagekit.io/your_imagekit_id.",
        ) from error


def uri_of_url(url: str) -> str:
    """
    Return the asset URI of the file behind a delivery URL.

    :param url: the URL, with or without transformations and signature.
    :raises ValueError: if the URL does not contain an account.
    """
    return urlunsplit(sanitize_uri(urlsplit(url)))


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Return the normalized form of an asset URI.

    Airflow calls this for each asset with the scheme ``imagekit``. After the scheme, the URI can contain all
    parts of a delivery URL. Transformations in path or query, ``updatedAt``, versions and signatures do not
    identify a file, so they are removed.

    :param uri: the split URI.
    :raises ValueError: if the URI does not contain an account.
    """
    host, segments = _host(uri.netloc), _segments(uri.path)
    if host == _DELIVERY_HOST:
        host, segments = (segments or [""])[0], segments[1:]
        if not _ACCOUNT.fullmatch(host):
            raise ValueError(f"after {_DELIVERY_HOST}/ there is no ImageKit id")
    elif not (_ACCOUNT.fullmatch(host) or _HOST.fullmatch(host)):
        raise ValueError(f"{host!r} is neither an ImageKit id nor the host of a URL endpoint")
    file_id = dict(parse_qsl(uri.query)).get(_FILE_ID, "")
    query = urlencode({_FILE_ID: file_id}) if file_id else ""
    return SplitResult(SCHEME, host, f"/{'/'.join(map(quote, segments))}", query, "")


def _host(netloc: str) -> str:
    """Return the host of a URL without credentials. Hosts are case-insensitive, ImageKit ids are not."""
    host = _DEFAULT_PORT.sub("", netloc.rpartition("@")[2])
    return host.lower() if "." in host or ":" in host else host


def _segments(path: str) -> list[str]:
    """Return the decoded segments of a path that identify the file."""
    segments: list[str] = []
    for segment in unquote(path).split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", ".") and not segment.startswith(_TRANSFORMATION):
            segments.append(segment)
    while len(segments) > 1 and _DERIVED.fullmatch(segments[-1]) and "." in segments[-2]:
        del segments[-1]
    return segments
