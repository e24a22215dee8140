"""Regular expressions for stored rows that may stay unchanged: a match avoids decoding the row."""

from __future__ import annotations

from typing import Final

from airflow_provider_imagekit.library.table.privacy import (
    HARMLESS,
    PERSONAL,
    PLACE,
    GpsPolicy,
    PersonalPolicy,
    Privacy,
)
from airflow_provider_imagekit.library.table.schema import COLUMNS, LISTING_COLUMNS, Kind

__all__ = ["line_pattern", "patterns_of"]

_TEXT: Final = r'"(?:[^"\\\x00-\x1f]|\\["\\bfnrt])*"'
_INTEGER: Final = "-?(?:0|[1-9][0-9]{0,17})"
_NUMBER: Final = rf"{_INTEGER}(?:\.[0-9]+)?(?:e-?[0-9]{{1,2}})?"
_TENTHS: Final = r"-?(?:0|[1-9][0-9]{0,2})(?:\.[0-9])?"
_DAY: Final = (
    "(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_TIME: Final = rf'"[1-9][0-9]{{3}}-{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{{3}}Z"'
_PATTERNS: Final = {
    Kind.TEXT: _TEXT,
    Kind.INTEGER: _INTEGER,
    Kind.NUMBER: _NUMBER,
    Kind.BOOLEAN: "true|false",
    Kind.TIME: _TIME,
}
_SCALAR: Final = f"(?:{_TEXT}|{_NUMBER}|null|true|false)"
_ANY_NAME: Final = r'[^"\\\x00-\x1f]*'
# ImageKit's EXIF sections other than GPS.
_SECTIONS: Final = "image|thumbnail|exif|interoperability|makernote"
_COLUMNS: Final = COLUMNS[len(LISTING_COLUMNS) :]


def patterns_of(privacy: Privacy) -> dict[str, str | None]:
    """
    Return a pattern of the JSON value of each column after the listing columns; ``null`` always matches too.

    A value that matches is written as this package writes it, and the privacy settings allow it. A value that
    does not match may still be valid. The pattern is ``None`` where the value must be ``null``: for errors,
    for times of deletion, and for what the privacy settings drop.

    :param privacy: which personal data the table may contain.
    """
    keeps_gps, keeps_names = privacy.gps is GpsPolicy.KEEP, privacy.personal is PersonalPolicy.KEEP
    fields = _object("|".join(sorted(HARMLESS | PERSONAL if keeps_names else HARMLESS)))
    section = f'"(?:{_SECTIONS})":{fields}'
    found: dict[str, str | None] = {column.name: _PATTERNS.get(column.kind) for column in _COLUMNS}
    found |= {"error": None, "deleted_at": None, "other": _object("mimeType", minimum=1)}
    if keeps_gps and keeps_names:
        section, found["other"] = f'"{_ANY_NAME}":{_object(_ANY_NAME)}', _object(_ANY_NAME)
    elif keeps_gps:
        section = f'(?:{section}|"gps":{_object("|".join(sorted(PLACE)))})'
    else:
        degrees = _TENTHS if privacy.gps is GpsPolicy.COARSE else None
        found |= {"latitude": degrees, "longitude": degrees, "altitude": None}
    return found | {"exif": rf"\{{{section}(?:,{section})*\}}"}


def line_pattern(patterns: dict[str, str | None]) -> str:
    """Return a pattern of the part of a line of JSON Lines after the listing columns."""
    values = (f"(?:null|{pattern})" if pattern else "null" for pattern in patterns.values())
    cells = (f',"{name}":{value}' for name, value in zip(patterns, values, strict=True))
    return rf"^{''.join(cells)}\}}\n?$"


def _object(names: str, *, minimum: int = 0) -> str:
    value = rf"(?:{_SCALAR}|\[(?:{_SCALAR}(?:,{_SCALAR})*)?\])"
    field = f'"(?:{names})":{value}'
    fields = f"{field}(?:,{field})*"
    return rf"\{{{fields if minimum else f'(?:{fields})?'}\}}"
