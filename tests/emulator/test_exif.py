from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from airflow_provider_imagekit.emulator.pictures.exif import read_exif

DATA = Path(__file__).parent / "data" / "exif"
SECTIONS = ["image", "thumbnail", "exif", "gps", "interoperability", "makernote"]
EXPECTED = json.loads((DATA / "expected.json").read_text())


def block_of(name: str) -> bytes:
    with Image.open(DATA / name) as image:
        return image.info["exif"]


def tiff(*entries: tuple[int, int, int, bytes], order: str = "<", tail: bytes = b"") -> bytes:
    """Return an EXIF block with one directory; an entry is tag, type, count and four bytes of value."""
    mark = b"II" if order == "<" else b"MM"
    body = b"".join(
        struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in entries
    )
    return mark + struct.pack(order + "HIH", 42, 8, len(entries)) + body + bytes(4) + tail


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_exif_of_real_cameras_equals_what_npm_exif_reads(name):
    assert read_exif(block_of(name)) == EXPECTED[name]


def test_the_camera_files_have_many_tags_and_makers():
    tags = sum(len(section) for file in EXPECTED.values() for section in file.values())
    makers = {file["image"]["Make"] for file in EXPECTED.values() if "Make" in file["image"]}
    assert tags > 300
    assert len(makers) >= 5


@pytest.mark.parametrize(
    "block", [None, b"", b"Exif\x00\x00", b"II*\x00", b"XX*\x00\x08\x00\x00\x00", b"II\x2b\x00" + bytes(8)]
)
def test_without_readable_exif_the_result_is_empty(block):
    assert read_exif(block) == {}


def test_all_sections_exist_if_one_exists():
    assert list(read_exif(tiff((0x0112, 3, 1, b"\x06\x00\x00\x00")))) == SECTIONS


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_rational_is_a_number_and_division_by_zero_is_null(order):
    offset = 8 + 2 + 3 * 12 + 4
    numbers = struct.pack(order + "6I", 72, 1, 1, 160, 1, 0)
    entries = [
        (tag, 5, 1, struct.pack(order + "I", offset + 8 * i))
        for i, tag in enumerate((0x011A, 0x829A, 0x829D))
    ]
    image = read_exif(tiff(*entries, order=order, tail=numbers))["image"]
    assert image == {"XResolution": 72, "ExposureTime": 0.00625, "FNumber": None}
    assert isinstance(image["XResolution"], int)


def test_a_text_loses_one_trailing_nul_and_unknown_tags_are_dropped():
    image = read_exif(
        tiff((0x010F, 2, 4, b"abc\x00"), (0x0110, 2, 4, b"a\x00\x00\x00"), (0x7777, 2, 4, b"abc\x00"))
    )["image"]
    assert image == {"Make": "abc", "Model": "a\x00\x00"}


def test_values_outside_the_block_are_dropped():
    block = tiff(
        (0x010F, 2, 4000, b"\xff\xff\x00\x00"),
        (0x0112, 3, 1, b"\x03\x00\x00\x00"),
        (0x0110, 2, 2**32 - 1, bytes(4)),
    )
    assert read_exif(block)["image"] == {"Orientation": 3}


def test_directories_that_point_at_each_other_end():
    block = tiff((0x8769, 4, 1, b"\x08\x00\x00\x00"), (0x8825, 4, 1, b"\x08\x00\x00\x00"))
    assert read_exif(block)["exif"]["ExifOffset"] == 8


@given(st.sampled_from(sorted(EXPECTED)), st.data())
def test_damaged_exif_is_read_as_far_as_it_goes(name, data):
    block = bytearray(block_of(name))
    for _ in range(data.draw(st.integers(1, 20))):
        block[data.draw(st.integers(6, min(len(block), 2000) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(block)))
    found = read_exif(bytes(block[:cut]))
    json.dumps(found, allow_nan=False)
    assert found == {} or list(found) == SECTIONS


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_raising(noise):
    for head in (b"", b"II*\x00\x08\x00\x00\x00", b"MM\x00*\x00\x00\x00\x08"):
        json.dumps(read_exif(head + noise), allow_nan=False)
