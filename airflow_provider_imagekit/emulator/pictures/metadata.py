"""The metadata object of a file's content."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.pictures.exif import read_exif
from airflow_provider_imagekit.emulator.pictures.hashing import compute_phash
from airflow_provider_imagekit.emulator.pictures.opening import density_of, format_of, has_alpha, open_picture

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["picture_metadata"]


def picture_metadata(content: bytes) -> dict[str, Any]:
    """
    Return the metadata of a picture in ImageKit's shape and order of keys.

    :param content: the file.
    :raises BadPictureError: if it cannot be decoded.
    """
    with open_picture(io.BytesIO(content)) as image:
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


def _exif_block(image: Image.Image) -> bytes | None:
    block = image.info.get("exif")
    return block if isinstance(block, bytes) else None
