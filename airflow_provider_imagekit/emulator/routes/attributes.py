"""Validates the tags, coordinates and custom metadata of uploads and updates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["COORDINATES", "coordinates_of", "custom_metadata_of", "tags_of"]

_MAX_TAG_CHARACTERS = 500
#: Form of custom coordinates: x, y, width, height.
COORDINATES = r"[0-9]{1,6},[0-9]{1,6},[1-9][0-9]{0,5},[1-9][0-9]{0,5}"


def tags_of(value: Any) -> tuple[str, ...] | None:
    """
    Validate tags.

    :param value: list of strings; ``None`` or an empty list for no tags.
    :raises ApiError: 400 for any other value, for more than 500 characters, or for the character ``%``.
    """
    if value is None or value == []:
        return None
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise ApiError(400, "Your request contains invalid value for tags parameter.")
    if sum(map(len, value)) > _MAX_TAG_CHARACTERS:
        raise ApiError(
            400,
            "Your request contains invalid value for tags parameter. Combined length of all tags should be "
            f"less than or equal to {_MAX_TAG_CHARACTERS}.",
        )
    if any("%" in tag for tag in value):
        raise ApiError(
            400, "Your request contains invalid value for tags parameter. % is not allowed in tags."
        )
    return tuple(dict.fromkeys(value))


def coordinates_of(value: Any) -> str | None:
    """
    Validate custom coordinates, ``x,y,width,height``.

    :param value: string of the coordinates; ``None`` or an empty string for none.
    :raises ApiError: 400 for any other value.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not re.fullmatch(COORDINATES, value):
        raise ApiError(400, "Your request contains invalid value for customCoordinates parameter.")
    return value


def custom_metadata_of(value: Any, fields: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """
    Validate custom metadata.

    Unlike the real service, an account without custom metadata fields accepts every name.

    :param value: names mapped to strings, numbers, booleans, ``None``, or lists of these.
    :param fields: the account's custom metadata fields.
    :raises ApiError: 400 for any other value, an unknown field, or a read-only field.
    """
    if not isinstance(value, dict):
        raise ApiError(400, "Invalid custom metadata.", errors={})
    read_only = {field["name"]: field["schema"].get("readOnly", False) for field in fields}
    errors = {name: "invalid value" for name, item in value.items() if not _is_simple(item)}
    if read_only:
        errors |= {name: "no such custom metadata field" for name in value if name not in read_only}
        errors |= {name: "the field is read-only" for name in value if read_only.get(name)}
    if errors:
        raise ApiError(400, "Invalid custom metadata.", errors=errors)
    return value


def _is_simple(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(item is None or isinstance(item, str | bool | int | float) for item in items)
