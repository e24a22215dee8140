"""The metadata object of a file's content."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.pictures.exif import read_exif
from airflow_provider_imagekit.emulator.pictures.pixel_budget import DECODED
from airflow_provider_imagekit.pictures import compute_phash, open_picture

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["density_of", "format_of", "has_alpha", "picture_metadata", "sides_of"]

_FORMATS = {"JPEG": "jpg", "MPO": "jpg", "JPEG2000": "jp2", "HEIF": "heic"}
_DEFAULT_DENSITY = 72
_TIFF_WIDTH, _TIFF_HEIGHT = 0x0100, 0x0101
_FIRST_ON_ITS_SIDE = 5  # of the eight orientations
_EXIF_IN_JPEG_2000 = b"JpgTiffExif->JP2"


def picture_metadata(content: bytes) -> dict[str, Any]:
    """
    Return the metadata of a picture in ImageKit's shape and order of keys.

    :param content: the file.
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
            "quality": 0,  # in every answer that was ever published
            "density": density_of(image),
            "hasTransparency": has_alpha(image),
            "exif": _exif(image, content),
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


def sides_of(image: Image.Image) -> tuple[int, int]:
    """
    Return width and height as they are stored, before EXIF's orientation turns them.

    :param image: a picture whose pixels were not read yet.
    """
    if image.format == "TIFF":
        tags: dict[int, int] = getattr(image, "tag_v2", {})
        return tags.get(_TIFF_WIDTH, image.width), tags.get(_TIFF_HEIGHT, image.height)
    if (image.info.get("original_orientation") or 1) >= _FIRST_ON_ITS_SIDE:
        return image.height, image.width
    return image.width, image.height


def _exif(image: Image.Image, content: bytes) -> dict[str, dict[str, Any]]:
    exif = read_exif(_exif_block(image, content))
    # The reader of HEIC turns the picture and writes a 1 over what the file says.
    original = image.info.get("original_orientation")
    if original and "Orientation" in exif.get("image", {}):
        exif["image"]["Orientation"] = original
    return exif


def _exif_block(image: Image.Image, content: bytes) -> bytes | None:
    if image.format == "TIFF":
        return content  # EXIF is a TIFF file inside others
    if image.format == "JPEG2000":
        return _box_of_exif(content)
    block = image.info.get("exif")
    if isinstance(block, bytes):
        return block
    return _raw_profile(image.info.get("Raw profile type exif") or image.info.get("Raw profile type APP1"))


def _raw_profile(text: Any) -> bytes | None:
    """Return what ImageMagick writes into PNG: a name, a length, and lines of hexadecimal digits."""
    try:
        return bytes.fromhex("".join(str(text).split("\n")[3:])) if text else None
    except ValueError:
        return None


def _box_of_exif(content: bytes) -> bytes | None:
    start = 0
    while start + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, start)
        end = start + length if length >= 8 else len(content)
        if kind == b"uuid" and content[start + 8 : start + 24] == _EXIF_IN_JPEG_2000:
            return content[start + 24 : end]
        start = end
    return None
