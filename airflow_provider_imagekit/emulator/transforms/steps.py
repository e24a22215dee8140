"""Parses transformation strings such as ``w-400,h-300:rt-90`` into typed steps."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL import ImageColor

from airflow_provider_imagekit.emulator.transforms.expressions import Expression

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["BadTransformationError", "Step", "parse_steps"]

MAX_STEPS = 20

_CROPS = (
    "force", "at_max", "at_max_enlarge", "at_least", "maintain_ratio", "maintain_ratio_no_enlarge",
)  # fmt: skip
_CROP_MODES = ("extract", "pad_extract", "pad_extract_no_shrink", "pad_resize", "pad_resize_no_enlarge")
_FORMATS = ("auto", "orig", "jpg", "jpeg", "png", "webp", "gif", "avif")
_FLIPS = ("h", "v", "h_v", "v_h")
_HEX_COLOUR = re.compile(r"[0-9a-fA-F]{6}([0-9a-fA-F]{2})?", re.ASCII)

Colour = tuple[int, int, int, int]


class BadTransformationError(ValueError):
    """Raised for an invalid transformation string."""


@dataclass(frozen=True, slots=True)
class Step:
    """
    One step of a transformation chain; default values change nothing.

    :param width: pixels, or a fraction of the picture's width if below 1.
    :param height: like ``width``.
    :param aspect_ratio: width divided by height; determines a missing width or height.
    :param crop: crop mode of ``c`` or ``cm``.
    :param focus: area to keep when cropping: ``center``, ``top_left``, ``custom``, ...
    :param x: left edge of an extract.
    :param y: top edge of an extract.
    :param xc: horizontal centre of an extract.
    :param yc: vertical centre of an extract.
    :param dpr: device pixel ratio, a factor for width and height.
    :param quality: 1 to 100.
    :param format: output format; ``auto`` selects it by the ``Accept`` header.
    :param rotation: degrees clockwise; ``None``: as EXIF specifies.
    :param blur: 1 to 100.
    :param background: fill colour as red, green, blue, alpha.
    :param flip: ``h``, ``v`` or both.
    :param greyscale: whether to convert to greyscale.
    :param keep_metadata: ``md-true``: keep EXIF.
    :param keep_profile: ``cp-true``: keep the colour profile.
    :param original: ``orig-true``: deliver the original file.
    :param named: name of a named transformation.
    """

    width: Expression | None = None
    height: Expression | None = None
    aspect_ratio: Expression | None = None
    crop: str = "maintain_ratio"
    focus: str = "center"
    x: Expression | None = None
    y: Expression | None = None
    xc: Expression | None = None
    yc: Expression | None = None
    dpr: float = 1.0
    quality: int | None = None
    format: str = ""
    rotation: Expression | None = None
    blur: int = 0
    background: Colour | None = None
    flip: str = ""
    greyscale: bool = False
    keep_metadata: bool = False
    keep_profile: bool = False
    original: bool = False
    named: str = ""


def parse_steps(text: str, named: Mapping[str, str]) -> tuple[Step, ...]:
    """
    Parse a transformation string into steps.

    Parameters that this server does not support, such as overlays and AI effects, are ignored.

    :param text: parameters separated by commas, steps by colons.
    :param named: the account's named transformations: name to transformation string.
    :raises BadTransformationError: for a value out of range, an unknown name, or too many steps.
    """
    steps: list[Step] = []
    for part in filter(None, text.split(":")):
        step = _parse_step(part)
        if step.named:
            if step.named not in named:
                raise BadTransformationError(f"The named transformation {step.named[:60]!r} does not exist.")
            # A named transformation cannot refer to another one, so there is no recursion.
            steps.extend(_parse_step(inner) for inner in named[step.named].split(":") if inner)
        else:
            steps.append(step)
    if len(steps) > MAX_STEPS:
        raise BadTransformationError(f"A transformation may have at most {MAX_STEPS} steps.")
    return tuple(steps)


def _parse_step(text: str) -> Step:
    changes: dict[str, Any] = {}
    for parameter in filter(None, text.split(",")):
        key, _, value = parameter.partition("-")
        known = _PARAMETERS.get(key)
        if known is None:
            continue
        name, read = known
        try:
            changes[name] = read(value)
        except ValueError as error:
            raise BadTransformationError(f"Invalid value of {key}: {error}.") from error
    return replace(Step(), **changes)


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(f"{value[:40]!r} is not one of {', '.join(choices)}")
        return value

    return read


def _number_within(lowest: float, highest: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        number = Expression.parse(value).constant
        if number is None or not lowest <= number <= highest:
            raise ValueError(f"{value[:40]!r} is not a number from {lowest} to {highest}")
        return number

    return read


def _percentage(value: str) -> int:
    return round(_number_within(1, 100)(value))


def _flag(value: str) -> bool:
    return _one_of(("true", "false"))(value) == "true"


def _ratio(value: str) -> Expression:
    width, separator, height = value.partition("-")
    if not separator and not value.startswith("iar"):
        width, separator, height = value.partition("_")
    expression = Expression.parse(f"{width}_div_{height}" if separator else width)
    if 0.0 in expression.terms:
        raise ValueError("an aspect ratio must not contain zero")
    return expression


def _rotation(value: str) -> Expression | None:
    return None if value == "auto" else Expression.parse(value)


def _colour(value: str) -> Colour | None:
    if value == "dominant" or value.startswith(("gradient", "blurred", "genfill")):
        return None  # not a plain colour; not supported
    name = f"#{value}" if _HEX_COLOUR.fullmatch(value) else value
    red, green, blue, *alpha = ImageColor.getcolor(name, "RGBA")  # type: ignore[misc]
    return red, green, blue, alpha[0] if alpha else 255


def _dpr(value: str) -> float:
    return 1.0 if value == "auto" else _number_within(0.1, 5)(value)


def _effect(value: str) -> bool:
    return value == "grayscale"


_PARAMETERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "w": ("width", Expression.parse),
    "h": ("height", Expression.parse),
    "ar": ("aspect_ratio", _ratio),
    "c": ("crop", _one_of(_CROPS)),
    "cm": ("crop", _one_of(_CROP_MODES)),
    "fo": ("focus", str),
    "x": ("x", Expression.parse),
    "y": ("y", Expression.parse),
    "xc": ("xc", Expression.parse),
    "yc": ("yc", Expression.parse),
    "dpr": ("dpr", _dpr),
    "q": ("quality", _percentage),
    "f": ("format", _one_of(_FORMATS)),
    "rt": ("rotation", _rotation),
    "bl": ("blur", _percentage),
    "bg": ("background", _colour),
    "fl": ("flip", _one_of(_FLIPS)),
    "e": ("greyscale", _effect),
    "md": ("keep_metadata", _flag),
    "cp": ("keep_profile", _flag),
    "orig": ("original", _flag),
    "n": ("named", str),
}
