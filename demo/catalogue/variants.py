"""Derived copies of pictures, such as resized, cropped or watermarked ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageEnhance

from demo.catalogue.drawing import text

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Variant:
    """
    A way to derive a copy.

    :param name: end of the file name.
    :param how: description of the change.
    :param derive: function that derives the copy.
    :param quality: JPEG quality of the copy.
    """

    name: str
    how: str
    derive: Callable[[Image.Image], Image.Image]
    quality: int = 88


def resized(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


def recompressed(image: Image.Image) -> Image.Image:
    return image


def cropped(image: Image.Image) -> Image.Image:
    x, y = image.width // 50, image.height // 50
    return image.crop((x, y, image.width - x, image.height - y))


def watermarked(image: Image.Image) -> Image.Image:
    mark = Image.new("RGBA", image.size)
    draw = ImageDraw.Draw(mark)
    text(
        draw,
        (image.width * 0.97, image.height * 0.95),
        "© Meridian Goods",
        image.width / 22,
        "#ffffffc8",
        "rm",
    )
    return Image.alpha_composite(image.convert("RGBA"), mark).convert("RGB")


def recoloured(image: Image.Image) -> Image.Image:
    red, green, blue = image.split()
    warm = Image.merge("RGB", (red.point(lambda v: min(255, v * 1.12)), green, blue.point(lambda v: v * 0.8)))
    return ImageEnhance.Color(warm).enhance(1.3)


def tilted(image: Image.Image) -> Image.Image:
    turned = image.rotate(3, Image.Resampling.BICUBIC)
    x, y = round(image.width * 0.06), round(image.height * 0.06)
    return turned.crop((x, y, image.width - x, image.height - y))


def rotated(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.ROTATE_90)


VARIANTS = (
    Variant("resized", "half the width and height", resized),
    Variant("recompressed", "JPEG quality 20", recompressed, quality=20),
    Variant("cropped", "2 % cut off every edge", cropped),
    Variant("watermarked", "a line of text in the corner", watermarked),
    Variant("recoloured", "warmer, more saturated", recoloured),
    Variant("tilted", "turned by 3 degrees, edges cut off", tilted),
    Variant("rotated", "turned by 90 degrees", rotated),
)
