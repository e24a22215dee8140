"""What the local server and a library's table make of files that broke real programs."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image

from airflow_provider_imagekit.client.responses import load_json
from airflow_provider_imagekit.emulator.pictures.metadata import picture_metadata
from airflow_provider_imagekit.library.table.capture import zone_of
from airflow_provider_imagekit.library.table.privacy import GpsPolicy, PersonalPolicy, Privacy
from airflow_provider_imagekit.library.table.rows import RowBuilder
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.phash.pictures import compute_phash, phash_of_file
from tests.corpus.make import EXIF, OFFSET, OFFSET_ORIGINAL, encoded, exif, files
from tests.emulator.drawing import draw

FILES = files()
KEEP = Privacy(GpsPolicy.KEEP, PersonalPolicy.KEEP)


def row_of(content: bytes, privacy: Privacy = KEEP) -> dict[str, Any]:
    answer = json.dumps(picture_metadata(content)).encode()
    return RowBuilder(zone_of("UTC"), privacy).build(load_json(answer))


@pytest.mark.parametrize(
    ("name", "at", "source"),
    [
        ("clock.jpg", "2022-09-10T12:00:00.000Z", "zone"),
        ("clock-with-gps.jpg", "2022-09-10T10:00:03.000Z", "gps"),
        ("clock-with-old-gps.jpg", "2022-09-10T12:00:00.000Z", "zone_despite_gps"),
        ("clock-with-dummy-gps.jpg", "2022-09-10T12:00:00.000Z", "zone_despite_gps"),
        ("clock-with-odd-gps-date.jpg", "2022-09-10T12:00:00.000Z", "zone"),
        ("offset-in-clock.jpg", "2004-09-05T07:39:06.000Z", "offset"),
        ("afternoon.jpg", "2004-09-04T14:42:10.000Z", "zone"),
    ],
)
def test_clocks_give_instants(name: str, at: str, source: str) -> None:
    row = row_of(FILES[name])
    assert (row["captured_at"], row["captured_at_source"]) == (at, source)


@pytest.mark.parametrize(
    ("name", "at", "source"),
    [
        ("offset.jpg", "2022-09-10T17:00:00.000Z", "offset"),
        ("offset-of-edit.jpg", "2022-09-10T12:00:00.000Z", "zone"),
        ("offset-of-edit-alone.jpg", "2022-09-10T12:00:00.000Z", "zone"),
        ("offset-of-edit-at-once.jpg", "2022-09-10T03:00:00.000Z", "offset"),
        ("offset-impossible.jpg", "2022-09-10T12:00:00.000Z", "zone"),
    ],
)
def test_offsets_give_instants_where_an_answer_has_them(name: str, at: str, source: str) -> None:
    # The local server leaves these tags out, as the library does that ImageKit's answers come from.
    metadata = picture_metadata(FILES[name])
    camera = Image.open(io.BytesIO(FILES[name])).getexif().get_ifd(EXIF)
    offsets = {"OffsetTime": camera.get(OFFSET), "OffsetTimeOriginal": camera.get(OFFSET_ORIGINAL)}
    assert any(offsets.values())
    metadata["exif"]["exif"] |= offsets
    row = RowBuilder(zone_of("UTC"), KEEP).build(metadata)
    assert (row["captured_at"], row["captured_at_source"]) == (at, source)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("place.jpg", (43.46722222, 11.885)),
        ("place-zero.jpg", (None, None)),
        ("place-on-equator.jpg", (0.0, 11.885)),
        ("place-void.jpg", (None, None)),
    ],
)
def test_coordinates_give_places(name: str, place: tuple[float | None, float | None]) -> None:
    row = row_of(FILES[name])
    assert (row["latitude"], row["longitude"]) == place
    assert row["has_gps"] is (place[0] is not None)


def test_nul_ends_a_name_and_a_comment_stays_whole() -> None:
    row = row_of(FILES["nul.jpg"])
    assert row["camera_model"] == row["exif"]["image"]["Model"] == "ION230"
    assert row["exif"]["exif"]["UserComment"] == "ASCIItext"


def test_people_and_places_leave_the_row_by_default() -> None:
    assert "Ada" in json.dumps(row_of(FILES["people.jpg"]))
    text = json.dumps(row_of(FILES["people.jpg"], Privacy()))
    assert not any(secret in text for secret in ("Ada", "52.5", "GPSLatitude", "xmpmeta"))


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.startswith("turned")))
def test_sides_are_stored_and_the_hash_is_of_the_upright_picture(name: str) -> None:
    row = row_of(FILES[name])
    assert (row["width"], row["height"], row["orientation"], row["camera_model"]) == (48, 32, 6, "Turned")
    upright = draw(48, 32).transpose(Image.Transpose.ROTATE_270)
    assert PHash.parse(row["phash"]).distance(compute_phash(upright)) <= 8


def test_heic_says_what_the_file_says() -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    content = encoded("HEIF", draw(96, 64), exif=exif({0x0112: 6}).tobytes())
    row = row_of(content)
    assert (row["width"], row["height"], row["orientation"]) == (96, 64, 6)
    upright = draw(96, 64).transpose(Image.Transpose.ROTATE_270)
    assert PHash.parse(row["phash"]).distance(compute_phash(upright)) <= 6


def test_exif_of_jpeg_2000_is_read() -> None:
    assert row_of(FILES["exif.jp2"])["camera_model"] == "Turned"


def test_16_bit_grey_has_one_hash_in_either_byte_order() -> None:
    assert phash_of_file(FILES["deep-little.tif"]) == phash_of_file(FILES["deep-big.tif"])
    assert row_of(FILES["deep-big.tif"])["phash"] == row_of(FILES["deep-little.tif"])["phash"]
