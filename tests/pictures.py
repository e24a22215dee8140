"""Draws test pictures with small and large distances."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

ORIGINAL = "shop/original.jpg"
RECOMPRESSED = "shop/recompressed.jpg"
RESIZED = "shop/resized.png"
UNRELATED = "shop/unrelated.jpg"
BLACK = "shop/black.png"
NO_PICTURE = "docs/readme.pdf"

_CANON = {0x010F: "Canon\x00\x00", 0x0110: "Canon EOS 40D", 0x0132: "2008:07:31 10:38:11"}


def draw(folder: Path) -> Path:
    """Draw the pictures into a folder and return it."""
    (folder / "shop").mkdir(parents=True)
    (folder / "docs").mkdir()
    original = scene(1)
    exif = Image.Exif()
    exif.update(_CANON)
    original.save(folder / ORIGINAL, quality=92, exif=exif)
    original.save(folder / RECOMPRESSED, quality=35)
    original.resize((160, 120)).save(folder / RESIZED)
    scene(2).save(folder / UNRELATED, quality=90)
    Image.new("RGB", (64, 64)).save(folder / BLACK)
    (folder / NO_PICTURE).write_bytes(b"%PDF-1.4\n%%EOF\n")
    return folder


def put(picture: Image.Image, file: Path) -> None:
    """Write a picture atomically, so that no request reads a partial file."""
    arriving = file.with_name(f".{file.name}")  # the local server ignores hidden files
    picture.save(arriving)
    arriving.replace(file)


def scene(seed: int) -> Image.Image:
    """Draw a picture with structure at many scales; the same seed gives the same picture."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (640, 480), tuple(chance.randrange(256) for _ in range(3)))
    pen = ImageDraw.Draw(picture)
    for size in (320, 200, 120, 60, 30):
        for _ in range(8):
            x, y = chance.randrange(640), chance.randrange(480)
            box = (x, y, x + chance.randrange(10, size), y + chance.randrange(10, size))
            colour = tuple(chance.randrange(256) for _ in range(3))
            (pen.ellipse if chance.random() < 0.5 else pen.rectangle)(box, fill=colour)
    return picture.filter(ImageFilter.GaussianBlur(1))
