from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from statistics import mean

import pytest
from PIL import Image

from airflow_provider_imagekit.emulator import compute_phash, phash_of_file
from airflow_provider_imagekit.phash import PHash
from tests.emulator.drawing import draw, encode

EXPECTED: dict[str, str] = json.loads(
    (Path(__file__).parent / "data" / "phash" / "expected.json").read_text()
)
# EXIF orientation: what was done to an upright picture so that the stated turn brings it back.
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


def test_hashes_of_photographs_are_those_of_the_recipe():
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


def test_the_hidden_colour_of_clear_pixels_counts_for_nothing():
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
