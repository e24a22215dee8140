"""Rows are typed; valid EXIF gives correct values, and invalid EXIF still gives a row."""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.library.table.capture import zone_of
from airflow_provider_imagekit.library.table.privacy import (
    HARMLESS,
    PERSONAL,
    GpsPolicy,
    PersonalPolicy,
    Privacy,
)
from airflow_provider_imagekit.library.table.rows import ChangedBy, RowBuilder, listing_row, version_of
from airflow_provider_imagekit.library.table.schema import COLUMNS, LISTING_COLUMNS, METADATA_COLUMNS, Kind
from tests.library.photograph import CANON, GPS

BERLIN = zone_of("Europe/Berlin")
KEEP = Privacy(GpsPolicy.KEEP, PersonalPolicy.KEEP)


def build(metadata: dict[str, Any], privacy: Privacy = KEEP, zone: str = "UTC") -> dict[str, Any]:
    return RowBuilder(zone_of(zone), privacy).build(metadata)


class TestTypedColumns:
    def test_a_photograph_gives_its_camera_place_and_sides(self) -> None:
        row = build(CANON)
        assert (row["width"], row["height"], row["size"], row["format"]) == (100, 68, 7749, "jpg")
        assert (row["camera_make"], row["camera_model"], row["lens_model"]) == (
            "Canon",
            "Canon EOS 40D",
            "EF 50mm",
        )
        assert (row["orientation"], row["density"], row["phash"]) == (1, 72.0, "f06830ca9f1e3e90")
        assert (row["has_color_profile"], row["has_transparency"], row["has_gps"]) == (True, False, True)
        assert row["exif"] == CANON["exif"]
        assert row["other"] is None

    @pytest.mark.parametrize(
        ("tag", "expected"),
        [
            ("ION230\x00F", "ION230"),
            ("ION230\x00\x00", "ION230"),
            ("\x00ION230", None),
            ("ION\r\n230\x7f", "ION 230"),
            ("ION\x85\x9f230", "ION 230"),
            ("ION\ud800230", "ION 230"),
            ("\t\x01", None),
            ("Grüße\xa0Ж", "Grüße\xa0Ж"),
        ],
    )
    def test_nul_ends_a_text_and_control_characters_are_blanks(self, tag: str, expected: str | None) -> None:
        row = build({"exif": {"image": {"Model": tag, "Make": tag}, "exif": {"LensModel": tag}}})
        assert [row[name] for name in ("camera_model", "camera_make", "lens_model")] == [expected] * 3

    def test_a_comment_with_its_character_code_stays_whole(self) -> None:
        exif = {"exif": {"UserComment": "ASCII\x00\x00\x00text"}}
        assert build({"exif": exif})["exif"] == exif

    def test_a_video_has_no_phash(self) -> None:
        row = build({"width": 1280, "bitRate": 546524, "duration": 7.5, "videoCodec": "h264", "pHash": None})
        assert (row["bit_rate"], row["duration"], row["video_codec"]) == (546524, 7.5, "h264")
        assert (row["phash"], row["exif"], row["has_gps"]) == (None, None, False)

    def test_a_field_without_a_column_is_not_lost(self) -> None:
        assert build({"colors": ["red"], "mimeType": "image/png"})["other"] == {
            "colors": ["red"],
            "mimeType": "image/png",
        }

    @pytest.mark.parametrize("value", [True, "wide", [], {}, None, 1e999, 2**64, float("nan")])
    def test_a_value_that_is_not_a_number_is_null(self, value: Any) -> None:
        assert build({"width": value})["width"] is None

    @pytest.mark.parametrize(("value", "expected"), [("640", 640), (640.4, 640), (-1, -1)])
    def test_numbers_in_other_forms_are_converted(self, value: Any, expected: int) -> None:
        assert build({"width": value})["width"] == expected

    def test_a_malformed_phash_is_null(self) -> None:
        assert build({"pHash": "not a hash"})["phash"] is None


