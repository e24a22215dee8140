"""ImageKit's endpoints as requests, without I/O; the answers are read in ``answers``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_provider_imagekit.exceptions import ImageKitInputError

__all__ = [
    "DEFAULT_BASE_URL",
    "MAX_PAGE",
    "Request",
    "file_metadata",
    "list_files",
    "mask_signature",
    "remote_url_metadata",
]

DEFAULT_BASE_URL = "https://api.imagekit.io"

#: Most files that one answer of the list endpoint holds.
MAX_PAGE = 1000

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _spelled(text: str) -> str:
    """Return a pattern for a text of which any character can be percent-encoded, once or more often."""
    return "".join(
        f"(?:{re.escape(each)}|%(?:25)*(?:{ord(each.lower()):02x}|{ord(each.upper()):02x}))" for each in text
    )


_SIGNATURE = re.compile(
    f"(?i)({_spelled('ik-s')}(?:{_spelled('=')}|['\"]?\\s*:\\s*['\"]?))(?:[0-9a-z]|%(?:25)*[3-7][0-9a-f](?<!3d))+"
)


@dataclass(frozen=True, slots=True)
class Request:
    """
    One GET of the API.

    :param path: the path, percent-encoded.
    :param query: names and values, not encoded; a value of ``None`` is left out.
    :param expects: the JSON type of a good answer, ``dict`` or ``list``.
    :param max_bytes: maximum size of the answer, decompressed.
    :param max_values: maximum number of values in the answer, which bounds the memory that it takes.
    """

    path: str
    query: Mapping[str, str | int | None]
    expects: type
    max_bytes: int = 8 * 1024 * 1024
    max_values: int = 100_000

    @property
    def target(self) -> str:
        """Path and query, each value percent-encoded exactly once."""
        pairs = [
            f"{name}={quote(str(value), safe='')}" for name, value in self.query.items() if value is not None
        ]
        return f"{self.path}?{'&'.join(pairs)}" if pairs else self.path

    def __str__(self) -> str:
        return mask_signature(f"GET {self.target}")


def file_metadata(file_id: str) -> Request:
    """
    Ask for the metadata of a file of the media library: ``GET /v1/files/{fileId}/metadata``.

    :param file_id: ImageKit's id of the file; sent as one path segment, whatever it holds.
    :raises ImageKitInputError: if it is no text, blank, ``.``, ``..``, or has control characters.
    """
    text = _text(file_id, "file_id")
    if text in {".", ".."}:
        raise ImageKitInputError(
            f"file_id is {text!r}, which names no file.",
            help="Pass fileId as the listing or the upload of the file returned it.",
        )
    return Request(f"/v1/files/{quote(text, safe='')}/metadata", {}, dict)


def remote_url_metadata(url: str) -> Request:
    """
    Ask for the metadata behind a delivery URL: ``GET /v1/metadata?url=``.

    :param url: an address below one of the account's URL endpoints, as a browser would open it;
        transformations, versions and signatures (``ik-s``, ``ik-t``) reach ImageKit unchanged.
    :raises ImageKitInputError: if it is no http or https URL.
    """
    text = _text(url, "url")
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme.lower() not in {"http", "https"} or not host:
        raise ImageKitInputError(
            f"url is {mask_signature(text)[:200]!r}, which is no http or https URL.",
            help="Pass the whole address, such as https://ik.imagekit.io/your_imagekit_id/folder/file.jpg.",
        )
    return Request("/v1/metadata", {"url": text}, dict)


def list_files(
    *,
    search_query: str | None = None,
    path: str | None = None,
    type: str | None = None,  # noqa: A002 - ImageKit's own name for it
    file_type: str | None = None,
    sort: str | None = None,
    skip: int = 0,
    limit: int = MAX_PAGE,
) -> Request:
    """
    Ask for one page of the media library: ``GET /v1/files``.

    The arguments are ImageKit's own; see :meth:`ImageKitClient.list_files` for all pages.
    """
    query = {
        "searchQuery": search_query,
        "path": path,
        "type": type,
        "fileType": file_type,
        "sort": sort,
        "skip": skip,
        "limit": limit,
    }
    for name, value in query.items():
        _check_encodable(value, name)
    return Request("/v1/files", query, list, max_bytes=64 * 1024 * 1024, max_values=1_000_000)


def mask_signature(text: str) -> str:
    """Hide the signature of signed URLs in a text: whoever has it can open a private file."""
    return _SIGNATURE.sub(r"\1***", text)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ImageKitInputError(
            f"{name} is {type(value).__name__} instead of text.",
            help="If it comes from another task, look at what that task returned.",
        )
    text = value.strip()
    if not text:
        raise ImageKitInputError(
            f"{name} is empty.", help="If it is a template, look at the task's rendered fields."
        )
    if _CONTROL.search(text):
        raise ImageKitInputError(f"{name} has control characters: {mask_signature(text)[:200]!r}.")
    _check_encodable(text, name)
    return text


def _check_encodable(value: Any, name: str) -> None:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        raise ImageKitInputError(
            f"{name} has half a character: {mask_signature(str(value))[:200]!a}.",
            help="Such text comes from bytes that were decoded with a wrong encoding; decode them as UTF-8.",
        ) from None
