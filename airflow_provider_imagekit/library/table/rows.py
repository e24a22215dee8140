"""Converts ImageKit's objects to typed rows. Invalid content never raises an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client.endpoints import mask_signature
from airflow_provider_imagekit.exceptions import InvalidPHashError
from airflow_provider_imagekit.library.table.capture import captured, place
from airflow_provider_imagekit.library.table.coerce import (
    as_boolean,
    as_dict,
    as_integer,
    as_number,
    as_text,
    as_time,
)
from airflow_provider_imagekit.library.table.patterns import patterns_of
from airflow_provider_imagekit.phash import PHash

if TYPE_CHECKING:
    from airflow_provider_imagekit.library.table.privacy import Privacy
    from airflow_provider_imagekit.library.table.schema import Row

__all__ = ["LISTED_FIELDS", "ChangedBy", "RowBuilder", "listing_row", "version_of"]

#: Columns with one field of the metadata each: the field, and the function that converts it.
_PLAIN_COLUMNS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "width": ("width", as_integer),
    "height": ("height", as_integer),
    "size": ("size", as_integer),
    "format": ("format", as_text),
    "has_color_profile": ("hasColorProfile", as_boolean),
    "has_transparency": ("hasTransparency", as_boolean),
    "density": ("density", as_number),
    "duration": ("duration", as_number),
    "bit_rate": ("bitRate", as_integer),
    "video_codec": ("videoCodec", as_text),
    "audio_codec": ("audioCodec", as_text),
}

#: Metadata fields with their own columns, or without information (``quality`` is 0 in all known responses).
_IN_COLUMNS = {field for field, _ in _PLAIN_COLUMNS.values()} | {"exif", "pHash", "quality"}

#: Fields of a listed file that are used, or that distinguish it from a folder.
LISTED_FIELDS = (
    "fileId",
    "folderId",
    "versionInfo",
    "name",
    "filePath",
    "url",
    "fileType",
    "mime",
    "createdAt",
    "updatedAt",
    "isPrivateFile",
    "isPublished",
    "tags",
    "customMetadata",
)


def listing_row(record: dict[str, Any]) -> Row:
    """
    Return the columns that a listing fills.

    :param record: a file as ImageKit lists it, or a row of a table with this package's column names; at least
        ``fileId`` or ``url`` is required.
    """
    url = as_text(record.get("url"))
    version = as_dict(record.get("versionInfo")).get("id") or record.get("version_id")
    return {
        "file_id": as_text(record.get("fileId") or record.get("file_id")),
        "version_id": as_text(version),
        "name": as_text(record.get("name")),
        "path": as_text(record.get("filePath") or record.get("path")),
        "url": mask_signature(url) if url else None,
        "file_type": as_text(record.get("fileType") or record.get("file_type")),
        "mime_type": as_text(record.get("mime") or record.get("mime_type")),
        "created_at": as_time(record.get("createdAt") or record.get("created_at")),
        "updated_at": as_time(record.get("updatedAt") or record.get("updated_at")),
        "is_private": as_boolean(record.get("isPrivateFile", record.get("is_private"))),
        "is_published": as_boolean(record.get("isPublished", record.get("is_published"))),
        "tags": record.get("tags") or None,
        "custom_metadata": record.get("customMetadata") or record.get("custom_metadata") or None,
    }


class ChangedBy(StrEnum):
    """How a changed file is recognized: by its version id, or also by the time of its last change."""

    VERSION = "version"
    VERSION_AND_TIME = "version_and_time"


def version_of(row: Row, changed_by: ChangedBy) -> str | None:
    """
    Return a text that changes whenever the file does; ``None`` if the listing has no version and no time.

    :param row: columns of the listing.
    :param changed_by: an edit of tags changes the time but not the version. Without a version, the time is
        used.
    """
    if not row.get("version_id") and not row.get("updated_at"):
        return None
    if changed_by is ChangedBy.VERSION:
        return str(row.get("version_id") or row.get("updated_at"))
    return f"{row.get('version_id')} {row.get('updated_at')}"


class RowBuilder:
    """
    Converts metadata to the columns that it fills.

    :param zone: time zone of camera clocks for which no other information exists.
    :param privacy: which personal data the table may contain.
    """

    def __init__(self, zone: tzinfo, privacy: Privacy) -> None:
        self._zone = zone
        self._privacy = privacy
        #: See :func:`~airflow_provider_imagekit.library.table.patterns.patterns_of`.
        self.patterns = patterns_of(privacy)

    def build(self, metadata: dict[str, Any]) -> Row:
        """
        Return the columns that the metadata fills, without what the privacy settings remove.

        :param metadata: ImageKit's metadata object; any part of it can be absent or of any type.
        """
        exif = as_dict(metadata.get("exif"))
        image, camera = as_dict(exif.get("image")), as_dict(exif.get("exif"))
        capture, position = captured(exif, self._zone), place(exif)
        row: Row = {
            **{column: typed(metadata.get(field)) for column, (field, typed) in _PLAIN_COLUMNS.items()},
            "phash": _phash(metadata.get("pHash")),
            "orientation": _orientation(image.get("Orientation")),
            "camera_make": as_text(image.get("Make")),
            "camera_model": as_text(image.get("Model")),
            "lens_model": as_text(camera.get("LensModel")),
            "captured_at": capture.at,
            "captured_at_source": capture.source,
            "captured_local": capture.local,
            "has_gps": position.latitude is not None,
            "latitude": position.latitude,
            "longitude": position.longitude,
            "altitude": position.altitude,
            "exif": exif or None,
            "other": {name: value for name, value in metadata.items() if name not in _IN_COLUMNS} or None,
        }
        return self._privacy.apply(row)

    def allows(self, row: Row) -> bool:
        """Return whether :meth:`redact` removes nothing."""
        return self._privacy.allows(row)

    def redact(self, row: Row) -> Row:
        """Return a row of an earlier run without what this run's privacy settings remove."""
        return self._privacy.apply(row)


def _phash(value: Any) -> str | None:
    try:
        return str(PHash.parse(value)) if value else None
    except InvalidPHashError:
        return None


def _orientation(value: Any) -> int | None:
    number = as_integer(value)
    return number if number is not None and 1 <= number <= 8 else None
