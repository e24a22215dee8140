"""The picture that the default rules keep among an original and its edits."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from airflow_provider_imagekit.phash.pictures import phash_of_file
from airflow_provider_imagekit.similarity.near_duplicates import find_near_duplicates
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.survivors import SurvivorPolicy
from demo.catalogue import Catalogue, build
from demo.catalogue.photographs import photograph_files
from demo.catalogue.variants import watermarked
from tests.pictures import scene

pytestmark = pytest.mark.slow


def record_of(file: bytes, name: str, created: datetime | None) -> HashRecord:
    with Image.open(io.BytesIO(file)) as picture:
        width, height = picture.size
    attributes = {"width": width, "height": height, "size": len(file), "createdAt": created}
    return HashRecord(name, phash_of_file(file), attributes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("catalogue")


@pytest.fixture(scope="module")
def catalogue(folder: Path) -> Catalogue:
    return build(folder)


def test_no_group_of_the_sample_catalogue_keeps_a_copy(folder: Path, catalogue: Catalogue) -> None:
    paths = [picture.path for picture in (*catalogue.originals, *catalogue.variants)]
    records = [
        record_of(
            (folder / path).read_bytes(), path, datetime.fromtimestamp((folder / path).stat().st_mtime, UTC)
        )
        for path in paths
        if not path.endswith(".svg")
    ]
    groups = find_near_duplicates(records).groups
    assert len(groups) >= 4
    originals = {picture.path for picture in catalogue.originals}
    assert {group.keeper.record.id for group in groups} <= originals
    assert not [group.reason for group in groups if group.reason.startswith("uncertain")]


def badge(picture: Image.Image) -> Image.Image:
    ImageDraw.Draw(picture).ellipse(
        (10, 10, picture.width // 4, picture.width // 4), fill="red", outline="white"
    )
    return picture


def stripe(picture: Image.Image) -> Image.Image:
    box = (0, picture.height * 9 // 10, picture.width, picture.height)
    ImageDraw.Draw(picture).rectangle(box, fill="black")
    return picture


EDITS: dict[str, tuple[Callable[[Image.Image], Image.Image], int]] = {
    "watermarked": (watermarked, 88),
    "watermarked at a higher quality": (watermarked, 97),
    "with a badge": (badge, 90),
    "with a stripe": (stripe, 75),
    "sharpened": (lambda picture: ImageEnhance.Sharpness(picture).enhance(3), 90),
    "more contrast": (lambda picture: ImageOps.autocontrast(picture, cutoff=5), 88),
    "recompressed": (lambda picture: picture, 30),
    "halved": (lambda picture: picture.reduce(2), 95),
}


def saved(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def pictures() -> dict[str, Image.Image]:
    found = {"drawn 1": scene(1), "drawn 2": scene(2)}
    for name, file in photograph_files().items():
        with Image.open(file) as photograph:
            found[name] = photograph.convert("RGB")
    return found


@pytest.mark.parametrize("edit", EDITS)
def test_the_original_of_an_edit_is_kept(edit: str) -> None:
    change, quality = EDITS[edit]
    policy = SurvivorPolicy()
    for name, picture in pictures().items():
        original = record_of(saved(picture, 88), "z", datetime(2026, 1, 1, tzinfo=UTC))
        copy = record_of(saved(change(picture.copy()), quality), "a", datetime(2026, 1, 2, tzinfo=UTC))
        assert min((original, copy), key=policy.rank).id == "z", name


def test_without_ages_a_keeper_between_an_original_and_its_overlay_is_uncertain() -> None:
    policy = SurvivorPolicy()
    for name, picture in pictures().items():
        original = record_of(saved(picture, 88), "original", None)
        overlay = record_of(saved(watermarked(picture), 88), "overlay", None)
        keeper, other = sorted((original, overlay), key=policy.rank)
        assert policy.reason(keeper, [other]).startswith("uncertain: largest file"), name
