"""
Open local pictures safely, and compute the perceptual hash that ImageKit would compute.

The hash follows the recipe of the npm package ``sharp-phash``, which reproduces ImageKit's published values:
rotate upright, convert to grey, resize to 32 x 32 regardless of the aspect ratio, apply a two-dimensional
DCT-II, take the 8 x 8 block at frequencies 1 to 8, and set one bit for each coefficient above the block's
mean, horizontal frequency first. Resamplers differ by a few bits, so compare with a radius, never with
``==``. This module needs the extra ``pillow``.
"""

from __future__ import annotations

import importlib
import io
import math
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

try:
    from PIL import Image, ImageOps
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f'Pictures need {error.name}. Install the extra: pip install "airflow-provider-imagekit[pillow]"'
    ) from None

from airflow_provider_imagekit.phash import PHash

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "MAX_PIXELS",
    "BadPictureError",
    "compute_phash",
    "in_colour",
    "open_picture",
    "phash_of_file",
    "upright",
]

#: ImageKit's documented limit for input images.
MAX_PIXELS = 100_000_000

# Excluded are readers that run a program (EPS), read a second file, or decode formats that no browser shows.
_READABLE = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF", "JPEG2000", "ICO")

_ORIENTATION = 0x0112  # EXIF tag

_SIDE = 32
_BLOCK = range(1, 9)
_COSINES = [[math.cos((2 * k + 1) * u * math.pi / (2 * _SIDE)) for k in range(_SIDE)] for u in _BLOCK]
# sRGB value to linear light.
_LINEAR = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (i / 255 for i in range(256))]


class BadPictureError(OSError):
    """Raised when a file is not a picture that can be decoded within the limits."""


@contextmanager
def open_picture(file: IO[bytes]) -> Iterator[Image.Image]:
    """
    Open a picture; its pixels are decoded when they are first needed.

    Only formats that ImageKit accepts are tried. No reader runs a program or opens another file. Only the
    first frame of an animation is decoded.

    :param file: the file to read.
    :raises BadPictureError: if the picture is not readable, broken, or larger than :data:`MAX_PIXELS`; it can
        also be raised inside the ``with`` block.
    """
    try:
        with Image.open(file, formats=_readable()) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadPictureError("The picture has too many pixels.")
            yield image
    except BadPictureError:
        raise
    # Pillow's readers raise nearly anything on hostile input: SyntaxError, struct.error, IndexError, ...
    except Exception as error:
        raise BadPictureError(str(error) or type(error).__name__) from error


def phash_of_file(picture: str | Path | bytes) -> PHash:
    """
    Return the hash that ImageKit would compute for a local picture, except for a few bits.

    :param picture: path or content of a file in a format that ImageKit accepts.
    :raises OSError: if the file does not exist, or cannot be decoded as a picture of at most
        :data:`MAX_PIXELS` pixels.
    """
    with _opened(picture) as file, open_picture(file) as image:
        return compute_phash(image)


def compute_phash(image: Image.Image) -> PHash:
    """
    Return the hash of a picture, after it is rotated by its EXIF orientation.

    :param image: a picture of any mode.
    """
    samples = _samples(upright(image))
    rows = [samples[_SIDE * y : _SIDE * (y + 1)] for y in range(_SIDE)]
    # Horizontal frequencies of every row, then vertical frequencies of each of these.
    across = [[sum(map(_product, row, wave)) for row in rows] for wave in _COSINES]
    block = [sum(map(_product, column, wave)) for column in across for wave in _COSINES]
    mean = sum(block) / len(block)
    bits = 0
    for coefficient in block:
        bits = bits << 1 | (coefficient > mean)
    return PHash(bits)


def upright(image: Image.Image) -> Image.Image:
    """
    Return the picture rotated by its EXIF orientation; itself if it is upright, since a copy may take 400 MB.

    :param image: a picture.
    """
    image.load()  # rotates a TIFF picture and updates its EXIF data
    return image if image.getexif().get(_ORIENTATION, 1) == 1 else ImageOps.exif_transpose(image)


def in_colour(image: Image.Image) -> Image.Image:
    """
    Return the picture as 8-bit RGB, or as RGBA if it has transparency; itself if it already is.

    :param image: a picture of any mode.
    """
    if image.mode.startswith("I"):
        # Pillow clips 16-bit grey to white instead of scaling it, and point() needs the native byte order.
        native = image if image.mode in ("I", "I;16") else image.convert("I")
        image = native.point(lambda value: value * (1 / 256)).convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _opened(picture: str | Path | bytes) -> IO[bytes]:
    if isinstance(picture, bytes):
        return io.BytesIO(picture)
    try:
        return Path(picture).open("rb")
    except ValueError as error:
        raise BadPictureError(f"{str(picture)!r} is not a path: {error}") from error


@cache
def _readable() -> tuple[str, ...]:
    Image.init()
    with suppress(ImportError):  # reads HEIC, if it is installed
        importlib.import_module("pillow_heif").register_heif_opener()
    return tuple(name for name in _READABLE if name in Image.OPEN)


def _samples(image: Image.Image) -> list[float]:
    # Resizing weights pixels by alpha, so the hidden colour of a transparent pixel has no effect.
    image = in_colour(image)
    small = image.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0).convert("RGB")
    return [_brightness(*pixel) for pixel in zip(*(band.tobytes() for band in small.split()), strict=True)]


def _brightness(red: int, green: int, blue: int) -> float:
    # libvips, which sharp uses, averages linear light instead of sRGB values. Doing the same reduces the mean
    # difference from 1.6 bits to 0.9.
    luminance = 0.2126 * _LINEAR[red] + 0.7152 * _LINEAR[green] + 0.0722 * _LINEAR[blue]
    return 12.92 * luminance if luminance <= 0.0031308 else 1.055 * luminance ** (1 / 2.4) - 0.055


def _product(a: float, b: float) -> float:
    return a * b
