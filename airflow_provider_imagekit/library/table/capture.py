"""Derives when and where a picture was taken from ImageKit's EXIF. Invalid values give ``None``."""

from __future__ import annotations

import math
from datetime import datetime, timezone, tzinfo
from typing import Any, NamedTuple

import pendulum

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.table.clocks import differ_by_a_zone, gps_time, original_clock
from airflow_provider_imagekit.library.table.coerce import as_dict, as_number, as_text, iso

__all__ = ["Capture", "Place", "captured", "place", "zone_of"]


class Capture(NamedTuple):
    """
    When a picture was taken.

    :param at: ISO 8601 in UTC.
    :param source: ``offset``, ``gps``, ``zone`` or ``zone_despite_gps``.
    :param local: time of the camera's clock, ISO 8601 without a zone.
    """

    at: str | None = None
    source: str | None = None
    local: str | None = None


class Place(NamedTuple):
    """
    Where a picture was taken.

    :param latitude: degrees, north positive.
    :param longitude: degrees, east positive.
    :param altitude: metres above sea level.
    """

    latitude: float | None = None
    longitude: float | None = None
    altitude: float | None = None


def zone_of(name: str) -> tzinfo:
    """
    Return a time zone of the IANA database, such as ``Europe/Berlin``.

    :raises ImageKitInputError: if there is no zone of that name.
    """
    try:
        return pendulum.timezone(name)
    except (ValueError, KeyError, TypeError, OSError):
        raise ImageKitInputError(
            f"timezone is {name!r}, which is not a time zone.",
            help="Use a name such as Europe/Berlin or UTC.",
        ) from None


def captured(exif: dict[str, Any], zone: tzinfo) -> Capture:
    """
    Return when a picture was taken.

    EXIF stores the camera's clock without a zone. The instant follows from the clock's own offset if there is
    one, else from the GPS time, which is UTC, else from the given zone. If the difference between clock and
    GPS time is not a possible time zone, the GPS time is stale or invented: the clock and the given zone are
    used, and ``source`` is ``zone_despite_gps``.

    :param exif: the metadata's ``exif``.
    :param zone: the time zone of clocks for which no other information exists.
    """
    clock = original_clock(as_dict(exif.get("exif")), as_dict(exif.get("image")))
    gps = as_dict(exif.get("gps"))
    fix = None if _is_void(gps) else gps_time(gps)
    if clock is None:
        return Capture(iso(fix), "gps") if fix else Capture()
    local = clock.shown.isoformat(timespec="milliseconds").removesuffix(".000")
    if clock.offset is not None:
        at, source = _instant(clock.shown, timezone(clock.offset)), "offset"
    elif fix is not None and differ_by_a_zone(clock.shown, fix):
        at, source = iso(fix), "gps"
    else:
        at, source = _instant(clock.shown, zone), "zone" if fix is None else "zone_despite_gps"
    return Capture(at, source if at else None, local)


def place(exif: dict[str, Any]) -> Place:
    """
    Return where a picture was taken, in decimal degrees.

    :param exif: the metadata's ``exif``; its coordinates are lists of degrees, minutes and seconds.
    :return: latitude and longitude, or neither: there is no place if one of them or its hemisphere is
        missing, if both are 0 (which cameras write without a fix), or if the receiver marked the fix as void.
    """
    gps = as_dict(exif.get("gps"))
    if _is_void(gps):
        return Place()
    latitude = _degrees(gps.get("GPSLatitude"), gps.get("GPSLatitudeRef"), "NS", 90)
    longitude = _degrees(gps.get("GPSLongitude"), gps.get("GPSLongitudeRef"), "EW", 180)
    if latitude is None or longitude is None or latitude == longitude == 0:
        return Place()
    altitude = as_number(gps.get("GPSAltitude"))
    if altitude is not None and _first(gps.get("GPSAltitudeRef")) in (1, "1", "\x01"):
        altitude = -altitude
    return Place(latitude, longitude, altitude)


def _is_void(gps: dict[str, Any]) -> bool:
    return (as_text(_first(gps.get("GPSStatus"))) or "").upper() == "V"


def _instant(clock: datetime, zone: tzinfo) -> str | None:
    try:
        return iso(clock.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        return None


def _degrees(value: Any, reference: Any, hemispheres: str, maximum: int) -> float | None:
    parts = value if isinstance(value, list) else [value]
    side = (as_text(_first(reference)) or " ")[0].upper()
    numbers = [as_number(part) for part in parts[:3]]
    if not numbers or side not in hemispheres or any(number is None or number < 0 for number in numbers):
        return None
    degrees = math.fsum(number / 60**power for power, number in enumerate(numbers) if number is not None)
    if degrees > maximum:
        return None
    return round(-degrees if side == hemispheres[1] else degrees, 8)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value
