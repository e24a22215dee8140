"""The metadata object of a file's content."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.pictures.exif import read_exif
from airflow_provider_imagekit.emulator.pictures.pixel_budget import DECODED
from airflow_provider_imagekit.pictures import compute_phash, open_picture

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["density_of", "format_of", "has_alpha", "picture_metadata"]

_FORMATS = {"JPEG": "jpg", "MPO": "jpg", "JPEG2000": "jp2", "HEIF": "heic"}
_DEFAULT_DENSITY = 72


def picture_metadata(content: bytes) -> dict[str, Any]:
    """
    Return the metadata of a picture in ImageKit's shape and order of keys.

    :param content: the file.
    :raises BadPictureError: if it cannot be decoded.
    """
    with open_picture(io.BytesIO(content)) as image, DECODED.reserve(image.width * image.height):
        return {
            "height": image.height,
            "width": image.width,
            "size": len(content),
            "format": format_of(image),
            "hasColorProfile": bool(image.info.get("icc_profile")),
            "quality": 0,  # in every answer that was ever published
            "density": density_of(image),
            "hasTransparency": has_alpha(image),
            "exif": read_exif(_exif_block(image)),
            "pHash": str(compute_phash(image)),
        }


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


def _exif_block(image: Image.Image) -> bytes | None:
    block = image.info.get("exif")
    return block if isinstance(block, bytes) else None
