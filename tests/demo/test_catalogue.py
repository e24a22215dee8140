from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from PIL import ExifTags, Image, ImageOps

from airflow_provider_imagekit.phash.pictures import phash_of_file
from demo.catalogue import Catalogue, build

SIMILAR = 8
#: The gentler a change, the closer the copy.
FARTHEST = {"resized": 3, "recompressed": 3, "recoloured": 8, "watermarked": 8, "cropped": 16, "tilted": 24}
STEREO = {"photos/motorcycle-left.jpg", "photos/motorcycle-right.jpg"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("catalogue")


@pytest.fixture(scope="module")
def catalogue(folder: Path) -> Catalogue:
    return build(folder)


def test_two_builds_give_the_same_bytes(folder: Path, catalogue: Catalogue, tmp_path: Path) -> None:
    build(tmp_path)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == len(catalogue.originals) + len(catalogue.variants) + 1
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert [file for file in files if (folder / file).read_bytes() != (tmp_path / file).read_bytes()] == []


def test_the_manifest_names_every_picture_and_how_it_was_made(folder: Path, catalogue: Catalogue) -> None:
    manifest = json.loads((folder / "catalogue.json").read_text())
    assert manifest == catalogue.as_dict()
    named = {entry["path"] for entry in manifest["originals"] + manifest["variants"]}
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.*")} == named | {"catalogue.json"}
    assert all(variant["original"] in named and variant["how"] for variant in manifest["variants"])


def test_photographs_are_among_the_pictures(catalogue: Catalogue) -> None:
    assert sum(original.source == "photograph" for original in catalogue.originals) >= 5


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    ("path", "format", "mode"),
    [
        ("products/mug.jpg", "JPEG", "RGB"),
        ("products/headphones.png", "PNG", "RGBA"),
        ("products/desk-lamp.webp", "WEBP", "RGB"),
        ("illustrations/tiles.gif", "GIF", "P"),
    ],
)
def test_formats_are_what_their_names_say(folder: Path, path: str, format: str, mode: str) -> None:  # noqa: A002
    with Image.open(folder / path) as image:
        assert (image.format, image.mode) == (format, mode)


@pytest.mark.usefixtures("catalogue")
def test_a_landscape_has_camera_lens_dates_place_and_colour_profile(folder: Path) -> None:
    with Image.open(folder / "landscapes/desert-dunes.jpg") as image:
        exif, profile = image.getexif(), image.info["icc_profile"]
    details, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert exif[ExifTags.Base.Model] == "Canon EOS R6"
    assert details[ExifTags.Base.LensModel] == "RF24-105mm F4 L IS USM"
    assert details[ExifTags.Base.DateTimeOriginal] == "2026:02:11 17:20:45"
    assert details[ExifTags.Base.OffsetTimeOriginal] == "+04:00"
    degrees, minutes, seconds = gps[ExifTags.GPS.GPSLatitude]
    assert gps[ExifTags.GPS.GPSLatitudeRef] == "S"
    assert degrees + minutes / 60 + seconds / 3600 == pytest.approx(24.7306, abs=1e-5)
    assert gps[ExifTags.GPS.GPSAltitude] == pytest.approx(571.3)
    assert profile[36:40] == b"acsp", "an ICC profile has this signature"


@pytest.mark.usefixtures("catalogue")
def test_one_picture_is_stored_lying_and_shown_standing(folder: Path) -> None:
    with Image.open(folder / "landscapes/forest-path.jpg") as image:
        assert image.size == (960, 640)
        assert ImageOps.exif_transpose(image).size == (640, 960)


def test_variants_are_as_far_from_their_originals_as_they_are_meant_to_be(
    folder: Path, catalogue: Catalogue
) -> None:
    for variant in catalogue.variants:
        distance = phash_of_file(folder / variant.path) - phash_of_file(folder / variant.original)
        if variant.variant == "rotated":
            assert distance > 20, variant
        else:
            assert distance <= FARTHEST[variant.variant], variant


def test_no_two_originals_are_mistaken_for_each_other(folder: Path, catalogue: Catalogue) -> None:
    paths = [original.path for original in catalogue.originals if not original.path.endswith(".svg")]
    hashes = {path: phash_of_file(folder / path) for path in paths}
    near = {(a, b) for a, b in itertools.combinations(hashes, 2) if hashes[a] - hashes[b] <= SIMILAR + 4}
    assert near <= {tuple(sorted(STEREO))}
