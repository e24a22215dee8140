"""Applies transformations with Pillow."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageFilter, ImageOps

from airflow_provider_imagekit.emulator.pictures.metadata import format_of
from airflow_provider_imagekit.emulator.pictures.pixel_budget import DECODED
from airflow_provider_imagekit.emulator.transforms.geometry import (
    Layout,
    Size,
    evaluate,
    lay_out,
    properties,
    rotated_size,
)
from airflow_provider_imagekit.emulator.transforms.steps import BadTransformationError
from airflow_provider_imagekit.phash.pictures import MAX_PIXELS, in_colour, open_picture, upright

if TYPE_CHECKING:
    from airflow_provider_imagekit.emulator.transforms.steps import Colour, Step

__all__ = ["Rendered", "render"]

_DEFAULT_QUALITY = 80
_WITHOUT_ALPHA = ("jpg",)
_PILLOW_NAMES = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "avif": "AVIF"}
_MIMES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}
_WHITE: Colour = (255, 255, 255, 255)
_ORIENTATION = 0x0112
_ROTATED_ORIENTATIONS = (5, 6, 7, 8)
_EXIF_OF_PNG = {"exif", "Raw profile type exif"}

#: Maximum pixels that all steps of a chain may compute in total.
MAX_WORK = 5 * MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Rendered:
    """
    A transformed picture.

    :param content: the encoded file.
    :param mime: its media type.
    """

    content: bytes
    mime: str


def render(
    content: bytes, steps: tuple[Step, ...], accept: str = "", coordinates: str | None = None
) -> Rendered:
    """
    Apply transformation steps to a picture.

    Metadata and colour profile are kept only with ``md-true`` and ``cp-true``. For an animation, the first
    frame is used.

    :param content: content of the original file.
    :param steps: the steps; at least one.
    :param accept: ``Accept`` header, for ``f-auto``.
    :param coordinates: ``customCoordinates`` of the file, ``x,y,width,height``, for ``fo-custom``.
    :raises BadPictureError: if the original cannot be decoded.
    :raises BadTransformationError: if a picture would be too large or the steps compute too many pixels.
    """
    with DECODED.reserve(_peak_pixels(steps, _upright_size(content))):
        return _render(content, steps, accept, coordinates)


def _render(content: bytes, steps: tuple[Step, ...], accept: str, coordinates: str | None) -> Rendered:
    with open_picture(io.BytesIO(content)) as opened:
        source_format = format_of(opened)
        exif, profile = opened.getexif(), opened.info.get("icc_profile")
        image = in_colour(upright(opened))
    original = Size(image.width, image.height)
    for step in steps:
        image = _apply(step, image, original, coordinates)
    options: dict[str, object] = {}
    if any(step.keep_metadata for step in steps) and exif:
        exif[_ORIENTATION] = 1  # the pixels are upright now
        options["exif"] = exif.tobytes()
    if any(step.keep_profile for step in steps) and profile:
        options["icc_profile"] = profile
    requested = next((step.format for step in reversed(steps) if step.format), "")
    quality = next((step.quality for step in reversed(steps) if step.quality), _DEFAULT_QUALITY)
    return _encode(image, _output_format(requested, source_format, accept), quality, options)


def _upright_size(content: bytes) -> Size:
    with open_picture(io.BytesIO(content)) as image:
        # For a PNG file, Pillow would decode the pixels to find EXIF data stored after them.
        known = image.format != "PNG" or not _EXIF_OF_PNG.isdisjoint(image.info)
        turned = known and image.getexif().get(_ORIENTATION) in _ROTATED_ORIENTATIONS
        return Size(image.height, image.width) if turned else Size(image.width, image.height)


def _peak_pixels(steps: tuple[Step, ...], original: Size) -> int:
    """Return the pixels of the largest intermediate picture, without decoding any."""
    current, peak, total = original, original.pixels, 0
    for step in steps:
        layout = lay_out(step, current, original)
        rotated = rotated_size(step, layout.canvas)
        sizes = [layout.canvas]
        if layout.resize != current:
            sizes += [current, layout.resize]
        sizes += [rotated] * ((step.rotation is not None) + bool(step.blur) + step.greyscale)
        peak = max(peak, *(size.pixels for size in sizes))
        total += sum(size.pixels for size in sizes)
        current = rotated
    if peak > MAX_PIXELS or total > MAX_WORK:
        raise BadTransformationError(
            f"The transformation computes {total:,} pixels in {len(steps)} steps; at most {MAX_WORK:,} are "
            f"allowed, and {MAX_PIXELS:,} in one picture."
        )
    return peak


def _apply(step: Step, image: Image.Image, original: Size, coordinates: str | None) -> Image.Image:
    current = Size(image.width, image.height)
    layout = lay_out(step, current, original)
    image = (
        image
        if layout.resize == current
        else image.resize((layout.resize.width, layout.resize.height), Image.Resampling.LANCZOS)
    )
    if layout.crop != layout.resize:
        image = image.crop(_window(step, layout, current, coordinates))
    if layout.canvas != layout.crop:
        image = _padded(image, layout.canvas, step)
    return _effects(step, image)


def _effects(step: Step, image: Image.Image) -> Image.Image:
    if "h" in step.flip:
        image = ImageOps.mirror(image)
    if "v" in step.flip:
        image = ImageOps.flip(image)
    names = properties(Size(image.width, image.height), Size(image.width, image.height))
    if step.rotation is not None and (angle := evaluate(step.rotation, names) % 360):
        fill = step.background or _WHITE
        image = image.rotate(
            -angle, Image.Resampling.BICUBIC, expand=True, fillcolor=fill[: len(image.getbands())]
        )
    if step.blur:
        image = image.filter(ImageFilter.GaussianBlur(step.blur))
    if step.greyscale:
        grey = ImageOps.grayscale(image.convert("RGB")).convert("RGB")
        if image.mode == "RGBA":
            grey.putalpha(image.getchannel("A"))
        image = grey
    if step.background is not None and image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, step.background), image)
    return image


def _window(step: Step, layout: Layout, current: Size, coordinates: str | None) -> tuple[int, int, int, int]:
    size, crop = layout.resize, layout.crop
    left, top = _placed(step.focus, size, crop)
    if step.focus == "custom" and coordinates:
        # Custom coordinates refer to the picture before it was resized.
        factor = size.width / current.width
        x, y, width, height = (float(number) * factor for number in coordinates.split(","))
        left, top = round(x + (width - crop.width) / 2), round(y + (height - crop.height) / 2)
    names = properties(crop, size)
    if step.x is not None:
        left = round(evaluate(step.x, names))
    if step.y is not None:
        top = round(evaluate(step.y, names))
    if step.xc is not None:
        left = round(evaluate(step.xc, names) - crop.width / 2)
    if step.yc is not None:
        top = round(evaluate(step.yc, names) - crop.height / 2)
    left = min(max(left, 0), size.width - crop.width)
    top = min(max(top, 0), size.height - crop.height)
    return left, top, left + crop.width, top + crop.height


def _placed(focus: str, outer: Size, inner: Size) -> tuple[int, int]:
    left, top = (outer.width - inner.width) // 2, (outer.height - inner.height) // 2
    if "left" in focus:
        left = 0
    if "right" in focus:
        left = outer.width - inner.width
    if "top" in focus:
        top = 0
    if "bottom" in focus:
        top = outer.height - inner.height
    return left, top


def _padded(image: Image.Image, canvas: Size, step: Step) -> Image.Image:
    fill = step.background or _WHITE
    mode = "RGBA" if image.mode == "RGBA" or fill[3] < 255 else "RGB"
    board = Image.new(mode, (canvas.width, canvas.height), fill[: len(mode)])
    left, top = _placed(step.focus, canvas, Size(image.width, image.height))
    board.paste(image.convert(mode), (left, top))
    return board


def _output_format(requested: str, source: str, accept: str) -> str:
    if requested == "auto":
        for name in ("avif", "webp"):
            if f"image/{name}" in accept and _PILLOW_NAMES[name] in Image.SAVE:
                return name
    if requested in ("", "auto", "orig"):
        return source if source in _PILLOW_NAMES else "jpg"
    return "jpg" if requested == "jpeg" else requested


def _encode(image: Image.Image, name: str, quality: int, options: dict[str, object]) -> Rendered:
    if name in _WITHOUT_ALPHA and image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image).convert("RGB")
    if name in ("jpg", "webp", "avif"):
        options["quality"] = quality
    buffer = io.BytesIO()
    image.save(buffer, _PILLOW_NAMES[name], **options)
    return Rendered(buffer.getvalue(), _MIMES[name])