class TestListing:
    def test_a_record_of_the_listing(self) -> None:
        row = listing_row(
            {
                "fileId": "5e",
                "versionInfo": {"id": "v1", "name": "Version 1"},
                "filePath": "/a/b.jpg",
                "url": "https://ik.imagekit.io/demo/b.jpg?ik-s=0123456789abcdef",
                "updatedAt": "2024-01-02T03:04:05.678Z",
                "createdAt": "yesterday",
                "isPrivateFile": False,
                "tags": [],
            }
        )
        assert tuple(row) == LISTING_COLUMNS
        assert row["url"] == "https://ik.imagekit.io/demo/b.jpg?ik-s=***"
        assert (row["updated_at"], row["created_at"]) == ("2024-01-02T03:04:05.678Z", None)
        assert (row["is_private"], row["tags"]) == (False, None)
        assert version_of(row, ChangedBy.VERSION) == "v1"
        assert version_of(row, ChangedBy.VERSION_AND_TIME) == "v1 2024-01-02T03:04:05.678Z"

    def test_a_row_of_this_package_is_returned_unchanged(self) -> None:
        row = listing_row({"fileId": "5e", "filePath": "/a", "versionInfo": {"id": "v"}, "isPublished": True})
        assert listing_row(row) == row

    def test_a_bare_id_has_no_version(self) -> None:
        assert version_of(listing_row({"fileId": "5e"}), ChangedBy.VERSION) is None


class TestPrivacy:
    def test_by_default_a_row_reveals_neither_place_nor_owner_but_that_there_is_a_place(self) -> None:
        row = build(CANON, Privacy())
        assert (row["latitude"], row["longitude"], row["altitude"], row["has_gps"]) == (
            None,
            None,
            None,
            True,
        )
        text = json.dumps(row)
        assert not any(secret in text for secret in ("GPSLatitude", "SN-0420", "Ada", "SerialNumber"))
        assert row["exif"]["makernote"] == {}
        assert row["exif"]["exif"]["LensModel"] == "EF 50mm"

    @pytest.mark.parametrize(
        "section", ["image", "exif", "thumbnail", "interoperability", "makernote", "new"]
    )
    @pytest.mark.parametrize(
        "field",
        [
            *["Artist", "XPAuthor", "Copyright", "OwnerName", "BodySerialNumber", "HostComputer"],
            *["ApplicationNotes", "XMP", "IPTC-NAA", "PhotoshopSettings", "MakerNote", "ImageSourceData"],
            *["UserComment", "ImageDescription", "XPComment", "XPKeywords", "XPTitle", "DocumentName"],
            *["GDALMetadata", "DNGPrivateData", "40093", "AFieldOfTomorrow"],
        ],
    )
    def test_fields_that_can_name_a_person_or_a_place_are_dropped(self, section: str, field: str) -> None:
        row = build({"exif": {section: {field: "Ada at 52.5, 13.4"}}}, Privacy())
        assert "Ada" not in json.dumps(row)

    def test_a_structure_in_a_harmless_field_is_dropped(self) -> None:
        exif = {"exif": {"ISO": {"GPSLatitude": 1}, "LensInfo": [1, {"Owner": "Ada"}], "FNumber": 2.8}}
        assert build({"exif": exif}, Privacy())["exif"] == {"exif": {"FNumber": 2.8}}

    def test_sections_that_are_no_objects_are_dropped(self) -> None:
        assert build({"exif": {"image": "Ada", "xmp": ["Ada"]}}, Privacy())["exif"] is None

    def test_names_stay_without_coordinates_where_only_persons_are_kept(self) -> None:
        exif = {"image": {"Artist": "Ada", "ApplicationNotes": "<x:xmpmeta/>"}, "gps": GPS}
        row = build({"exif": exif}, Privacy(personal=PersonalPolicy.KEEP))
        assert row["exif"] == {"image": {"Artist": "Ada"}}

    def test_coordinates_stay_without_names_where_only_places_are_kept(self) -> None:
        exif = {"image": {"Artist": "Ada", "ApplicationNotes": "<x:xmpmeta/>"}, "gps": GPS}
        row = build({"exif": exif}, Privacy(gps=GpsPolicy.KEEP))
        assert row["exif"] == {"image": {}, "gps": GPS}
        assert row["latitude"] is not None

    @pytest.mark.parametrize(
        "field",
        [{"Artist": "Ada"}, {"ApplicationNotes": "Ada"}, {"GPSNotes": "Ada"}, {"GPSDOP": {"by": "Ada"}}],
    )
    def test_a_kept_section_of_coordinates_holds_no_names(self, field: dict[str, Any]) -> None:
        privacy, exif = Privacy(gps=GpsPolicy.KEEP), {"gps": GPS | field}
        assert build({"exif": exif}, privacy)["exif"] == {"gps": GPS}
        assert privacy.apply_to_metadata({"exif": exif}) == {"exif": {"gps": GPS}}

    def test_only_harmless_fields_outside_exif_stay(self) -> None:
        metadata = {"mimeType": "image/jpeg", "xmp": {"creator": "Ada"}, "location": [52.5, 13.4]}
        assert build(metadata, Privacy())["other"] == {"mimeType": "image/jpeg"}
        assert build(metadata)["other"] == metadata

    def test_coarse_is_a_tenth_of_a_degree(self) -> None:
        row = build(CANON, Privacy(GpsPolicy.COARSE))
        assert (row["latitude"], row["longitude"], row["altitude"]) == (43.5, 11.9, None)
        assert "gps" not in row["exif"]

    def test_the_input_is_not_changed(self) -> None:
        before = json.dumps(CANON)
        build(CANON, Privacy())
        assert json.dumps(CANON) == before

    @pytest.mark.parametrize("gps", GpsPolicy)
    @pytest.mark.parametrize("personal", PersonalPolicy)
    def test_applying_it_twice_changes_nothing_more(self, gps: GpsPolicy, personal: PersonalPolicy) -> None:
        privacy = Privacy(gps, personal)
        row = build(CANON, privacy)
        assert privacy.apply(row) == row


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["N", "S", "2024:06:01 10:00:00", "+02:00", "0000:00:00 00:00:00", "\x00", "1" * 400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
TAGS = sorted({name for section in CANON["exif"].values() for name in section} | {"CreateDate", "OffsetTime"})
sections = (
    st.dictionaries(st.sampled_from(TAGS) | st.text(max_size=5), json_values, max_size=12) | json_values
)
hostile_exif = st.dictionaries(st.sampled_from(sorted(CANON["exif"])), sections) | json_values
hostile = st.dictionaries(st.sampled_from(sorted(CANON)) | st.text(max_size=5), json_values).flatmap(
    lambda metadata: hostile_exif.map(lambda exif: {**metadata, "exif": exif})
)
TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: (bool,),
    Kind.TIME: (str,),
    Kind.JSON: (dict, list, str, int, float, bool),
}


