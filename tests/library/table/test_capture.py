"""When and where a picture was taken, as far as its EXIF tells."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.table.capture import captured, place, zone_of
from tests.library.photograph import GPS

UTC, BERLIN = zone_of("UTC"), zone_of("Europe/Berlin")


class TestCapturedAt:
    def test_exif_offset_tags_come_first(self) -> None:
        exif = {
            "exif": {"DateTimeOriginal": "2024:06:01 10:00:00", "OffsetTimeOriginal": "+02:00"},
            "gps": GPS,
        }
        assert captured(exif, BERLIN) == ("2024-06-01T08:00:00.000Z", "offset", "2024-06-01T10:00:00")

    def test_gps_time_comes_next_and_is_utc(self) -> None:
        exif = {"exif": {"DateTimeOriginal": "2008:10:23 16:27:08"}, "gps": GPS}
        assert captured(exif, BERLIN) == ("2008-10-23T14:27:07.240Z", "gps", "2008-10-23T16:27:08")

    @pytest.mark.parametrize(
        ("clock", "expected"),
        [
            ("2024:06:01 10:00:00", "2024-06-01T08:00:00.000Z"),
            ("2024:12:01 10:00:00", "2024-12-01T09:00:00.000Z"),
            ("2024:03:31 02:30:00", "2024-03-31T01:30:00.000Z"),  # an hour that summer time skips
        ],
    )
    def test_the_given_zone_comes_last_with_its_summer_time(self, clock: str, expected: str) -> None:
        at, source, _ = captured({"exif": {"DateTimeOriginal": clock}}, BERLIN)
        assert (at, source) == (expected, "zone")

    def test_the_fraction_of_a_second(self) -> None:
        exif = {"exif": {"DateTimeOriginal": "2024:06:01 10:00:00", "SubSecTimeOriginal": "25"}}
        assert captured(exif, UTC).at == "2024-06-01T10:00:00.250Z"

    def test_digitising_stands_in_for_the_shutter(self) -> None:
        exif = {"exif": {"DateTimeOriginal": "    :  :     :  :  ", "CreateDate": "2024:06:01 10:00:00"}}
        assert captured(exif, UTC).at == "2024-06-01T10:00:00.000Z"

    @pytest.mark.parametrize(
        ("offset", "expected"),
        [("-05:30", 15.5), ("+0200", 8), ("Z", 10), ("\x00+02:00 ", 8), ([-3, 0], 13), (2, 8)],
    )
    def test_ways_to_write_an_offset(self, offset: Any, expected: float) -> None:
        at, source, _ = captured(
            {"exif": {"DateTimeOriginal": "2024:06:01 10:00:00", "OffsetTime": offset}}, BERLIN
        )
        assert at is not None
        moment = datetime.fromisoformat(at)
        assert (moment.hour + moment.minute / 60, source) == (expected, "offset")

    @pytest.mark.parametrize("clock", ["0000:00:00 00:00:00", "2024:13:01 10:00:00", "", "now", 7, None, []])
    def test_a_broken_clock_gives_nothing(self, clock: Any) -> None:
        assert captured({"exif": {"DateTimeOriginal": clock}}, UTC) == (None, None, None)

    @pytest.mark.parametrize("clock", ["0001:01:01 00:00:00", "9999:12:31 23:59:59"])
    def test_the_ends_of_time_do_not_raise(self, clock: str) -> None:
        for offset in ("+14:00", "-12:00"):
            captured({"exif": {"DateTimeOriginal": clock, "OffsetTimeOriginal": offset}}, UTC)

    def test_an_unknown_zone_is_refused(self) -> None:
        with pytest.raises(ImageKitInputError, match="Middle/Earth"):
            zone_of("Middle/Earth")


class TestPlace:
    def test_degrees_minutes_and_seconds_become_decimals(self) -> None:
        assert place({"gps": GPS}) == (43.46715667, 11.88539500, 152.5)

    def test_south_west_and_below_the_sea_are_negative(self) -> None:
        gps = GPS | {"GPSLatitudeRef": "S\x00", "GPSLongitudeRef": "w", "GPSAltitudeRef": 1}
        assert place({"gps": gps}) == (-43.46715667, -11.88539500, -152.5)

    @pytest.mark.parametrize(
        "change",
        [
            {"GPSLatitudeRef": None},
            {"GPSLatitude": [None, None, None]},
            {"GPSLatitude": [91, 0, 0]},
            {"GPSLatitude": []},
            {"GPSLongitude": [-11, 0, 0]},
            {"GPSLongitude": "11 deg"},
            {"GPSLongitude": {"degrees": 11}},
        ],
    )
    def test_half_a_place_is_none(self, change: dict[str, Any]) -> None:
        assert place({"gps": GPS | change}) == (None, None, None)
