"""Make what ImageKit answers safe for every place where Airflow keeps an XCom."""

from __future__ import annotations

import json
import math
import re
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


def load_json(body: bytes) -> Any:
    """
    Parse a JSON body into plain values that every XCom backend stores.

    In ``exif`` a text ends at its first NUL, as EXIF's do; elsewhere NULs are left out.

    :param body: UTF-8 text; NaN and the infinities, which are no JSON, become ``None``.
    :raises ValueError: if the body is not JSON, or is nested deeper than 50 levels.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=lambda _: None)
        _check_depth(value)
        if b"\\u0000" in body and isinstance(value, dict) and "exif" in value:
            value["exif"] = _ended_at_nul(value["exif"])
        return json_safe(value)
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


def _check_depth(value: Any, left: int = _MAX_DEPTH) -> None:
    if not isinstance(value, dict | list):
        return
    if not left:
        raise ValueError("nested too deeply")
    for item in value.values() if isinstance(value, dict) else value:
        _check_depth(item, left - 1)


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
