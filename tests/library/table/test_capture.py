"""When and where a picture was taken, according to its EXIF."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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

    def test_without_an_exposure_time_that_of_digitization_is_used(self) -> None:
        exif = {"exif": {"DateTimeOriginal": "    :  :     :  :  ", "CreateDate": "2024:06:01 10:00:00"}}
        assert captured(exif, UTC).at == "2024-06-01T10:00:00.000Z"

    @pytest.mark.parametrize(
        ("offset", "expected"),
        [("-05:30", 15.5), ("+0200", 8), ("Z", 10), ("+02:00 \x00", 8), ([-3, 0], 13), (2, 8)],
    )
    def test_ways_to_write_an_offset(self, offset: Any, expected: float) -> None:
        at, source, _ = captured(
            {"exif": {"DateTimeOriginal": "2024:06:01 10:00:00", "OffsetTimeOriginal": offset}}, BERLIN
        )
        assert at is not None
        moment = datetime.fromisoformat(at)
        assert (moment.hour + moment.minute / 60, source) == (expected, "offset")

    @pytest.mark.parametrize(
        ("clock", "shown", "at"),
        [
            ("2004-09-04T23:39:06-08:00", "2004-09-04T23:39:06", "2004-09-05T07:39:06.000Z"),
            ("2004-09-04T23:39:06+02:00", "2004-09-04T23:39:06", "2004-09-04T21:39:06.000Z"),
            ("2004-09-04T23:39:06Z", "2004-09-04T23:39:06", "2004-09-04T23:39:06.000Z"),
            ("2004:09:04 23:39:06.25+0530", "2004-09-04T23:39:06.250", "2004-09-04T18:09:06.250Z"),
            ("2004:09:04 23:39:06 GMT-3", "2004-09-04T23:39:06", "2004-09-05T02:39:06.000Z"),
        ],
    )
    def test_an_offset_after_the_clock_belongs_to_it(self, clock: str, shown: str, at: str) -> None:
        exif = {"exif": {"DateTimeOriginal": clock, "OffsetTimeOriginal": "+09:00"}, "gps": GPS}
        assert captured(exif, BERLIN) == (at, "offset", shown)

    @pytest.mark.parametrize(
        ("clock", "shown"),
        [
            ("2004:09:04 02:42:10 PM", "2004-09-04T14:42:10"),
            ("2004:09:04 12:42:10 AM", "2004-09-04T00:42:10"),
            ("2004:09:04 12:42:10pm", "2004-09-04T12:42:10"),
            ("2004:09:04 02:42:10 a.m.", "2004-09-04T02:42:10"),
            ("2004:09:04 24:00:00", "2004-09-05T00:00:00"),
            ("2004:12:31 23:59:60", "2005-01-01T00:00:00"),
            ("2004:09:04  09:42:10", "2004-09-04T09:42:10"),
            ("2004: 9: 4  9: 2: 1", "2004-09-04T09:02:01"),
            ("2004:9:4 9:2:1", "2004-09-04T09:02:01"),
            ("2004/09/04 09:42:10\x00+02:00", "2004-09-04T09:42:10"),
        ],
    )
    def test_unusual_but_unambiguous_clocks_are_read(self, clock: str, shown: str) -> None:
        assert captured({"exif": {"DateTimeOriginal": clock}}, UTC) == (f"{shown}.000Z", "zone", shown)

    @pytest.mark.parametrize(
        "clock",
        [
            "2004:09:04 14:42:10 PM",
            "2004:09:04 00:42:10 AM",
            "2004:09:04 24:05:00",
            "2004:09:04 24:00:00 PM",
            "2004:09:04 23:59:61",
            "2004:09:04 09:60:00",
            "2004:09:04 09:42:10 CEST",
            "2004:09:04 09:42:10+02:75",
            "2004:09:04 09:42:10+15:00",
            "2004:09:04 09:42:10 or so",
            "2004:09:04 下午 09:42:10",
            "04.09.2004 09:42:10",
            "2004:09:041 09:42:10",
            "12004:09:04 09:42:10",
            "2004:09:04",
            "2004:09:31 09:42:10",
            "9999:12:31 24:00:00",
        ],
    )
    def test_an_ambiguous_or_invalid_clock_is_ignored(self, clock: str) -> None:
        assert captured({"exif": {"DateTimeOriginal": clock}}, UTC) == (None, None, None)

    @pytest.mark.parametrize(
        ("tags", "edited", "expected"),
        [
            ({"OffsetTimeOriginal": "-5:00", "OffsetTimeDigitized": "+01:00"}, None, 15),
            ({"CreateDate": "2024:06:01 10:00:00", "OffsetTimeDigitized": "+02"}, None, 8),
            ({"CreateDate": "2024:06:02 10:00:00", "OffsetTimeDigitized": "+02"}, None, None),
            ({"OffsetTimeDigitized": "+02"}, None, None),
            ({"TimeZoneOffset": [2, -7], "OffsetTime": "-07:00"}, "2024:07:01 10:00:00", 8),
            ({"OffsetTime": "GMT+02:00"}, "2024:06:01 10:00:00", 8),
            ({"OffsetTime": "+02:00"}, "2024:07:01 10:00:00", None),
            ({"OffsetTime": "+02:00"}, None, None),
            ({"OffsetTime": "+02:00"}, "0000:00:00 00:00:00", None),
            ({"OffsetTime": "+02:00"}, "yesterday", None),
            ({"OffsetTime": "+02:00"}, 7, None),
            ({"OffsetTimeOriginal": "+02:75", "OffsetTime": "+03:00"}, "2024:06:01 10:00:00", 7),
        ],
    )
    def test_an_offset_counts_for_its_own_clock(
        self, tags: dict[str, Any], edited: str | None, expected: int | None
    ) -> None:
        exif = {"exif": {"DateTimeOriginal": "2024:06:01 10:00:00", **tags}, "image": {"ModifyDate": edited}}
        at, source, _ = captured(exif, UTC)
        hour = 10 if expected is None else expected
        assert (at, source) == (f"2024-06-01T{hour:02}:00:00.000Z", "zone" if expected is None else "offset")

    @pytest.mark.parametrize(
        "offset", ["+02:75", "+15:00", "-13:00", "+200", "+2:0", "02:00", "CEST", "\x00+02:00", 15, 2.5, True]
    )
    def test_an_invalid_offset_is_ignored(self, offset: Any) -> None:
        tags = {"DateTimeOriginal": "2024:06:01 10:00:00", "OffsetTimeOriginal": offset}
        assert captured({"exif": tags}, UTC).source == "zone"

    @pytest.mark.parametrize(
        ("clock", "day", "time", "source"),
        [
            ("2022:09:10 12:00:00", "2022:09:10", [10, 0, 3], "gps"),
            ("2022:09:10 12:00:00", "2022:09:09", [22, 0, 0], "gps"),
            ("2022:09:10 12:00:00", "2022:09:10", [6, 15, 0], "gps"),
            ("2022:09:10 12:00:00", "2003:09:10", [10, 0, 0], "zone_despite_gps"),
            ("2022:09:10 12:00:00", "2022:09:09", [9, 0, 0], "zone_despite_gps"),
            ("2022:09:10 12:00:00", "2022:09:11", [0, 30, 0], "zone_despite_gps"),
            ("2022:09:10 12:00:00", "2022:09:10", [10, 7, 30], "zone_despite_gps"),
            ("2022:09:10 12:00:00", "2017:01:01", [0, 0, 0], "zone_despite_gps"),
            ("2014:09:25 12:00:00", "2014:09:259", [10, 0, 0], "zone"),
            ("2014:09:25 12:00:00", "2014:09:25", [10, 60, 0], "zone"),
            ("2014:09:25 12:00:00", "2014:09:25", [10, 0], "zone"),
        ],
    )
    def test_gps_time_counts_only_if_the_clock_is_a_possible_zone_away(
        self, clock: str, day: str, time: list[int], source: str
    ) -> None:
        exif = {
            "exif": {"DateTimeOriginal": clock},
            "gps": {"GPSDateStamp": day, "GPSTimeStamp": time},
        }
        at, found, _ = captured(exif, UTC)
        assert found == source
        if source != "gps":
            assert at == clock.replace(":", "-", 2).replace(" ", "T") + ".000Z"

    def test_gps_time_alone_counts_unless_its_fix_is_void(self) -> None:
        assert captured({"gps": GPS}, BERLIN) == ("2008-10-23T14:27:07.240Z", "gps", None)
        assert captured({"gps": GPS | {"GPSStatus": "V\x00"}}, BERLIN) == (None, None, None)

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


START, END = datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2090-01-01")
moments = st.datetimes(START, END).map(lambda at: at.replace(microsecond=0))
quarters = st.integers(-12 * 4, 14 * 4)


def written(quarters_of_an_hour: int) -> str:
    sign, minutes = "-" if quarters_of_an_hour < 0 else "+", abs(quarters_of_an_hour) * 15
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"


@given(instant=moments, east=quarters)
def test_a_clock_with_an_offset_gives_its_instant_wherever_the_offset_stands(
    instant: datetime, east: int
) -> None:
    shown = (instant + timedelta(minutes=15 * east)).strftime("%Y:%m:%d %H:%M:%S")
    expected = instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for tags in (
        {"DateTimeOriginal": shown + written(east)},
        {"DateTimeOriginal": shown, "OffsetTimeOriginal": written(east)},
        {"CreateDate": shown, "OffsetTimeDigitized": written(east), "OffsetTimeOriginal": "+01:00"},
    ):
        assert captured({"exif": tags, "gps": GPS}, BERLIN)[:2] == (expected, "offset")


@given(shown=moments)
def test_twelve_hours_and_twenty_four_show_the_same_clock(shown: datetime) -> None:
    exif = {"exif": {"DateTimeOriginal": f"{shown:%Y:%m:%d %I:%M:%S} {'AM' if shown.hour < 12 else 'PM'}"}}
    assert captured(exif, UTC).local == shown.isoformat()


@given(shown=moments, fix=moments, east=quarters, late=st.integers(-300, 300))
def test_gps_time_is_used_in_every_zone_unless_it_contradicts_the_clock(
    shown: datetime, fix: datetime, east: int, late: int
) -> None:
    def beside(moment: datetime) -> Any:
        gps = {
            "GPSDateStamp": f"{moment:%Y:%m:%d}",
            "GPSTimeStamp": [moment.hour, moment.minute, moment.second],
        }
        return captured({"exif": {"DateTimeOriginal": f"{shown:%Y:%m:%d %H:%M:%S}"}, "gps": gps}, UTC)

    near = shown - timedelta(minutes=15 * east, seconds=late)
    assert beside(near)[:2] == (f"{near:%Y-%m-%dT%H:%M:%S}.000Z", "gps")
    at, source, _ = beside(fix)
    if not timedelta(hours=-13) < shown - fix < timedelta(hours=15):
        assert (at, source) == (f"{shown:%Y-%m-%dT%H:%M:%S}.000Z", "zone_despite_gps")


@given(
    clock=st.from_regex(r"\A\d{4}[:-]\d\d?:\d\d?[ T]\d\d?:\d\d?:\d\d?.{0,8}\Z"), offset=st.text(max_size=7)
)
def test_any_text_gives_the_day_that_it_begins_with_or_the_next_or_nothing(clock: str, offset: str) -> None:
    found = captured({"exif": {"DateTimeOriginal": clock, "OffsetTimeOriginal": offset}}, UTC)
    if found.local is not None:
        year, month, day = (int(part) for part in re.split("[:-]", re.split("[ T]", clock)[0]))
        day_shown = datetime.fromisoformat(found.local).date()
        assert day_shown - date(year, month, day) in (timedelta(), timedelta(days=1))


class TestPlace:
    @pytest.mark.parametrize("zero", [[0, 0, 0], [0], 0, "0", [0, 0, 1e-7]])
    def test_zero_and_zero_is_what_cameras_write_without_a_fix(self, zero: Any) -> None:
        assert place({"gps": GPS | {"GPSLatitude": zero, "GPSLongitude": zero}}) == (None, None, None)

    @pytest.mark.parametrize("name", ["GPSLatitude", "GPSLongitude"])
    def test_a_single_zero_is_a_place_on_the_equator_or_on_the_meridian(self, name: str) -> None:
        assert place({"gps": GPS | {name: [0, 0, 0]}}).altitude == 152.5

    @pytest.mark.parametrize("status", ["V", "v", "V\x00", ["V"]])
    def test_a_fix_that_is_void_is_not_a_place(self, status: Any) -> None:
        assert place({"gps": GPS | {"GPSStatus": status}}) == (None, None, None)

    @pytest.mark.parametrize("status", ["A", "", None, 7])
    def test_a_fix_of_any_other_status_is_a_place(self, status: Any) -> None:
        assert place({"gps": GPS | {"GPSStatus": status}}).altitude == 152.5

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
    def test_half_a_place_gives_no_place(self, change: dict[str, Any]) -> None:
        assert place({"gps": GPS | change}) == (None, None, None)
