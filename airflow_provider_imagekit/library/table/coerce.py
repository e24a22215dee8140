"""Converts JSON values of unknown types to typed values, or to ``None``; never raises an error."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

__all__ = ["as_boolean", "as_dict", "as_integer", "as_number", "as_text", "as_time", "iso"]

_INT64 = 1 << 63
_OUR_TIME = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{3}Z", re.ASCII)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def as_text(value: Any) -> str | None:
    """
    Return a text up to its first NUL, without leading and trailing whitespace; ``None`` if nothing is left.

    NUL ends a text in EXIF. Other control characters and unpaired surrogates become spaces.
    """
    if not isinstance(value, str):
        return None
    if not value.isprintable():
        value = _UNPRINTABLE.sub(" ", value.partition("\x00")[0])
    return value.strip() or None


def as_number(value: Any) -> float | None:
    """Return a finite number, which may be given as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_integer(value: Any) -> int | None:
    """Return a 64-bit integer; fractions are rounded."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -_INT64 <= value < _INT64 else None
    number = as_number(value)
    if number is None or not -_INT64 <= number < _INT64:
        return None
    return round(number)


def as_boolean(value: Any) -> bool | None:
    """Return a boolean unchanged, and ``None`` for anything else."""
    return value if isinstance(value, bool) else None


def as_dict(value: Any) -> dict[str, Any]:
    """Return an object unchanged, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_time(value: Any) -> str | None:
    """Return an ISO 8601 time with a zone, as ImageKit writes it, in the table's format."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        if _OUR_TIME.fullmatch(value):
            return value
        return iso(moment) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def iso(moment: datetime) -> str:
    """Return a time in the table's format, such as ``2008-07-31T10:38:11.500Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
