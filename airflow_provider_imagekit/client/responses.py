"""
ImageKit's answers as values or errors, without I/O.

The functions take and give plain values, so they are tested without a server and serve any HTTP library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_imagekit.client.endpoints import Request, mask_signature
from airflow_provider_imagekit.client.json_safe import load_json
from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitNotFoundError,
    ImageKitRateLimitError,
    ImageKitResponseError,
    ImageKitServerError,
    ImageKitStatusError,
)

__all__ = ["decode"]


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


_FOREIGN_HELP = "Check the host of the Airflow Connection: ImageKit's API is at api.imagekit.io."


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
    if status == 404 and not fields.get("message"):
        # ImageKit says in JSON what it does not have; this server does not know the endpoint at all.
        details["help"] = _FOREIGN_HELP
        return ImageKitStatusError(f"This 404 is not ImageKit's: {message}", **details)
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
