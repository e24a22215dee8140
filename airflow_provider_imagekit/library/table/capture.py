"""When and where a picture was taken, from EXIF as ImageKit tells it. Broken values end as ``None``."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

import pendulum

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.table.coerce import as_dict, as_number, as_text, iso

__all__ = ["Capture", "Place", "captured", "place", "zone_of"]

_DATE = re.compile(r"(\d{4})[:\-/](\d\d?)[:\-/](\d\d?)", re.ASCII)
_DATE_AND_TIME = re.compile(_DATE.pattern + r"[ T](\d\d?):(\d\d?):(\d\d?)(?:\.(\d+))?", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_WIDEST_OFFSET = 14 * 60  # minutes: Kiribati's

#: Time, fraction of its second, and offset, in EXIF's names: the shutter first, then the digitising.
_CLOCKS = (
    ("DateTimeOriginal", "SubSecTimeOriginal", "OffsetTimeOriginal"),
    ("CreateDate", "SubSecTimeDigitized", "OffsetTimeDigitized"),
)


class Capture(NamedTuple):
    """
    When a picture was taken.

    :param at: ISO 8601 in UTC.
    :param source: ``offset``, ``gps`` or ``zone``.
    :param local: what the camera's clock showed, ISO 8601 without a zone.
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

    :raises ImageKitInputError: if there is none of that name.
    """
    try:
        return pendulum.timezone(name)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ImageKitInputError(
            f"There is no time zone {name!r}.", help="Use a name such as Europe/Berlin or UTC."
        ) from error


def captured(exif: dict[str, Any], zone: tzinfo) -> Capture:
    """
    Return when a picture was taken.

    EXIF writes the camera's clock without a zone. The instant follows from EXIF's own offset tags, else it is
    the GPS time, which is UTC, else the clock is taken for one in the given zone.

    :param exif: the metadata's ``exif``.
    :param zone: the zone of clocks of which nothing else is known.
    """
    tags = as_dict(exif.get("exif"))
    clock, offset = _clock(tags)
    if clock is not None and offset is not None:
        at, source = _instant(clock, pendulum.FixedTimezone(offset * 60)), "offset"
    elif (gps_time := _gps_time(as_dict(exif.get("gps")))) is not None:
        at, source = gps_time, "gps"
    elif clock is not None:
        at, source = _instant(clock, zone), "zone"
    else:
        return Capture()
    local = None if clock is None else clock.isoformat(timespec="milliseconds").removesuffix(".000")
    return Capture(at, source if at else None, local)


def place(exif: dict[str, Any]) -> Place:
    """
    Return where a picture was taken, in decimals.

    :param exif: the metadata's ``exif``; its coordinates are lists of degrees, minutes and seconds.
    :return: latitude and longitude both or neither: half a place, or one without its hemisphere, is none.
    """
    gps = as_dict(exif.get("gps"))
    latitude = _degrees(gps.get("GPSLatitude"), gps.get("GPSLatitudeRef"), "NS", 90)
    longitude = _degrees(gps.get("GPSLongitude"), gps.get("GPSLongitudeRef"), "EW", 180)
    if latitude is None or longitude is None:
        return Place()
    altitude = as_number(gps.get("GPSAltitude"))
    if altitude is not None and _first(gps.get("GPSAltitudeRef")) in (1, "1", "\x01"):
        altitude = -altitude
    return Place(latitude, longitude, altitude)


def _clock(tags: dict[str, Any]) -> tuple[datetime | None, int | None]:
    for name, fraction, offset in _CLOCKS:
        clock = _naive(tags.get(name), tags.get(fraction))
        if clock is not None:
            return clock, _offset(tags.get(offset), tags.get("OffsetTime"), tags.get("TimeZoneOffset"))
    return None, None


def _naive(value: Any, fraction: Any) -> datetime | None:
    found = _DATE_AND_TIME.match(as_text(value) or "")
    if not found:
        return None
    *numbers, own_fraction = found.groups()
    digits = own_fraction or as_text(fraction) or ""
    micros = int(f"{digits[:6]:0<6}") if digits.isascii() and digits.isdigit() else 0
    year, month, day, hour, minute, second = map(int, numbers)
    try:
        return datetime(year, month, day, hour, minute, second, micros)  # noqa: DTZ001 - EXIF has no zone
    except ValueError:
        return None


def _offset(*values: Any) -> int | None:
    """Return the first usable offset in minutes: ``+02:00``, or whole hours as TimeZoneOffset has them."""
    for value in map(_first, values):
        if isinstance(value, str) and (found := _OFFSET.fullmatch(value.replace("\x00", "").strip())):
            sign, hours, minutes = found.groups()
            offset = int(f"{sign}1") * (int(hours) * 60 + int(minutes))
        elif isinstance(value, str) and value.strip() == "Z":
            offset = 0
        elif isinstance(value, int) and not isinstance(value, bool):
            offset = value * 60
        else:
            continue
        if abs(offset) <= _WIDEST_OFFSET:
            return offset
    return None


def _instant(clock: datetime, zone: tzinfo) -> str | None:
    try:
        return iso(clock.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        return None


def _gps_time(gps: dict[str, Any]) -> str | None:
    date = _DATE.match(as_text(gps.get("GPSDateStamp")) or "")
    time = gps.get("GPSTimeStamp")
    if not date or not isinstance(time, list) or len(time) != 3:
        return None
    hours, minutes, seconds = map(as_number, time)
    if hours is None or minutes is None or seconds is None:
        return None
    of_day = hours * 3600 + minutes * 60 + seconds
    if not 0 <= of_day < 86_400 or min(hours, minutes, seconds) < 0:
        return None
    try:
        year, month, day = map(int, date.groups())
        return iso(pendulum.datetime(year, month, day) + timedelta(seconds=of_day))
    except (ValueError, OverflowError):
        return None


def _degrees(value: Any, reference: Any, hemispheres: str, most: int) -> float | None:
    parts = value if isinstance(value, list) else [value]
    side = (as_text(_first(reference)) or " ")[0].upper()
    numbers = [as_number(part) for part in parts[:3]]
    if not numbers or side not in hemispheres or any(number is None or number < 0 for number in numbers):
        return None
    degrees = math.fsum(number / 60**power for power, number in enumerate(numbers) if number is not None)
    if degrees > most:
        return None
    return round(-degrees if side == hemispheres[1] else degrees, 8)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value
