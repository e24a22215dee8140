"""
ImageKit's endpoints that read, as requests, without I/O.

Those that write are in :mod:`airflow_provider_imagekit.client.changes`.
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

#: Maximum files that one answer of the list endpoint holds.
MAX_PAGE = 1000

#: What the arguments ``type``, ``file_type`` and ``sort`` of a listing may be.
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

#: Top-level names that ImageKit's API reference documents for its metadata object; each can be absent.
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

#: The parts of ``exif`` in the metadata object.
EXIF_SECTIONS = ("image", "thumbnail", "exif", "gps", "interoperability", "makernote")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_NO_ENDPOINT = (
    f" If a template takes its beginning from there, set {field_label('url_endpoint')} in the Airflow "
    "Connection's extra."
)


def _spelled(text: str) -> str:
    """Return a pattern for a text of which any character can be percent-encoded, once or more often."""
    return "".join(
        f"(?:{re.escape(each)}|%(?:25)*(?:{ord(each.lower()):02x}|{ord(each.upper()):02x}))" for each in text
    )


# Of a URL; without a colon it is the id of an Airflow Connection, as in s3://aws_default@bucket.
_PASSWORD = re.compile(r"(?i)(://)[^/?#\s@:]*:[^/?#\s]*(@|%(?:25)*40)")
# The same percent-encoded, once or several times, as it stands in the query of another URL.
_QUOTED_PASSWORD = re.compile(
    r"(?i)(%(?P<again>(?:25)*)3A(?:/|%(?P=again)2F){2})(?:(?!%(?P=again)(?:2F|3A|3F|23|40))[^/?#&\s@])*"
    r"%(?P=again)3A(?:(?!%(?P=again)(?:2F|3F|23))[^/?#&\s])*(@|%(?P=again)40)"
)
_SIGNATURE = re.compile(
    f"(?i)({_spelled('ik-s')}(?:{_spelled('=')}|['\"]?\\s*:\\s*['\"]?))(?:[0-9a-z]|%(?:25)*[3-7][0-9a-f](?<!3d))+"
)


@dataclass(frozen=True, slots=True)
class Form:
    """
    The multipart body of an upload.

    :param fields: names and values.
    :param file: the file's content, or a URL that ImageKit fetches.
    :param name: the file's name.
    """

    fields: Mapping[str, str]
    file: bytes | str
    name: str


@dataclass(frozen=True, slots=True)
class Request:
    """
    One request of the API.

    :param path: the path, percent-encoded.
    :param query: names and values, not encoded; a value of ``None`` is left out.
    :param expects: the JSON type of a good answer, ``dict`` or ``list``.
    :param max_bytes: maximum size of the answer, decompressed.
    :param max_values: maximum number of values in the answer, which bounds the memory that it takes.
    :param method: HTTP method; every other than ``GET`` writes.
    :param body: what is sent, as JSON or as a form; ``None`` for nothing.
    :param repeatable: whether to send it again although ImageKit may have done it already.
    :param subject: what errors name, such as ``file_id 5f0…``; nothing if blank.
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
        """Whether it changes something."""
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
    Ask for the metadata of a file of the media library: ``GET /v1/files/{fileId}/metadata``.

    :param file_id: ImageKit's id of the file; sent as one path segment, whatever it holds.
    :raises ImageKitInputError: as :func:`parse_file_id` does.
    """
    path = f"/v1/files/{id_segment(file_id)}/metadata"
    return Request(path, {}, dict, subject=f"file_id {file_id:.200}")


def file_details(file_id: str) -> Request:
    """
    Ask for the details of a file, as the listing has them: ``GET /v1/files/{fileId}/details``.

    :param file_id: ImageKit's id of the file.
    :raises ImageKitInputError: as :func:`file_metadata` does.
    """
    return Request(f"/v1/files/{id_segment(file_id)}/details", {}, dict)


def id_segment(value: str, name: str = "file_id") -> str:
    """
    Return an id as one segment of a path, percent-encoded.

    :param value: the id.
    :param name: name of the argument, for the error.
    :raises ImageKitInputError: as :func:`parse_file_id` does.
    """
    return quote(parse_file_id(value, name), safe="")


def parse_file_id(value: object, name: str = "file_id") -> str:
    """
    Return an id without the blanks around it.

    :param value: the id.
    :param name: name of the argument, for the error.
    :raises ImageKitInputError: if it is not a text, blank, ``None``, a path or a URL, or has control
        characters.
    """
    text = parse_text(value, name)
    if text in {".", "..", "None"} or "/" in text:
        kind = "URL" if "://" in text else "path" if "/" in text else "text that names no file"
        raise ImageKitInputError(
            f"{name} is {mask_signature(text)[:200]!r}, a {kind} instead of an id.",
            help="Pass fileId as the listing or the upload of the file returned it; a URL is passed as url, "
            "and ImageKitHook.find_file(path) finds the id of a path.",
        )
    return text


def remote_url_metadata(url: str) -> Request:
    """
    Ask for the metadata behind a delivery URL: ``GET /v1/metadata?url=``.

    :param url: an address below one of the account's URL endpoints, as a browser would open it;
        transformations, versions and signatures (``ik-s``, ``ik-t``) reach ImageKit unchanged.
    :raises ImageKitInputError: as :func:`parse_url` does.
    """
    address = parse_url(url, "url")
    return Request("/v1/metadata", {"url": address}, dict, subject=f"url {mask_signature(address)}")


def parse_url(value: object, name: str) -> str:
    """
    Return a URL without the blanks around it.

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
            help="Pass the whole address, such as https://ik.imagekit.io/your_imagekit_id/folder/file.jpg."
            + (_NO_ENDPOINT if text.startswith("/") else ""),
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
    Ask for one page of the media library: ``GET /v1/files``.

    The arguments are ImageKit's own; see :meth:`ImageKitClient.list_files` for all pages.
    """
    asked = {"search_query": search_query, "path": path, "type": type, "file_type": file_type, "sort": sort}
    given = {name: value for name, value in asked.items() if value is not None}
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
    """Hide the signatures of URLs in a text, with which anyone can open a private file, and passwords."""
    if "@" in text or "%" in text:
        text = _PASSWORD.sub(r"\1***\2", text)
    if "%" not in text and "ik-s" not in text.lower():
        return text  # as nearly all are, in the thousands of a listing
    text = _QUOTED_PASSWORD.sub(r"\1***\3", text)
    return _SIGNATURE.sub(r"\1***", text)


def parse_text(value: Any, name: str) -> str:
    """
    Return a text without the blanks around it.

    :param value: the text.
    :param name: name of the argument, for the error.
    :raises ImageKitInputError: if it is not text, blank, or has control characters.
    """
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
