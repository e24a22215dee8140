"""What Pillow tells of a picture, within bounds."""

from __future__ import annotations

import importlib
from contextlib import contextmanager, suppress
from functools import cache
from typing import IO, TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "MAX_PIXELS",
    "BadPictureError",
    "density_of",
    "format_of",
    "has_alpha",
    "in_colour",
    "open_picture",
]

#: ImageKit's documented limit for input images.
MAX_PIXELS = 100_000_000

# Readers that run other programs (EPS) or are seldom fed by anyone but attackers stay out.
_READABLE = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF", "JPEG2000", "ICO")
_FORMATS = {"JPEG": "jpg", "MPO": "jpg", "JPEG2000": "jp2", "HEIF": "heic"}
_DEFAULT_DENSITY = 72


class BadPictureError(Exception):
    """Raised when a file is no picture that can be decoded within bounds."""


@contextmanager
def open_picture(file: IO[bytes]) -> Iterator[Image.Image]:
    """
    Open a picture; its pixels are read when first needed.

    :param file: where to read from.
    :raises BadPictureError: if it is no readable picture, broken, or larger than :data:`MAX_PIXELS`; also
        when that turns out inside the ``with`` block.
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
        raise BadPictureError(str(error)) from error


def format_of(image: Image.Image) -> str:
    """Return the format as ImageKit writes it: ``jpg``, ``png``, ``webp``, ..."""
    name = image.format or "PNG"
    return _FORMATS.get(name, name.lower())


def has_alpha(image: Image.Image) -> bool:
    """Return whether the picture has an alpha band, be it fully opaque."""
    return image.has_transparency_data


def density_of(image: Image.Image) -> int:
    """Return the stated resolution in dots per inch, 72 if none is stated."""
    stated = image.info.get("dpi")
    try:
        return round(float(stated[0])) or _DEFAULT_DENSITY if stated else _DEFAULT_DENSITY
    except (TypeError, ValueError, ArithmeticError):
        return _DEFAULT_DENSITY


def in_colour(image: Image.Image) -> Image.Image:
    """
    Return the picture with 8 bits each of red, green, blue, and of alpha if it has any.

    :param image: a picture of any mode.
    """
    if image.mode.startswith("I"):
        # Pillow clips 16-bit grey to white where it should scale.
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


@cache
def _readable() -> tuple[str, ...]:
    Image.init()
    with suppress(ImportError):  # reads HEIC, where it is installed
        importlib.import_module("pillow_heif").register_heif_opener()
    return tuple(name for name in _READABLE if name in Image.OPEN)
