"""Computes sizes for resizing, cropping and padding; works on sizes alone and does not touch pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_imagekit.emulator.transforms.steps import BadTransformationError, Step
from airflow_provider_imagekit.phash.pictures import MAX_PIXELS

if TYPE_CHECKING:
    from airflow_provider_imagekit.emulator.transforms.expressions import Expression

__all__ = ["Layout", "Size", "evaluate", "lay_out", "properties", "rotated_size"]

_MAX_SIDE = 65_535
_MAX_SIDE_BY_DPR = 5000


@dataclass(frozen=True, slots=True)
class Size:
    """
    Width and height in pixels.

    :param width: at least 1.
    :param height: at least 1.
    """

    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Return the number of pixels."""
        return self.width * self.height

    @property
    def ratio(self) -> float:
        """Return width divided by height."""
        return self.width / self.height

    def scaled(self, factor: float) -> Size:
        """Return the size multiplied by a factor, at least one pixel per side."""
        return Size(_pixels(self.width * factor), _pixels(self.height * factor))

    def within(self, other: Size) -> Size:
        """Return the size with each side limited to that of another size."""
        return Size(min(self.width, other.width), min(self.height, other.height))


@dataclass(frozen=True, slots=True)
class Layout:
    """
    Sizes of the three operations of a step: resize, crop around the focus, place on a canvas.

    :param resize: size to which the complete picture is scaled.
    :param crop: size of the area to crop from it.
    :param canvas: size of the output; larger than the cropped area if it is padded.
    """

    resize: Size
    crop: Size
    canvas: Size


def lay_out(step: Step, current: Size, original: Size) -> Layout:
    """
    Return the sizes of a step, following ImageKit's rules for crop modes.

    :param step: the requested step.
    :param current: size of the picture before the step.
    :param original: size of the input picture.
    :raises BadTransformationError: if the output would be too large.
    """
    width, height = _requested_sides(step, current, original)
    if width is None and height is None:
        return Layout(current, current, current)
    if width is None or height is None:
        factor = width / current.width if width is not None else (height or 1) / current.height
        scaled = current.scaled(factor)
        size = _bounded(Size(width or scaled.width, height or scaled.height))
        if step.crop == "at_max" or step.crop.endswith("no_enlarge"):
            size = size if factor <= 1 else current
        return Layout(size, size, size)
    return _boxed(step.crop, current, _bounded(Size(width, height)))


def _boxed(crop: str, current: Size, box: Size) -> Layout:
    contain = min(box.width / current.width, box.height / current.height)
    cover = max(box.width / current.width, box.height / current.height)
    if crop == "force":
        return Layout(box, box, box)
    if crop in ("at_max", "at_max_enlarge", "at_least"):
        factor = {"at_max": min(contain, 1.0), "at_max_enlarge": contain, "at_least": cover}[crop]
        size = _bounded(current.scaled(factor))
        return Layout(size, size, size)
    if crop in ("pad_resize", "pad_resize_no_enlarge"):
        size = current.scaled(contain if crop == "pad_resize" else min(contain, 1.0)).within(box)
        return Layout(size, size, box)
    if crop in ("extract", "pad_extract", "pad_extract_no_shrink"):
        cut = box.within(current)
        return Layout(current, cut, cut if crop == "extract" else box)
    if crop == "maintain_ratio_no_enlarge" and cover > 1:
        box = box.scaled(1 / cover)
        cover = 1.0
    resized = _bounded(current.scaled(cover))
    cut = box.within(resized)
    return Layout(resized, cut, cut)


def _requested_sides(step: Step, current: Size, original: Size) -> tuple[int | None, int | None]:
    names = properties(current, original)
    width = _length(step.width, current.width, names, step.dpr)
    height = _length(step.height, current.height, names, step.dpr)
    if step.aspect_ratio is not None and (width is None or height is None):
        ratio = evaluate(step.aspect_ratio, names)
        if ratio <= 0:
            raise BadTransformationError("An aspect ratio must be positive.")
        if width is None and height is None:
            width = current.width
        if width is None:
            width = _pixels((height or 1) * ratio)
        else:
            height = _pixels(width / ratio)
    return width, height


def _length(expression: Expression | None, side: int, names: dict[str, float], dpr: float) -> int | None:
    if expression is None:
        return None
    value = evaluate(expression, names)
    if value <= 0:
        raise BadTransformationError("Width and height must be positive.")
    # A plain number below 1 is a fraction of the picture's side.
    if expression.constant is not None and value < 1:
        value *= side
    # Documented: a pixel ratio is ignored if the result is not within 1 to 5000 pixels.
    return _pixels(min(value * dpr if 1 <= value * dpr <= _MAX_SIDE_BY_DPR else value, _MAX_SIDE + 1))


def rotated_size(step: Step, size: Size) -> Size:
    """
    Return the size of a picture after a step's rotation, accurate to two pixels.

    :param step: the step.
    :param size: the size before.
    """
    if step.rotation is None:
        return size
    angle = math.radians(evaluate(step.rotation, properties(size, size)) % 360)
    sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
    return Size(
        math.ceil(size.width * cosine + size.height * sine - 1e-6),
        math.ceil(size.width * sine + size.height * cosine - 1e-6),
    )


def _pixels(length: float) -> int:
    return max(1, math.floor(length + 0.5))


def properties(current: Size, original: Size) -> dict[str, float]:
    """Return the values of property names: ``c...`` of the picture before the step, ``i...`` of the input."""
    return {
        "iw": original.width,
        "ih": original.height,
        "iar": original.ratio,
        "cw": current.width,
        "ch": current.height,
        "car": current.ratio,
    }


def evaluate(expression: Expression, names: dict[str, float]) -> float:
    """
    Return the value of an expression.

    :param expression: the expression.
    :param names: result of :func:`properties`.
    :raises BadTransformationError: if it has no value.
    """
    try:
        return expression.value(names)
    except ValueError as error:
        raise BadTransformationError(str(error)) from error


def _bounded(size: Size) -> Size:
    if max(size.width, size.height) > _MAX_SIDE or size.width * size.height > MAX_PIXELS:
        raise BadTransformationError(f"An output of {size.width} x {size.height} pixels is too large.")
    return size
