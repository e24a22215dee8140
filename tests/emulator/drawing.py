"""Draws the pictures of the emulator's tests."""

from __future__ import annotations

import io
from functools import cache

from PIL import Image, ImageDraw


def draw(width: int = 320, height: int = 200, seed: int = 7, mode: str = "RGB") -> Image.Image:
    """Return a picture with enough structure for a stable perceptual hash."""
    image = Image.radial_gradient("L").resize((width, height)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for index in range(12):
        x, y = (seed * 37 * (index + 1)) % width, (seed * 53 * (index + 3)) % height
        colour = ((seed * 29 * index) % 256, (seed * 71 * index) % 256, (seed * 13 * index) % 256)
        pen.ellipse((x, y, x + width // 4, y + height // 3), fill=colour)
    return image.convert(mode)


def encode(image: Image.Image, format: str = "JPEG", **options: object) -> bytes:  # noqa: A002 - as in Pillow
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@cache
def pictures() -> dict[str, bytes]:
    """Return the files of the test library; the pictures are drawn only once."""
    return {
        "folder/a.jpg": encode(draw(seed=7), dpi=(300, 300)),
        "folder/b.png": encode(draw(seed=11, mode="RGBA"), "PNG"),
        "top.webp": encode(draw(seed=13), "WEBP"),
        "notes.txt": b"no picture",
    }
