"""
The sample catalogue: drawn pictures, real photographs, and derived variants of both.

With the same versions of this project and Pillow, the files are identical byte by byte.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from demo.catalogue import graphics, landscapes, products
from demo.catalogue.drawing import SCALE
from demo.catalogue.exif import Shot, exif_of, srgb_profile
from demo.catalogue.photographs import photograph_files
from demo.catalogue.variants import VARIANTS, Variant

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Catalogue", "Derived", "Original", "build"]

CANON = ("Canon", "Canon EOS R6", "RF24-105mm F4 L IS USM")
NIKON = ("NIKON CORPORATION", "NIKON Z 6_2", "NIKKOR Z 50mm f/1.8 S")
FUJI = ("FUJIFILM", "X-T5", "XF23mmF1.4 R LM WR")

LAKE = Shot(*CANON, "2026:06:03 05:41:12", "+02:00", focal_length=24.0, place=(46.5584, 12.1325, 1756.0))
DUNES = Shot(*CANON, "2026:02:11 17:20:45", "+04:00", f_number=11.0, place=(-24.7306, 15.3406, 571.3))
HARBOUR = Shot(*NIKON, "2026:03:28 22:05:59", "+08:00", (4, 1), iso=64, place=(1.2868, 103.8545, 12.4))
FOREST = Shot(
    *FUJI, "2026:05:17 08:12:30", "+02:00", (1, 60), iso=800, place=(52.2054, 6.0021, 41.0), orientation=6
)
LAVENDER = Shot(*FUJI, "2026:07:02 19:44:03", "+02:00", place=(43.8283, 5.9719, 582.6))
STUDIO = Shot(*NIKON, "2026:01:14 10:30:00", "+01:00", (1, 125), f_number=8.0, iso=100, focal_length=50.0)

#: Drawn pictures: path, scene, and the EXIF of the shot (JPEG only).
DRAWN: tuple[tuple[str, Callable[[], Image.Image], Shot | None], ...] = (
    ("landscapes/mountain-lake.jpg", landscapes.mountain_lake, LAKE),
    ("landscapes/desert-dunes.jpg", landscapes.desert_dunes, DUNES),
    ("landscapes/harbour-night.jpg", landscapes.harbour_night, HARBOUR),
    ("landscapes/forest-path.jpg", landscapes.forest_path, FOREST),
    ("landscapes/lavender-field.jpg", landscapes.lavender_field, LAVENDER),
    ("products/mug.jpg", products.mug, STUDIO),
    ("products/wristwatch.jpg", products.wristwatch, STUDIO),
    ("products/armchair.jpg", products.armchair, STUDIO),
    ("products/tartan.jpg", products.tartan, STUDIO),
    ("products/desk-lamp.webp", products.desk_lamp, None),
    ("products/headphones.png", products.headphones, None),
    ("banners/hero.jpg", graphics.summer_banner, None),
    ("banners/autumn.jpg", graphics.autumn_banner, None),
    ("illustrations/tiles.gif", graphics.truchet_tiles, None),
    ("illustrations/contour-map.png", graphics.contour_map, None),
)

#: Pictures that have variants, with the names of the variants.
DERIVED_FROM = {
    "landscapes/mountain-lake.jpg": tuple(variant.name for variant in VARIANTS),
    "products/wristwatch.jpg": ("resized", "watermarked", "recoloured"),
    "photos/coffee.jpg": tuple(variant.name for variant in VARIANTS),
    "photos/cat.jpg": ("recompressed", "cropped"),
}


@dataclass(frozen=True)
class Original:
    """An original picture; ``source`` is ``drawn`` or ``photograph``."""

    path: str
    source: str


@dataclass(frozen=True)
class Derived:
    """A picture derived from another; ``variant`` is the name of the method, ``how`` describes it."""

    path: str
    original: str
    variant: str
    how: str


@dataclass(frozen=True)
class Catalogue:
    """The content of the folder, also written there as ``catalogue.json``."""

    originals: list[Original] = field(default_factory=list)
    variants: list[Derived] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the catalogue as plain JSON."""
        return dataclasses.asdict(self)


def build(directory: Path) -> Catalogue:
    """
    Draw the catalogue into a folder.

    :param directory: created if missing; files of the same names are overwritten.
    :return: the written files. Without scikit-image there are no photographs.
    """
    catalogue = Catalogue()
    for path, scene, shot in DRAWN:
        _save(scene().reduce(SCALE), directory / path, shot)
        catalogue.originals.append(Original(path, "drawn"))
    logo = directory / "illustrations/logo.svg"
    logo.write_text(graphics.LOGO_SVG, encoding="utf-8")
    catalogue.originals.append(Original("illustrations/logo.svg", "drawn"))
    for number, (name, file) in enumerate(photograph_files().items()):
        shot = Shot(
            *CANON, f"2026:04:{number + 1:02} 12:00:00", "+02:00", place=(48.8584, 2.2945, 35.0 + number)
        )
        with Image.open(file) as photograph:
            _save(photograph.convert("RGB"), directory / f"photos/{name}.jpg", shot)
        catalogue.originals.append(Original(f"photos/{name}.jpg", "photograph"))
    catalogue.variants.extend(_derive(directory))
    manifest = json.dumps(catalogue.as_dict(), indent=2) + "\n"
    (directory / "catalogue.json").write_text(manifest, encoding="utf-8")
    return catalogue


def _derive(directory: Path) -> list[Derived]:
    known: dict[str, Variant] = {variant.name: variant for variant in VARIANTS}
    made = []
    for original, names in DERIVED_FROM.items():
        if not (directory / original).exists():
            continue
        with Image.open(directory / original) as image:
            for name in names:
                path = f"variants/{Path(original).stem}-{name}.jpg"
                _save(known[name].derive(image.convert("RGB")), directory / path, quality=known[name].quality)
                made.append(Derived(path, original, name, known[name].how))
    return made


def _save(image: Image.Image, file: Path, shot: Shot | None = None, *, quality: int = 88) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"icc_profile": srgb_profile()}
    match file.suffix:
        case ".jpg":
            options |= {"quality": quality, "subsampling": "4:2:0"}
        case ".webp":
            options |= {"quality": quality}
        case ".gif":
            image, options = image.quantize(16), {}
    if shot is not None:
        options["exif"] = exif_of(shot)
        if shot.orientation == 6:  # the camera was held upright: stored as landscape, shown as portrait
            image = image.transpose(Image.Transpose.ROTATE_90)
    image.save(file, **options)
