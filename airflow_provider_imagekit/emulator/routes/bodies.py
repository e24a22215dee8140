"""Reads and validates JSON request bodies of limited size."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.errors import ApiError, bad_file_id

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["file_ids_of", "json_object", "text_of"]

_MAX_BODY_BYTES = 1_000_000
_FILE_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)


async def json_object(request: Request) -> dict[str, Any]:
    """
    Read the body of a request.

    :raises ApiError: 400 if it is not a JSON object or is too large.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise ApiError(400, "Your request body is too large.", headers={"connection": "close"})
    try:
        parsed = json.loads(bytes(body) or b"{}")
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise ApiError(400, "Your request body is not a valid JSON object.")
    return parsed


def file_ids_of(body: dict[str, Any], maximum: int) -> list[str]:
    """
    Return the field ``fileIds`` without duplicates.

    :param body: body of the request.
    :param maximum: maximum number of ids.
    :raises ApiError: 400 if it is missing, empty, too long or contains a malformed id.
    """
    ids = body.get("fileIds")
    if not isinstance(ids, list) or not ids:
        raise ApiError(400, "Your request is missing the fileIds parameter.")
    if len(ids) > maximum:
        raise ApiError(400, f"Your request contains {len(ids)} fileIds; {maximum} are allowed.")
    if not all(isinstance(file_id, str) and _FILE_ID.fullmatch(file_id) for file_id in ids):
        raise bad_file_id()
    return list(dict.fromkeys(ids))


def text_of(body: dict[str, Any], name: str) -> str:
    """
    Return a string field.

    :param body: body of the request.
    :param name: name of the field.
    :raises ApiError: 400 if it is missing, empty or not a string.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ApiError(400, f"Your request is missing the {name} parameter.")
    return value
