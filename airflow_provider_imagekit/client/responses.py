"""
Converts ImageKit's responses into values or errors; does no I/O.

The functions accept and return plain values, so they work with any HTTP library and need no server in tests.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client.settings import LONGEST_TEXT, Redactor
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

__all__ = ["decode", "json_safe", "load_json"]

# PostgreSQL's JSONB rejects NUL and unpaired surrogates; camera firmware writes both.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# EXIF tags of type UNDEFINED, in which NUL is data: a character code before a text, or bytes.
_UNDEFINED = frozenset(
    {
        "CFAPattern",
        "CFAPattern2",
        "ComponentsConfiguration",
        "DeviceSettingDescription",
        "ExifVersion",
        "FileSource",
        "FlashpixVersion",
        "GPSAreaInformation",
        "GPSProcessingMethod",
        "InteropVersion",
        "MakerNote",
        "Opto-ElectricConvFactor",
        "PrintIM",
        "SceneType",
        "SpatialFrequencyResponse",
        "UserComment",
    }
)

# Copying and serializing recurse several calls per level; ImageKit's responses have five levels.
_MAX_DEPTH = 50

# Airflow's serializers reserve these keys and reject dictionaries that contain them.
_RESERVED_KEYS = frozenset({"__classname__", "__version__", "__data__", "__type", "__var", "__source__"})


# Cache of keys that are known to be safe, because responses repeat the same keys.
_safe_keys: set[str] = set()
_MAX_SAFE_KEYS = 200
_NESTED = frozenset({dict, list, float})


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
    Decode a response, or raise its error.

    :param request: the request.
    :param status: HTTP status.
    :param headers: response headers; looked up in lower case, so pass a case-insensitive mapping.
    :param body: the complete body, decompressed.
    :param redactor: masks the account's secrets, which a server or proxy may repeat.
    :param server: address of the server, for errors.
    :return: the JSON value, safe for XCom.
    :raises ImageKitStatusError: one of its subclasses, for every status other than 2xx.
    :raises ImageKitResponseError: for a 2xx whose body is not JSON of the expected type.
    :raises ImageKitOversizeError: for a 2xx with more values than the request allows.
    """
    response = _Response(status, headers, body, redactor)
    if not 200 <= status < 300:
        raise response.status_error(server)
    if (values := _count_values(body)) > request.max_values:
        raise ImageKitOversizeError(
            f"The response has about {values} values; the limit is {request.max_values}.",
            status=status,
            request_id=response.request_id,
        )
    try:
        value = load_json(body)
    except ValueError:
        raise ImageKitResponseError(
            f"The response is not JSON: {response.excerpt()}",
            help="If this persists, check for a proxy that responds in ImageKit's place.",
            status=status,
            request_id=response.request_id,
        ) from None
    objects = value if isinstance(value, list) else [value]
    if not isinstance(value, request.expects) or not {*map(type, objects)} <= {dict}:
        expected = "a list of objects" if request.expects is list else "an object"
        raise ImageKitResponseError(
            f"The response is JSON but not {expected}: {response.excerpt()}",
            status=status,
            request_id=response.request_id,
        )
    return redactor.value(value, body)


def _count_values(body: bytes) -> int:
    """Return an upper bound of the number of JSON values without decoding them."""
    return sum(map(body.count, (b",", b"[", b"{")))


# A larger error body does not come from ImageKit; only its beginning is shown.
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
        "account that is complete (keys often end in '='), has not expired, and may read media assets. "
        f"{KEY_PLACE}."
    ),
    404: "Check the id or URL. A file that was just uploaded can take a moment to appear.",
    429: "Lower requests_per_second in the Airflow Connection, or run fewer tasks at once (Airflow pool).",
}

# ImageKit's message starts with the URL, so only its end is compared.
_OTHER_ACCOUNT = "should be accessible using your imagekit.io account"
_OTHER_ACCOUNT_HELP = (
    "The URL must be below a URL endpoint of the key's own account, for a file in its media library or in an "
    "attached origin. A private file requires a signed URL; or pass its file_id instead."
)


_NOT_IMAGEKIT_HELP = (
    f"Check {STANDARD_FIELDS['host']} of the Airflow Connection: ImageKit's API is at api.imagekit.io."
)


