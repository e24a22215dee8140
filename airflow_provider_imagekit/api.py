"""
ImageKit's HTTP API without I/O: endpoint to request, and answer to value or error.

The functions take and give plain values, so they are tested without a server and serve any HTTP library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitInputError,
    ImageKitNotFoundError,
    ImageKitRateLimitError,
    ImageKitResponseError,
    ImageKitServerError,
    ImageKitStatusError,
)
from airflow_provider_imagekit.json_safe import load_json

__all__ = [
    "DEFAULT_BASE_URL",
    "MAX_PAGE",
    "Request",
    "decode",
    "file_metadata",
    "list_files",
    "mask_signature",
    "remote_url_metadata",
]

DEFAULT_BASE_URL = "https://api.imagekit.io"

#: Most files that one answer of the list endpoint holds.
MAX_PAGE = 1000

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SIGNATURE = re.compile(r"(?i)(ik-s(?:=|%3D|%253D))[0-9a-z]+")


@dataclass(frozen=True, slots=True)
class Request:
    """
    One GET of the API.

    :param path: the path, percent-encoded.
    :param query: names and values, not encoded; a value of ``None`` is left out.
    :param expects: the JSON type of a good answer, ``dict`` or ``list``.
    """

    path: str
    query: Mapping[str, str | int | None]
    expects: type

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
    return Request("/v1/files", query, list)


def decode(request: Request, status: int, headers: Mapping[str, str], body: bytes) -> Any:
    """
    Turn an answer into its value.

    :param request: what was asked.
    :param status: HTTP status.
    :param headers: response headers; looked up in lower case, so pass a case-insensitive mapping.
    :param body: the whole body, decompressed.
    :return: the JSON value, safe for XCom.
    :raises ImageKitStatusError: as one of its subclasses, for every status that is not 2xx.
    :raises ImageKitResponseError: for a 2xx whose body is no JSON of the expected type.
    """
    request_id = headers.get("x-ik-requestid")
    if not 200 <= status < 300:
        raise _status_error(status, headers, body, request_id)
    try:
        value = load_json(body)
    except ValueError as error:
        raise ImageKitResponseError(
            f"The answer is no JSON: {_excerpt(body)}",
            help="If this goes on, look for a proxy that answers in ImageKit's place.",
            status=status,
            request_id=request_id,
        ) from error
    objects = value if isinstance(value, list) else [value]
    if not isinstance(value, request.expects) or not all(isinstance(item, dict) for item in objects):
        expected = "a list of objects" if request.expects is list else "an object"
        raise ImageKitResponseError(
            f"The answer is JSON, but not {expected}: {_excerpt(body)}",
            status=status,
            request_id=request_id,
        )
    return value


def mask_signature(text: str) -> str:
    """Hide the signature of signed URLs in a text: whoever has it can open a private file."""
    return _SIGNATURE.sub(r"\1***", text)


_BY_STATUS: dict[int, type[ImageKitStatusError]] = {
    400: ImageKitBadRequestError,
    401: ImageKitAuthError,
    403: ImageKitAuthError,
    404: ImageKitNotFoundError,
    408: ImageKitServerError,
    423: ImageKitServerError,
    425: ImageKitServerError,
}

_HELP: dict[int, str] = {
    401: "Put the private key into the password of the Airflow Connection.",
    403: (
        "Check the password of the Airflow Connection: it must be a private key of this account, whole "
        "(keys often end in '='), not expired, and allowed to read media assets."
    ),
    404: "Check the id or URL; a file that was just uploaded can take a moment to appear.",
    429: "Lower requests_per_second in the Airflow Connection, or run fewer tasks at once (an Airflow pool).",
}

# ImageKit puts the URL itself before these words, so only the tail is compared.
_NOT_YOURS = "should be accessible using your imagekit.io account"
_NOT_YOURS_HELP = (
    "Only URLs below a URL endpoint of the key's own account work, for files of its media library or of an "
    "origin attached to it. A private file needs a signed URL, or its file_id instead."
)


def _status_error(
    status: int, headers: Mapping[str, str], body: bytes, request_id: str | None
) -> ImageKitStatusError:
    fields = _error_fields(body)
    message = mask_signature(str(fields.get("message") or _default_message(status, headers, body)))
    known_help = _NOT_YOURS_HELP if _NOT_YOURS in message.lower() else _HELP.get(status)
    details: dict[str, Any] = {
        "status": status,
        "help": known_help or _optional_text(fields.get("help")),
        "reason": _optional_text(fields.get("reason") or fields.get("type")),
        "request_id": request_id,
    }
    if status == 429:
        return ImageKitRateLimitError(message, reset_ms=_reset_ms(headers), **details)
    if status >= 500:
        return ImageKitServerError(message, **details)
    return _BY_STATUS.get(status, ImageKitStatusError)(message, **details)


def _error_fields(body: bytes) -> dict[str, Any]:
    try:
        fields = load_json(body)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _default_message(status: int, headers: Mapping[str, str], body: bytes) -> str:
    if 300 <= status < 400:
        return (
            f"The server redirects to {headers.get('location', 'nowhere')}; this is not followed, since the "
            "private key must not reach another server."
        )
    return _excerpt(body)


def _reset_ms(headers: Mapping[str, str]) -> int | None:
    """Return the wait in milliseconds: ``X-RateLimit-Reset`` is in ms, ``Retry-After`` in seconds."""
    for name, factor in (("x-ratelimit-reset", 1), ("retry-after", 1000)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,15}(\.[0-9]+)?", value, re.ASCII):
            return round(float(value) * factor)
    return None


def _excerpt(body: bytes) -> str:
    text = " ".join(body[:400].decode("utf-8", "replace").split())
    return mask_signature(text[:200]) or "an empty body"


def _optional_text(value: Any) -> str | None:
    return mask_signature(str(value)) if value else None


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
        raise ImageKitInputError(f"{name} has control characters: {text[:200]!r}.")
    return text
