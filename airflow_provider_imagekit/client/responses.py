"""
ImageKit's answers as values or errors, without I/O.

The functions take and give plain values, so they are tested without a server and serve any HTTP library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client.json_safe import load_json
from airflow_provider_imagekit.client.redaction import LONGEST_TEXT, Redactor
from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitNotFoundError,
    ImageKitOversizeError,
    ImageKitRateLimitError,
    ImageKitResponseError,
    ImageKitServerError,
    ImageKitStatusError,
)
from airflow_provider_imagekit.provider_info import KEY_PLACE, STANDARD_FIELDS

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.endpoints import Request

__all__ = ["decode"]


def decode(
    request: Request,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    redactor: Redactor,
    *,
    server: str = "The server",
) -> Any:
    """
    Turn an answer into its value.

    :param request: what was asked.
    :param status: HTTP status.
    :param headers: response headers; looked up in lower case, so pass a case-insensitive mapping.
    :param body: the whole body, decompressed.
    :param redactor: removes the account's secrets, which a server or a proxy can repeat.
    :param server: its address, for errors.
    :return: the JSON value, safe for XCom.
    :raises ImageKitStatusError: as one of its subclasses, for every status that is not 2xx.
    :raises ImageKitResponseError: for a 2xx whose body is not JSON of the expected type.
    :raises ImageKitOversizeError: for a 2xx that holds more values than the request allows.
    """
    answer = _Answer(status, headers, body, redactor)
    if not 200 <= status < 300:
        raise answer.status_error(server)
    if (values := _count_values(body)) > request.max_values:
        raise ImageKitOversizeError(
            f"The answer holds about {values} values; at most {request.max_values} are accepted.",
            status=status,
            request_id=answer.request_id,
        )
    try:
        value = load_json(body)
    except ValueError:
        raise ImageKitResponseError(
            f"The answer is not JSON: {answer.excerpt()}",
            help="If this goes on, look for a proxy that answers in ImageKit's place.",
            status=status,
            request_id=answer.request_id,
        ) from None
    objects = value if isinstance(value, list) else [value]
    if not isinstance(value, request.expects) or not {*map(type, objects)} <= {dict}:
        expected = "a list of objects" if request.expects is list else "an object"
        raise ImageKitResponseError(
            f"The answer is JSON, but not {expected}: {answer.excerpt()}",
            status=status,
            request_id=answer.request_id,
        )
    return redactor.value(value, body)


def _count_values(body: bytes) -> int:
    """Return a number of JSON values that is not exceeded, without building them."""
    return sum(map(body.count, (b",", b"[", b"{")))


# A larger one is not an error of ImageKit's; its beginning is shown.
_MAX_ERROR_BYTES = 1024 * 1024

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
    401: f"Put the account's key into {STANDARD_FIELDS['password']} of the Airflow Connection. {KEY_PLACE}.",
    403: (
        f"Check {STANDARD_FIELDS['password']} of the Airflow Connection: it must be a private key of this "
        f"account, whole (keys often end in '='), not expired, and allowed to read media assets. {KEY_PLACE}."
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


_FOREIGN_HELP = (
    f"Check {STANDARD_FIELDS['host']} of the Airflow Connection: ImageKit's API is at api.imagekit.io."
)


class _Answer:
    """What an answer says, in texts that are safe for errors."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, redactor: Redactor) -> None:
        self._status = status
        self._headers = headers
        self._body = body
        self._clean = redactor.text
        self.request_id = self._optional(headers.get("x-ik-requestid"), 100)

    def status_error(self, server: str) -> ImageKitStatusError:
        """Return the error that the answer is."""
        fields = self._error_fields()
        message = self._clean(fields.get("message") or self._default_message()) + self._faults(fields)
        known_help = _NOT_YOURS_HELP if _NOT_YOURS in message.lower() else _HELP.get(self._status)
        details: dict[str, Any] = {
            "status": self._status,
            "help": known_help or self._optional(fields.get("help")),
            "reason": self._optional(fields.get("reason") or fields.get("type"), 100),
            "request_id": self.request_id,
        }
        if self._status == 429:
            return ImageKitRateLimitError(
                message,
                reset_ms=_reset_ms(self._headers),
                requests_per_second=_requests_per_second(self._headers),
                **details,
            )
        if self._status >= 500:
            return ImageKitServerError(message, **details)
        if self._status == 404 and not fields.get("message"):
            # ImageKit says in JSON what it does not have: this server does not know the endpoint at all.
            details["help"] = _FOREIGN_HELP
            return ImageKitStatusError(f"{server} answers, but not as ImageKit does: {message}", **details)
        if missing := self._missing(fields):
            details["missing"] = missing
        return _BY_STATUS.get(self._status, ImageKitStatusError)(message, **details)

    def _faults(self, fields: dict[str, Any]) -> str:
        """Return which fields of a request were at fault, as a 400 names them."""
        found = fields.get("errors") if self._status == 400 else None
        named = list(found.items())[:10] if isinstance(found, dict) else []
        return f" ({self._clean('; '.join(f'{name}: {why}' for name, why in named))})" if named else ""

    def _missing(self, fields: dict[str, Any]) -> list[str]:
        """Return the ids that a 404 to a request for several files names."""
        found = fields.get("missingFileIds") if self._status == 404 else None
        return [self._clean(each, 100) for each in found[:1000]] if isinstance(found, list) else []

    def excerpt(self) -> str:
        """Return the beginning of the body."""
        return self._clean(self._body[:2000].decode("utf-8", "replace"), 200) or "an empty body"

    def _error_fields(self) -> dict[str, Any]:
        if len(self._body) > _MAX_ERROR_BYTES:
            return {}
        try:
            fields = load_json(self._body)
        except ValueError:
            return {}
        return fields if isinstance(fields, dict) else {}

    def _default_message(self) -> str:
        if 300 <= self._status < 400:
            return (
                f"The server redirects to {self._clean(self._headers.get('location', 'nowhere'), 200)}; this "
                "is not followed, since the private key must not reach another server."
            )
        return self.excerpt()

    def _optional(self, value: Any, longest: int = LONGEST_TEXT) -> str | None:
        return self._clean(value, longest) if value else None


def _requests_per_second(headers: Mapping[str, str]) -> float | None:
    """Return the limit that was exceeded: ``X-RateLimit-Limit`` requests in ``X-RateLimit-Interval`` ms."""
    texts = (headers.get(f"x-ratelimit-{name}", "").strip() for name in ("limit", "interval"))
    limit, interval = (int(text) if re.fullmatch("[0-9]{1,15}", text, re.ASCII) else 0 for text in texts)
    return 1000 * limit / interval if limit and interval else None


def _reset_ms(headers: Mapping[str, str]) -> int | None:
    """Return the wait in milliseconds: ``X-RateLimit-Reset`` is in ms, ``Retry-After`` in seconds."""
    for name, factor in (("x-ratelimit-reset", 1), ("retry-after", 1000)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,15}(\.[0-9]+)?", value, re.ASCII):
            return round(float(value) * factor)
    return None
