"""Builds the metadata object of a picture."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.pictures.exif import read_exif
from airflow_provider_imagekit.emulator.pictures.pixel_budget import DECODED
from airflow_provider_imagekit.phash.pictures import compute_phash, open_picture

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["density_of", "format_of", "has_alpha", "picture_metadata", "sides_of"]

_FORMATS = {"JPEG": "jpg", "MPO": "jpg", "JPEG2000": "jp2", "HEIF": "heic"}
_DEFAULT_DENSITY = 72
_TIFF_WIDTH, _TIFF_HEIGHT = 0x0100, 0x0101
_FIRST_ROTATED = 5  # EXIF orientations 5 to 8 swap width and height
_EXIF_IN_JPEG_2000 = b"JpgTiffExif->JP2"


def picture_metadata(content: bytes) -> dict[str, Any]:
    """
    Return the metadata of a picture with ImageKit's keys in ImageKit's order.

    :param content: content of the file.
    :raises BadPictureError: if it cannot be decoded.
    """
    with open_picture(io.BytesIO(content)) as image, DECODED.reserve(image.width * image.height):
        width, height = sides_of(image)
        return {
            "height": height,
            "width": width,
            "size": len(content),
            "format": format_of(image),
            "hasColorProfile": bool(image.info.get("icc_profile")),
            "quality": 0,  # as in every published response
            "density": density_of(image),
            "hasTransparency": has_alpha(image),
            "exif": _exif(image, content),
            "pHash": str(compute_phash(image)),
        }


def format_of(image: Image.Image) -> str:
    """Return ImageKit's name of the format: ``jpg``, ``png``, ``webp``, ..."""
    name = image.format or "PNG"
    return _FORMATS.get(name, name.lower())


def has_alpha(image: Image.Image) -> bool:
    """Return whether the picture has an alpha band, even if it is fully opaque."""
    return image.has_transparency_data


def density_of(image: Image.Image) -> int:
    """Return the resolution in dots per inch, 72 if the file specifies none."""
    dpi = image.info.get("dpi")
    try:
        return round(float(dpi[0])) or _DEFAULT_DENSITY if dpi else _DEFAULT_DENSITY
    except (TypeError, ValueError, ArithmeticError):
        return _DEFAULT_DENSITY


def sides_of(image: Image.Image) -> tuple[int, int]:
    """
    Return the stored width and height, before EXIF orientation is applied.

    :param image: a picture whose pixels have not been read yet.
    """
    if image.format == "TIFF":
        tags: dict[int, int] = getattr(image, "tag_v2", {})
        return tags.get(_TIFF_WIDTH, image.width), tags.get(_TIFF_HEIGHT, image.height)
    if (image.info.get("original_orientation") or 1) >= _FIRST_ROTATED:
        return image.height, image.width
    return image.width, image.height


def _exif(image: Image.Image, content: bytes) -> dict[str, dict[str, Any]]:
    exif = read_exif(_exif_block(image, content))
    # The HEIC reader rotates the picture and overwrites the file's orientation with 1.
    original = image.info.get("original_orientation")
    if original and "Orientation" in exif.get("image", {}):
        exif["image"]["Orientation"] = original
    return exif


def _exif_block(image: Image.Image, content: bytes) -> bytes | None:
    if image.format == "TIFF":
        return content  # an EXIF block is itself a TIFF file
    if image.format == "JPEG2000":
        return _exif_box(content)
    block = image.info.get("exif")
    if isinstance(block, bytes):
        return block
    return _raw_profile(image.info.get("Raw profile type exif") or image.info.get("Raw profile type APP1"))


def _raw_profile(text: Any) -> bytes | None:
    """Decode ImageMagick's raw profile in a PNG file: a name, a length, and lines of hexadecimal digits."""
    try:
        return bytes.fromhex("".join(str(text).split("\n")[3:])) if text else None
    except ValueError:
        return None


def _exif_box(content: bytes) -> bytes | None:
    start = 0
    while start + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, start)
        end = start + length if length >= 8 else len(content)
        if kind == b"uuid" and content[start + 8 : start + 24] == _EXIF_IN_JPEG_2000:
            return content[start + 24 : end]
        start = end
    return None
