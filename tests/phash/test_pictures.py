from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import math
import struct
import warnings
import zlib
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.phash.pictures import MAX_PIXELS, compute_phash, open_picture, phash_of_file
from tests.emulator.drawing import draw, encode

EXPECTED: dict[str, str] = json.loads((Path(__file__).parent / "photographs" / "expected.json").read_text())
# EXIF orientation: the transposition of an upright picture that the orientation reverses.
UNDONE_BY = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def photo(name: str) -> Path:
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        pytest.skip("needs the photographs inside scikit-image")
    return Path(package.origin).parent / "data" / name


def test_hashes_of_photographs_match_the_reference_algorithm():
    distances = [phash_of_file(photo(name)).distance(PHash.parse(text)) for name, text in EXPECTED.items()]
    assert len(distances) >= 20
    assert mean(distances) <= 2
    assert max(distances) <= 6


@pytest.mark.parametrize("orientation", UNDONE_BY)
def test_a_picture_is_turned_upright_before_it_is_hashed(orientation):
    upright = draw(300, 200)
    method = UNDONE_BY[orientation]
    turned = upright if method is None else upright.transpose(method)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(turned, quality=95, exif=exif.tobytes())
    assert phash_of_file(content).distance(compute_phash(upright)) <= 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_pictures_of_any_mode_have_a_hash(mode):
    image = draw().convert("L").convert(mode) if mode in ("I;16", "F", "1") else draw().convert(mode)
    assert 0 <= compute_phash(image).bits < 1 << 64


def test_the_hash_survives_resizing_and_recompression_but_not_another_picture():
    original = draw(seed=7)
    smaller = original.resize((120, 75))
    worse = Image.open(io.BytesIO(encode(original, quality=30)))
    assert compute_phash(original).distance(compute_phash(smaller)) <= 4
    assert compute_phash(original).distance(compute_phash(worse)) <= 4
    assert compute_phash(original).distance(compute_phash(draw(seed=23))) > 12


def test_the_colour_of_transparent_pixels_is_ignored():
    box = (50, 50, 200, 150)
    hole = Image.new("L", (320, 200), 255)
    hole.paste(0, box)
    one, other = draw(), draw()
    other.paste((255, 0, 0), box)
    assert compute_phash(one) != compute_phash(other)
    for image in (one, other):
        image.putalpha(hole)
    assert compute_phash(one) == compute_phash(other)


def test_a_black_picture_hashes_to_zero():
    assert str(compute_phash(Image.new("RGB", (64, 64)))) == "0" * 16


def hostile_files() -> dict[str, bytes]:
    """File contents in formats that Pillow supports but that must not be opened."""
    return {
        "an EPS file, for which Pillow starts Ghostscript": (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n"
        ),
        "a plain grey map": b"P2 2 2 255 0 1 2 3",
        "a PCX file": encode(draw(mode="L"), "PCX"),
        "a TGA file": encode(draw(), "TGA"),
        "a picture with a broken head": encode(draw(), "PNG")[:20],
        "a picture that ends early": encode(draw(), "JPEG")[:3000],
        "a TIFF whose directory points nowhere": b"II*\0\xff\xff\0\0",
        "nothing": b"",
        "text": b"hello",
    }


@pytest.mark.parametrize("name", hostile_files())
def test_what_is_not_a_picture_of_an_accepted_format_raises_an_os_error(name):
    with pytest.raises(OSError, match=r"\w"):
        phash_of_file(hostile_files()[name])


@pytest.mark.parametrize("path", ["missing.jpg", ".", "nul\0.jpg"])
def test_a_path_that_cannot_be_opened_raises_an_os_error(tmp_path, path):
    with pytest.raises(OSError, match=r"\w"):
        phash_of_file(tmp_path / path)


def test_a_picture_with_too_many_pixels_is_refused_by_its_header():
    side = math.isqrt(MAX_PIXELS) + 1
    head = struct.pack(">II5B", side, side, 1, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    content += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.warns(Image.DecompressionBombWarning), pytest.raises(OSError, match="too many pixels"):
        phash_of_file(content)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "ICO", "JPEG2000"]),
    position=st.floats(0, 1, exclude_max=True),
    byte=st.integers(0, 255),
    kept=st.floats(0.5, 1),
)
def test_a_damaged_picture_has_a_hash_or_raises_an_os_error(kind, position, byte, kept):
    content = bytearray(encode(draw(48, 32), kind))
    content[int(position * len(content))] = byte
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(OSError):
            phash_of_file(bytes(content[: int(kept * len(content))]))


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_grey_of_either_byte_order_hashes_like_8_bit(tmp_path, order):
    grey = draw(mode="L")
    pixels = b"".join(struct.pack(f"{order}H", value << 8) for value in grey.tobytes())
    deep = Image.frombytes("I;16" if order == "<" else "I;16B", grey.size, pixels)
    deep.save(tmp_path / "deep.tif")
    assert phash_of_file(tmp_path / "deep.tif") == compute_phash(grey)
    with (tmp_path / "deep.tif").open("rb") as file, open_picture(file) as image:
        assert image.mode == deep.mode