class _Response:
    """A response as an error with texts that are safe to show."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, redactor: Redactor) -> None:
        self._status = status
        self._headers = headers
        self._body = body
        self._clean = redactor.text
        self.request_id = self._optional(headers.get("x-ik-requestid"), 100)

    def status_error(self, server: str) -> ImageKitStatusError:
        """Return the error of a response whose status is not 2xx."""
        fields = self._error_fields()
        message = self._clean(fields.get("message") or self._default_message()) + self._field_errors(fields)
        known_help = _OTHER_ACCOUNT_HELP if _OTHER_ACCOUNT in message.lower() else _HELP.get(self._status)
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
            # ImageKit's 404 has a JSON message. This server does not know the endpoint at all.
            details["help"] = _NOT_IMAGEKIT_HELP
            return ImageKitStatusError(f"{server} does not respond like ImageKit's API: {message}", **details)
        if missing := self._missing(fields):
            details["missing"] = missing
        return _BY_STATUS.get(self._status, ImageKitStatusError)(message, **details)

    def _field_errors(self, fields: dict[str, Any]) -> str:
        """Return the errors of a 400 by request field."""
        found = fields.get("errors") if self._status == 400 else None
        named = list(found.items())[:10] if isinstance(found, dict) else []
        return f" ({self._clean('; '.join(f'{name}: {why}' for name, why in named))})" if named else ""

    def _missing(self, fields: dict[str, Any]) -> list[str]:
        """Return the missing ids that a 404 lists for a request with several files."""
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
                f"The server redirects to {self._clean(self._headers.get('location', 'nowhere'), 200)}. "
                "Redirects are not followed, because the private key must not reach another server."
            )
        return self.excerpt()

    def _optional(self, value: Any, max_length: int = LONGEST_TEXT) -> str | None:
        return self._clean(value, max_length) if value else None


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


def load_json(body: bytes) -> Any:
    """
    Parse a JSON body into plain values that every XCom backend can store.

    In ``exif``, a text ends at its first NUL, as EXIF specifies; elsewhere NULs are removed.

    :param body: UTF-8 text; NaN and the infinities, which JSON does not allow, become ``None``.
    :raises ValueError: if the body is not JSON, or is nested more than 50 levels deep.
    """
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, parse_constant=lambda _: None)
        # JSON can represent NUL and unpaired surrogates only as escapes.
        is_safe = _is_safe(value) and "\\u" not in text
        if b"\\u0000" in body and isinstance(value, dict) and "exif" in value:
            value["exif"] = _ended_at_nul(value["exif"])
        return value if is_safe else json_safe(value)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def json_safe(value: Any) -> Any:
    """
    Return a copy of a value of JSON types that PostgreSQL's JSONB and Airflow's serializers accept.

    NUL characters and unpaired surrogates are removed from strings. NaN and the infinities become ``None``.
    Whitespace around keys is stripped, as are the underscores around keys that Airflow reserves. Everything
    else is unchanged.

    :param value: ``dict``, ``list``, ``tuple``, ``str``, ``int``, ``float``, ``bool`` or ``None``.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_safe_key(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    return value


def _is_safe(value: Any, left: int = _MAX_DEPTH) -> bool:
    """Return whether :func:`json_safe` would leave keys and numbers unchanged; texts are not checked."""
    if type(value) is float:
        return math.isfinite(value)
    if not isinstance(value, dict | list):
        return True
    if not left:
        raise ValueError("nested too deeply")
    safe, items = True, value
    if isinstance(value, dict):
        safe, items = value.keys() <= _safe_keys or _are_safe(value), list(value.values())
    for item in items:
        if type(item) in _NESTED and (item or left == 1) and not _is_safe(item, left - 1):
            safe = False  # continue, to check the depth
    return safe


def _are_safe(keys: Iterable[str]) -> bool:
    safe = {key for key in keys if _safe_key(key) == key}
    if len(_safe_keys) < _MAX_SAFE_KEYS:
        _safe_keys.update(key for key in safe if len(key) <= _MAX_SAFE_KEYS)
    return safe >= set(keys)


def _ended_at_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.partition("\x00")[0]
    if isinstance(value, dict):
        return {key: item if key in _UNDEFINED else _ended_at_nul(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_ended_at_nul(item) for item in value]
    return value


def _safe_key(key: Any) -> str:
    text = _UNSTORABLE.sub("", str(key)).strip()
    return text.strip("_") if text in _RESERVED_KEYS else text
