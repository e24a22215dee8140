"""
Builds requests for ImageKit's read endpoints; does no I/O.

The write endpoints are in :mod:`airflow_provider_imagekit.client.changes`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.provider_info import field_label

__all__ = [
    "DEFAULT_BASE_URL",
    "EXIF_SECTIONS",
    "FILE_TYPES",
    "MAX_PAGE",
    "METADATA_FIELDS",
    "SORTS",
    "TYPES",
    "Form",
    "Request",
    "file_details",
    "file_metadata",
    "id_segment",
    "list_files",
    "mask_signature",
    "parse_file_id",
    "parse_text",
    "parse_url",
    "remote_url_metadata",
]

DEFAULT_BASE_URL = "https://api.imagekit.io"

#: Maximum number of files per response of the list endpoint.
MAX_PAGE = 1000

#: Valid values of the arguments ``type``, ``file_type`` and ``sort`` of a listing.
TYPES = ("file", "file-version", "folder", "all")
FILE_TYPES = ("all", "image", "non-image")
SORTS = tuple(
    f"{direction}_{name}"
    for name in (
        *("NAME", "CREATED", "UPDATED", "HEIGHT", "WIDTH", "SIZE", "RELEVANCE", "DURATION"),
        "ORIGINAL_CREATION_DATE",
    )
    for direction in ("ASC", "DESC")
)

#: Top-level keys of the metadata object in ImageKit's API reference; each may be absent.
METADATA_FIELDS = frozenset(
    {
        "audioCodec",
        "bitRate",
        "density",
        "duration",
        "exif",
        "format",
        "hasColorProfile",
        "hasTransparency",
        "height",
        "mimeType",
        "pHash",
        "quality",
        "size",
        "videoCodec",
        "width",
    }
)

#: Sections of ``exif`` in the metadata object.
EXIF_SECTIONS = ("image", "thumbnail", "exif", "gps", "interoperability", "makernote")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_MISSING_ENDPOINT_HELP = (
    f" If a template prepends the URL endpoint, set {field_label('url_endpoint')} in the Airflow "
    "Connection's extra."
)


def _encodable(text: str) -> str:
    """Return a pattern for a text whose characters may each be percent-encoded, once or repeatedly."""
    return "".join(
        f"(?:{re.escape(each)}|%(?:25)*(?:{ord(each.lower()):02x}|{ord(each.upper()):02x}))" for each in text
    )


# A password in a URL. User info without a colon is the id of an Airflow Connection: s3://aws_default@bucket.
_PASSWORD = re.compile(r"(?i)(://)[^/?#\s@:]*:[^/?#\s]*(@|%(?:25)*40)")
# The same, percent-encoded once or repeatedly, as in the query of another URL.
_QUOTED_PASSWORD = re.compile(
    r"(?i)(%(?P<again>(?:25)*)3A(?:/|%(?P=again)2F){2})(?:(?!%(?P=again)(?:2F|3A|3F|23|40))[^/?#&\s@])*"
    r"%(?P=again)3A(?:(?!%(?P=again)(?:2F|3F|23))[^/?#&\s])*(@|%(?P=again)40)"
)
_SIGNATURE = re.compile(
    f"(?i)({_encodable('ik-s')}(?:{_encodable('=')}|['\"]?\\s*:\\s*['\"]?))(?:[0-9a-z]|%(?:25)*[3-7][0-9a-f](?<!3d))+"
)


@dataclass(frozen=True, slots=True)
class Form:
    """
    The multipart body of an upload.

    :param fields: form fields by name.
    :param file: the file's content, or a URL that ImageKit fetches.
    :param name: the file's name.
    """

    fields: Mapping[str, str]
    file: bytes | str
    name: str


@dataclass(frozen=True, slots=True)
class Request:
    """
    One API request.

    :param path: the path, percent-encoded.
    :param query: query parameters, not encoded; those with the value ``None`` are omitted.
    :param expects: the expected JSON type of the response, ``dict`` or ``list``.
    :param max_bytes: maximum size of the response in bytes, decompressed.
    :param max_values: maximum number of values in the response, which limits its memory use.
    :param method: HTTP method; every method other than ``GET`` writes.
    :param body: the body, sent as JSON or as a form; ``None`` for no body.
    :param repeatable: whether to retry it although ImageKit may already have processed it.
    :param subject: what error messages name, such as ``file_id 5f0…``; nothing if blank.
    """

    path: str
    query: Mapping[str, str | int | None]
    expects: type
    max_bytes: int = 8 * 1024 * 1024
    max_values: int = 100_000
    method: str = "GET"
    body: Mapping[str, Any] | Form | None = None
    repeatable: bool = True
    subject: str = ""

    @property
    def writes(self) -> bool:
        """Whether the request writes."""
        return self.method != "GET"

    @property
    def target(self) -> str:
        """Path and query, each value percent-encoded exactly once."""
        pairs = [
            f"{name}={quote(str(value), safe='')}" for name, value in self.query.items() if value is not None
        ]
        return f"{self.path}?{'&'.join(pairs)}" if pairs else self.path

    def __str__(self) -> str:
        return mask_signature(f"{self.method} {self.target}")


def file_metadata(file_id: str) -> Request:
    """
    Request the metadata of a file in the media library: ``GET /v1/files/{fileId}/metadata``.

    :param file_id: ImageKit's id of the file; always sent as a single path segment.
    :raises ImageKitInputError: as :func:`parse_file_id` does.
    """
    path = f"/v1/files/{id_segment(file_id)}/metadata"
    return Request(path, {}, dict, subject=f"file_id {file_id:.200}")


def file_details(file_id: str) -> Request:
    """
    Request the details of a file, as in the listing: ``GET /v1/files/{fileId}/details``.

    :param file_id: ImageKit's id of the file.
    :raises ImageKitInputError: as :func:`file_metadata` does.
    """
    return Request(f"/v1/files/{id_segment(file_id)}/details", {}, dict)


def id_segment(value: str, name: str = "file_id") -> str:
    """
    Return an id as a percent-encoded path segment.

    :param value: the id.
    :param name: name of the argument, for the error.
    :raises ImageKitInputError: as :func:`parse_file_id` does.
    """
    return quote(parse_file_id(value, name), safe="")


def parse_file_id(value: object, name: str = "file_id") -> str:
    """
    Validate an id and strip the whitespace around it.

    :param value: the id.
    :param name: name of the argument, for the error.
    :raises ImageKitInputError: if it is not text, is blank, is ``None``, a path or a URL, or has control
        characters.
    """
    text = parse_text(value, name)
    if text in {".", "..", "None"} or "/" in text:
        kind = "URL" if "://" in text else "path" if "/" in text else "placeholder"
        raise ImageKitInputError(
            f"{name} is {mask_signature(text)[:200]!r}, a {kind} instead of an id.",
            help="Pass the fileId that the listing or the upload returned. Pass a URL as url; "
            "ImageKitHook.find_file(path) finds the id of a path.",
        )
    return text


def remote_url_metadata(url: str) -> Request:
    """
    Request the metadata of the file at a delivery URL: ``GET /v1/metadata?url=``.

    :param url: a URL below one of the account's URL endpoints, as a browser would open it; transformations,
        versions and signatures (``ik-s``, ``ik-t``) are sent to ImageKit unchanged.
    :raises ImageKitInputError: as :func:`parse_url` does.
    """
    address = parse_url(url, "url")
    return Request("/v1/metadata", {"url": address}, dict, subject=f"url {mask_signature(address)}")


def parse_url(value: object, name: str) -> str:
    """
    Validate a URL and strip the whitespace around it.

    :param value: the URL.
    :param name: name of the argument, for the error.
    :raises ImageKitInputError: if it is not an http or https URL.
    """
    text = parse_text(value, name)
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme.lower() not in {"http", "https"} or not host:
        raise ImageKitInputError(
            f"{name} is {mask_signature(text)[:200]!r}, which is not an http or https URL.",
            help="Pass the complete URL, such as https://ik.imagekit.io/your_imagekit_id/folder/file.jpg."
            + (_MISSING_ENDPOINT_HELP if text.startswith("/") else ""),
        )
    return text


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
    Request one page of the media library: ``GET /v1/files``.

    The arguments are ImageKit's query parameters; :meth:`ImageKitClient.list_files` yields all pages.
    """
    filters = {"search_query": search_query, "path": path, "type": type, "file_type": file_type, "sort": sort}
    given = {name: value for name, value in filters.items() if value is not None}
    for name, value in given.items():
        _check_encodable(value, name)
    names = {"search_query": "searchQuery", "file_type": "fileType"}
    query = {names.get(name, name): value for name, value in given.items()}
    return Request(
        "/v1/files",
        query | {"skip": skip, "limit": limit},
        list,
        max_bytes=64 * 1024 * 1024,
        max_values=1_000_000,
        subject=", ".join(f"{name} {value!r:.200}" for name, value in given.items()),
    )


def mask_signature(text: str) -> str:
    """Mask passwords and URL signatures in a text; anyone can open a private file with its signature."""
    if "@" in text or "%" in text:
        text = _PASSWORD.sub(r"\1***\2", text)
    if "%" not in text and "ik-s" not in text.lower():
        return text  # the fast path for nearly all URLs of a long listing
    text = _QUOTED_PASSWORD.sub(r"\1***\3", text)
    return _SIGNATURE.sub(r"\1***", text)


def parse_text(value: Any, name: str) -> str:
    """
    Validate a text and strip the whitespace around it.

    :param value: the text.
    :param name: name of the argument, for the error.
    :raises ImageKitInputError: if it is not text, is blank, or has control characters.
    """
    if not isinstance(value, str):
        raise ImageKitInputError(
            f"{name} is {type(value).__name__} instead of text.",
            help="If it comes from another task, check the value that the task returned.",
        )
    text = value.strip()
    if not text:
        raise ImageKitInputError(
            f"{name} is empty.", help="If it is a template, check the task's rendered fields."
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
            f"{name} contains an unpaired surrogate: {mask_signature(str(value))[:200]!a}.",
            help="Such text comes from bytes decoded with the wrong encoding; decode them as UTF-8.",
        ) from None