@given(metadata=hostile, gps=st.sampled_from(GpsPolicy), personal=st.sampled_from(PersonalPolicy))
def test_whatever_the_metadata_holds_the_row_is_typed(
    metadata: dict[str, Any], gps: GpsPolicy, personal: PersonalPolicy
) -> None:
    row = RowBuilder(BERLIN, Privacy(gps, personal)).build(metadata)
    assert sorted(row) == sorted(METADATA_COLUMNS)
    check_types(row)
    if row["latitude"] is not None:
        assert abs(row["latitude"]) <= 90
        assert abs(row["longitude"]) <= 180


@given(
    names=st.dictionaries(
        st.sampled_from(sorted(HARMLESS | PERSONAL)) | st.text(max_size=9),
        st.just("SECRET") | json_values,
        max_size=8,
    ),
    section=st.sampled_from(sorted(CANON["exif"])) | st.text(max_size=5),
)
def test_a_text_under_any_name_but_the_harmless_ones_is_removed(names: dict[str, Any], section: str) -> None:
    exif = build({"exif": {section: names}, **names}, Privacy())["exif"] or {}
    assert {name for fields in exif.values() for name in fields} <= HARMLESS


@given(
    record=st.dictionaries(
        st.sampled_from(["fileId", "url", "versionInfo", "updatedAt", "tags"]), json_values
    )
)
def test_whatever_the_listing_holds_the_row_is_typed(record: dict[str, Any]) -> None:
    row = listing_row(record)
    assert tuple(row) == LISTING_COLUMNS
    check_types(row)
    version_of(row, ChangedBy.VERSION)


def check_types(row: dict[str, Any]) -> None:
    for column in COLUMNS:
        value = row.get(column.name)
        if value is not None:
            assert isinstance(value, TYPES[column.kind]), (column, value)
            if column.kind is Kind.TEXT:
                assert not {unicodedata.category(character) for character in value} & {"Cc", "Cs"}
            if column.kind is Kind.INTEGER:
                assert -(2**63) <= value < 2**63
            if column.kind is Kind.TIME:
                assert datetime.fromisoformat(value).tzinfo is not None
