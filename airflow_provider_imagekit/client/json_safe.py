"""Make what ImageKit answers safe for every place where Airflow keeps an XCom."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

__all__ = ["json_safe", "load_json"]

# PostgreSQL's JSONB takes neither NUL nor a surrogate without its pair, and camera firmware writes both.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# EXIF's tags of the type UNDEFINED, whose NULs belong to them: a character code before a text, or bytes.
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

# Copying and serializing take several calls a level; an answer of ImageKit has five.
_MAX_DEPTH = 50

# Airflow's serializers use these keys for themselves and refuse a dictionary that brings them along.
_RESERVED_KEYS = frozenset({"__classname__", "__version__", "__data__", "__type", "__var", "__source__"})


# Keys that were found to be safe; answers have the same ones again and again.
_safe_keys: set[str] = set()
_MOST_KEYS = 200
_NESTED = frozenset({dict, list, float})


def load_json(body: bytes) -> Any:
    """
    Parse a JSON body into plain values that every XCom backend stores.

    In ``exif`` a text ends at its first NUL, as EXIF's do; elsewhere NULs are left out.

    :param body: UTF-8 text; NaN and the infinities, which JSON does not have, become ``None``.
    :raises ValueError: if the body is not JSON, or is nested deeper than 50 levels.
    """
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, parse_constant=lambda _: None)
        # JSON writes NUL and half a character as escapes only.
        is_safe = _is_safe(value) and "\\u" not in text
        if b"\\u0000" in body and isinstance(value, dict) and "exif" in value:
            value["exif"] = _ended_at_nul(value["exif"])
        return value if is_safe else json_safe(value)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def json_safe(value: Any) -> Any:
    """
    Return a copy of a value of JSON types without what PostgreSQL's JSONB or Airflow's serializers refuse.

    NUL characters and lone surrogates leave strings, NaN and the infinities become ``None``; blanks around
    keys are cut, and the underscores around keys that Airflow reserves for itself. Everything else stays.

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
    """Return whether keys and numbers are such that :func:`json_safe` leaves them; texts may hold any."""
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
            safe = False  # and go on, for the depth
    return safe


def _are_safe(keys: Iterable[str]) -> bool:
    safe = {key for key in keys if _safe_key(key) == key}
    if len(_safe_keys) < _MOST_KEYS:
        _safe_keys.update(key for key in safe if len(key) <= _MOST_KEYS)
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
