"""
Parses clock times and UTC offsets from EXIF. A value that is not complete and unambiguous is ignored.

An offset applies only to its own clock. GPS time, which is UTC, is used only if it differs from the clock by
a possible time zone. A value that cannot be interpreted gives no instant rather than a wrong one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from airflow_provider_imagekit.library.table.coerce import as_number, as_text

__all__ = ["Clock", "differ_by_a_zone", "gps_time", "original_clock"]

_OFFSET_TEXT = r"Z|(?:UTC|GMT)?(?: ?[+-](?:\d\d?(?::\d\d)?|\d{4}))?"
_DATE = re.compile(r"(\d{4})[:\-/] ?(\d\d?)[:\-/] ?(\d\d?)", re.ASCII)
_CLOCK = re.compile(
    _DATE.pattern
    + r"(?: {1,2}|T)(\d\d?): ?(\d\d?): ?(\d\d?)(?:[.,](\d+))?"
    + rf"(?: ?([AP])\.?M\.?)?(?: ?({_OFFSET_TEXT}))?",
    re.ASCII | re.IGNORECASE,
)
_OFFSET = re.compile(r"(?:UTC|GMT)? ?([+-])(?:(\d\d)(\d\d)|(\d\d?)(?::(\d\d))?)", re.ASCII)
_UTC_NAMES = ("Z", "UTC", "GMT")

# Offsets in hours of the westernmost and easternmost zones, Baker Island and Kiribati.
_WEST, _EAST = -12, 14
_QUARTER = timedelta(minutes=15)
# A GPS fix can be some minutes old, and clocks can be some minutes off.
_NEAR = timedelta(minutes=5)


class Clock(NamedTuple):
    """
    The time of a camera's clock.

    :param shown: the time without a zone.
    :param offset: offset from UTC, east positive; ``None`` if unknown.
    """

    shown: datetime
    offset: timedelta | None


def original_clock(camera: dict[str, Any], image: dict[str, Any]) -> Clock | None:
    """
    Return the time of the exposure, else that of digitization.

    An offset tag applies to its own clock and to a clock that shows the same second. ``OffsetTime`` belongs
    to the time of the last edit; without that time, it is unknown to which clock it applies.

    :param camera: EXIF's section ``exif``.
    :param image: EXIF's section ``image``, which contains the time of the last edit.
    """
    clock = _read(camera.get("DateTimeOriginal"), camera.get("SubSecTimeOriginal")) or _read(
        camera.get("CreateDate"), camera.get("SubSecTimeDigitized")
    )
    if clock is None or clock.offset is not None:
        return clock
    for tag, section, own_clock in (
        ("OffsetTimeOriginal", camera, "DateTimeOriginal"),
        ("TimeZoneOffset", camera, "DateTimeOriginal"),
        ("OffsetTimeDigitized", camera, "CreateDate"),
        ("OffsetTime", image, "ModifyDate"),
    ):
        offset = _offset(camera.get(tag))
        if offset is not None and _shows(section.get(own_clock), clock.shown):
            return clock._replace(offset=offset)
    return clock


def gps_time(gps: dict[str, Any]) -> datetime | None:
    """
    Return the time of a GPS fix.

    :param gps: EXIF's section ``gps``.
    """
    date = _DATE.fullmatch(as_text(gps.get("GPSDateStamp")) or "")
    time = gps.get("GPSTimeStamp")
    if not date or not isinstance(time, list) or len(time) != 3:
        return None
    hours, minutes, seconds = map(as_number, time)
    if hours is None or minutes is None or seconds is None:
        return None
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61):
        return None
    try:
        year, month, day = map(int, date.groups())
        return datetime(year, month, day, tzinfo=UTC) + timedelta(
            hours=hours, minutes=minutes, seconds=seconds
        )
    except (ValueError, OverflowError):
        return None


def differ_by_a_zone(shown: datetime, moment: datetime) -> bool:
    """
    Return whether a clock that shows this time at that instant can be in an existing time zone.

    :param shown: the clock, without a zone.
    :param moment: an instant.
    """
    difference = shown - moment.astimezone(UTC).replace(tzinfo=None)
    quarters = round(difference / _QUARTER)
    near = abs(difference - quarters * _QUARTER) <= _NEAR
    return near and _WEST * 4 <= quarters <= _EAST * 4


def _read(value: Any, fraction: Any) -> Clock | None:
    found = _CLOCK.fullmatch(as_text(value) or "")
    if not found:
        return None
    *numbers, own_fraction, half, zone = found.groups()
    year, month, day, hour, minute, second = map(int, numbers)
    hour_of_day = _hour_of_day(hour, half)
    offset = _offset(zone) if zone else None
    # ISO 8601 allows 24:00:00; what a camera means by 24:05:00 is unknown.
    midnight = (hour, minute, second) == (24, 0, 0) and not half
    if (zone and offset is None) or second > 60 or (hour_of_day is None and not midnight):
        return None
    try:
        start = datetime(year, month, day, hour_of_day or 0, minute)  # noqa: DTZ001 - EXIF has no zone
        later = timedelta(days=midnight, seconds=second, microseconds=_micros(own_fraction, fraction))
        return Clock(start + later, offset)
    except (ValueError, OverflowError):
        return None


def _hour_of_day(hour: int, half: str | None) -> int | None:
    if half is None:
        return hour if hour < 24 else None
    if not 1 <= hour <= 12:
        return None
    return hour % 12 + (12 if half in "Pp" else 0)


def _micros(own: str | None, separate: Any) -> int:
    digits = own or as_text(separate) or ""
    return int(f"{digits[:6]:0<6}") if digits.isascii() and digits.isdigit() else 0


def _offset(value: Any) -> timedelta | None:
    """Parse an offset: ``+02:00``, ``-5:00``, ``+02``, ``GMT+02:00``, or the hours of ``TimeZoneOffset``."""
    if value is None:
        return None
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, int) and not isinstance(value, bool):
        hours, minutes = value, 0
    else:
        text = (as_text(value) or "").upper()
        if text in _UTC_NAMES:
            return timedelta()
        found = _OFFSET.fullmatch(text)
        if not found:
            return None
        sign = -1 if found[1] == "-" else 1
        hours, minutes = sign * int(found[2] or found[4]), sign * int(found[3] or found[5] or 0)
    if abs(minutes) >= 60 or not _WEST * 60 <= hours * 60 + minutes <= _EAST * 60:
        return None
    return timedelta(hours=hours, minutes=minutes)


def _shows(value: Any, clock: datetime) -> bool:
    own = _read(value, None)
    return own is not None and own.shown.replace(microsecond=0) == clock.replace(microsecond=0)
