"""The columns of a library's table: names, types and descriptions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

__all__ = [
    "COLUMNS",
    "LISTING_COLUMNS",
    "METADATA_COLUMNS",
    "TYPES",
    "Column",
    "Kind",
    "Origin",
    "Row",
    "row_key",
]

#: One row as plain JSON: times are ISO 8601 texts in UTC, JSON columns contain objects and lists.
Row = dict[str, Any]


class Kind(StrEnum):
    """Type of a column; the value is its name in the documentation."""

    TEXT = "text"
    INTEGER = "64-bit integer"
    NUMBER = "64-bit float"
    BOOLEAN = "boolean"
    TIME = "timestamp in UTC, milliseconds"
    JSON = "JSON"


class Origin(StrEnum):
    """Source of a column's values."""

    LISTING = "listing"
    METADATA = "metadata"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Column:
    """
    A column; all columns are nullable.

    :param name: its name.
    :param kind: its type.
    :param origin: source of its values.
    :param description: its description in the documentation.
    """

    name: str
    kind: Kind
    origin: Origin
    description: str


_TEXT, _INTEGER, _NUMBER = Kind.TEXT, Kind.INTEGER, Kind.NUMBER
_BOOLEAN, _TIME, _JSON = Kind.BOOLEAN, Kind.TIME, Kind.JSON
_LISTING, _METADATA, _RUN = Origin.LISTING, Origin.METADATA, Origin.RUN

COLUMNS: tuple[Column, ...] = (
    Column("file_id", _TEXT, _LISTING, "ImageKit's id of the file; null if it was named by URL"),
    Column("version_id", _TEXT, _LISTING, "id of the file's current version"),
    Column("name", _TEXT, _LISTING, "file name"),
    Column("path", _TEXT, _LISTING, "folder and name in the media library"),
    Column("url", _TEXT, _LISTING, "delivery URL; signatures are masked"),
    Column("file_type", _TEXT, _LISTING, "`image` or `non-image`"),
    Column("mime_type", _TEXT, _LISTING, "media type"),
    Column("created_at", _TIME, _LISTING, "when the file was first uploaded"),
    Column("updated_at", _TIME, _LISTING, "when the file was last changed"),
    Column("is_private", _BOOLEAN, _LISTING, "whether it needs a signed URL"),
    Column("is_published", _BOOLEAN, _LISTING, "whether it is delivered at all"),
    Column("tags", _JSON, _LISTING, "list of tags"),
    Column("custom_metadata", _JSON, _LISTING, "values of the account's custom metadata fields"),
    Column("width", _INTEGER, _METADATA, "pixels"),
    Column("height", _INTEGER, _METADATA, "pixels"),
    Column("size", _INTEGER, _METADATA, "bytes"),
    Column("format", _TEXT, _METADATA, "such as `jpg`, `png`, `mp4`"),
    Column("phash", _TEXT, _METADATA, "perceptual hash, 16 hexadecimal digits; null for videos"),
    Column("has_color_profile", _BOOLEAN, _METADATA, "whether an ICC profile is embedded"),
    Column("has_transparency", _BOOLEAN, _METADATA, "whether there is an alpha channel"),
    Column("density", _NUMBER, _METADATA, "dots per inch"),
    Column("orientation", _INTEGER, _METADATA, "EXIF orientation, 1 to 8"),
    Column("duration", _NUMBER, _METADATA, "seconds of a video"),
    Column("bit_rate", _INTEGER, _METADATA, "bits per second of a video"),
    Column("video_codec", _TEXT, _METADATA, "such as `h264`"),
    Column("audio_codec", _TEXT, _METADATA, "such as `aac`"),
    Column("camera_make", _TEXT, _METADATA, "EXIF Make"),
    Column("camera_model", _TEXT, _METADATA, "EXIF Model"),
    Column("lens_model", _TEXT, _METADATA, "EXIF LensModel"),
    Column("captured_at", _TIME, _METADATA, "when the picture was taken"),
    Column(
        "captured_at_source",
        _TEXT,
        _METADATA,
        "source of the time zone of `captured_at`: `offset` (the clock's own offset), `gps` (GPS time, which "
        "is UTC), `zone` (the operator's `timezone`), `zone_despite_gps` (the same, because the GPS time "
        "contradicts the clock)",
    ),
    Column("captured_local", _TEXT, _METADATA, "time of the camera's clock, ISO 8601 without a zone"),
    Column("has_gps", _BOOLEAN, _METADATA, "whether the file contains coordinates, even if `gps` drops them"),
    Column("latitude", _NUMBER, _METADATA, "degrees, north positive; see `gps`"),
    Column("longitude", _NUMBER, _METADATA, "degrees, east positive; see `gps`"),
    Column("altitude", _NUMBER, _METADATA, "metres above sea level; see `gps`"),
    Column(
        "exif", _JSON, _METADATA, "all of EXIF as ImageKit returns it, except what `gps` and `personal` drop"
    ),
    Column("other", _JSON, _METADATA, "metadata fields without a column"),
    Column("error", _TEXT, _RUN, "class of the error if the metadata could not be fetched; else null"),
    Column(
        "deleted_at", _TIME, _RUN, "time of the first run that did not find the file; null while it exists"
    ),
)

_PYTHON_TYPES: dict[Kind, type] = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.NUMBER: float,
    Kind.BOOLEAN: bool,
    Kind.TIME: datetime,
    Kind.JSON: str,
}
#: Python type of each column, for file formats with types.
TYPES = {column.name: _PYTHON_TYPES[column.kind] for column in COLUMNS}
LISTING_COLUMNS = tuple(column.name for column in COLUMNS if column.origin is _LISTING)
METADATA_COLUMNS = tuple(column.name for column in COLUMNS if column.origin is _METADATA)


def row_key(row: Row) -> str:
    """Return the key of a row, by which the table is sorted: the file id, else the unsigned URL."""
    return str(row.get("file_id") or _unsigned(row.get("url") or ""))


def _unsigned(url: str) -> str:
    """Return a URL without its signature and expiry time, which differ in every run."""
    if not _SIGNATURE.search(url):
        return url
    rest = re.sub("&+", "&", _SIGNATURE.sub(r"\1", url))
    return rest.replace("?&", "?", 1).rstrip("?&")


_SIGNATURE = re.compile("([?&])ik(?:-|%2d)[st]=[^&#]*", re.IGNORECASE)
