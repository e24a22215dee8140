"""
The perceptual hash by the recipe that reproduces ImageKit's published values.

It is that of the npm package ``sharp-phash``: turn upright, grey, 32 x 32 regardless of the aspect ratio,
two-dimensional DCT-II, the 8 x 8 block at frequencies 1 to 8, one bit for each coefficient above the
block's mean, horizontal frequency first. Resamplers differ by a few bits: compare with a radius, never
``==``.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from airflow_provider_imagekit.emulator.pictures.opening import in_colour
from airflow_provider_imagekit.phash import PHash

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["compute_phash", "phash_of_file"]

_SIDE = 32
_BLOCK = range(1, 9)
_COSINES = [[math.cos((2 * k + 1) * u * math.pi / (2 * _SIDE)) for k in range(_SIDE)] for u in _BLOCK]
# sRGB value to linear light.
_LINEAR = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (i / 255 for i in range(256))]


def compute_phash(image: Image.Image) -> PHash:
    """
    Return the hash of a picture, which is first turned as its EXIF orientation says.

    :param image: a picture of any mode.
    """
    samples = _samples(ImageOps.exif_transpose(image))
    rows = [samples[_SIDE * y : _SIDE * (y + 1)] for y in range(_SIDE)]
    # Horizontal frequencies of every row, then vertical frequencies of each of these.
    across = [[sum(map(_product, row, wave)) for row in rows] for wave in _COSINES]
    block = [sum(map(_product, column, wave)) for column in across for wave in _COSINES]
    mean = sum(block) / len(block)
    bits = 0
    for coefficient in block:
        bits = bits << 1 | (coefficient > mean)
    return PHash(bits)


def phash_of_file(picture: str | Path | bytes) -> PHash:
    """
    Return the hash that ImageKit would give a local picture, up to a few bits.

    :param picture: path or content of a file that Pillow reads.
    :raises OSError: if it is no such file.
    """
    with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture) as image:
        return compute_phash(image)


def _samples(image: Image.Image) -> list[float]:
    # Resizing weighs transparency in, so that the hidden colour of a clear pixel counts for nothing.
    image = in_colour(image)
    small = image.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0).convert("RGB")
    return [_brightness(*pixel) for pixel in zip(*(band.tobytes() for band in small.split()), strict=True)]


def _brightness(red: int, green: int, blue: int) -> float:
    # libvips, below sharp, adds up light and not sRGB values; this brings us from 1.6 bits off to 0.9.
    luminance = 0.2126 * _LINEAR[red] + 0.7152 * _LINEAR[green] + 0.0722 * _LINEAR[blue]
    return 12.92 * luminance if luminance <= 0.0031308 else 1.055 * luminance ** (1 / 2.4) - 0.055


def _product(a: float, b: float) -> float:
    return a * b
