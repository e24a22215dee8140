"""Brushes for the drawn pictures: gradients, noise, ridges, shadows. Same arguments, same pixels."""

from __future__ import annotations

import itertools
import math
import random
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter, ImageFont

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Size = tuple[int, int]
Point = tuple[float, float]

#: Everything is drawn at twice its final size and halved at the end, which smooths the edges.
SCALE = 2
LANDSCAPE: Size = (1920, 1280)
PORTRAIT: Size = (1280, 1920)
SQUARE: Size = (1440, 1440)
BANNER: Size = (2400, 1000)


def gradient(size: Size, *colours: str) -> Image.Image:
    """Return a vertical gradient through the colours, top to bottom."""
    strip = Image.new("RGB", (1, len(colours)))
    strip.putdata([ImageColor.getrgb(colour)[:3] for colour in colours])
    # Cut half a pixel at either end, so that the outer colours are reached exactly at the edges.
    return strip.resize(size, Image.Resampling.BILINEAR, box=(0, 0.5, 1, len(colours) - 0.5))


def mix(first: str, second: str, share: float) -> str:
    """Return the colour at ``share`` (0 to 1) of the way from the first to the second."""
    pairs = zip(ImageColor.getrgb(first)[:3], ImageColor.getrgb(second)[:3], strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def noise(size: Size, seed: int, *, cells: int = 4, octaves: int = 5) -> Image.Image:
    """Return grey fractal noise: clouds with few cells, grain with many."""
    rng = random.Random(seed)
    total = Image.new("L", size, 128)
    for octave in range(octaves):
        across = cells << octave
        down = max(2, across * size[1] // size[0])
        layer = Image.frombytes("L", (across, down), rng.randbytes(across * down))
        total = Image.blend(total, layer.resize(size, Image.Resampling.BICUBIC), 0.5 if octave == 0 else 0.3)
    return total


def textured(image: Image.Image, seed: int, *, cells: int = 60, strength: float = 0.25) -> Image.Image:
    """Return the picture with grain blended in as soft light."""
    grain = noise(image.size, seed, cells=cells, octaves=3).convert("RGB")
    return Image.blend(image, ImageChops.soft_light(image, grain), min(1.0, strength * 2))


def ridge(width: int, base: float, height: float, seed: int, *, roughness: float = 0.55) -> list[Point]:
    """Return a mountain ridge from the left edge to the right by midpoint displacement."""
    rng = random.Random(seed)
    heights = [rng.random(), rng.random()]
    spread = 1.0
    while len(heights) < 260:
        spread *= roughness
        between = [(a + b) / 2 + rng.uniform(-spread, spread) for a, b in itertools.pairwise(heights)]
        heights = [value for pair in zip(heights, between, strict=False) for value in pair] + [heights[-1]]
    low, high = min(heights), max(heights)
    step = width / (len(heights) - 1)
    return [(i * step, base - height * (value - low) / (high - low)) for i, value in enumerate(heights)]


def below(line: Sequence[Point], size: Size) -> list[Point]:
    """Return the polygon between a line and the lower edge of the picture."""
    return [*line, (size[0], size[1]), (0, size[1])]


def ring(centre: Point, radius: float, count: int, *, start: float = 0.0) -> Iterator[Point]:
    """Yield points at equal angles on a circle; ``start`` turns it, in radians."""
    for i in range(count):
        angle = start + 2 * math.pi * i / count
        yield centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)


def disc(draw: ImageDraw.ImageDraw, centre: Point, radius: float, **style: object) -> None:
    """Draw a circle around a centre."""
    x, y = centre
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), **style)  # type: ignore[arg-type]


def glow(image: Image.Image, centre: Point, radius: float, colour: str, strength: float = 0.8) -> Image.Image:
    """Return the picture with a soft light around a point."""
    mask = Image.new("L", image.size)
    disc(ImageDraw.Draw(mask), centre, radius * 0.5, fill=round(255 * strength))
    mask = mask.filter(ImageFilter.GaussianBlur(radius * 0.4))
    return Image.composite(Image.new("RGB", image.size, colour), image, mask)


def shadow(image: Image.Image, box: tuple[float, float, float, float], strength: float = 0.55) -> Image.Image:
    """Return the picture with a soft elliptic shadow on the ground."""
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).ellipse(box, fill=round(255 * strength))
    mask = mask.filter(ImageFilter.GaussianBlur((box[3] - box[1]) / 3))
    return Image.composite(Image.new("RGB", image.size, "#1d1a22"), image, mask)


def rounded(
    size: Size, shade: Image.Image, box: tuple[float, float, float, float], radius: float
) -> Image.Image:
    """Return a transparent layer with a rounded box cut out of ``shade``, which is stretched to fit it."""
    layer = Image.new("RGBA", size)
    left, top, right, bottom = (round(edge) for edge in box)
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, right - left - 1, bottom - top - 1), radius, fill=255)
    layer.paste(shade.resize(mask.size), (left, top), mask)
    return layer


def text(
    draw: ImageDraw.ImageDraw, at: Point, words: str, size: float, colour: str, anchor: str = "mm"
) -> None:
    """Write words in Pillow's default font."""
    draw.text(at, words, fill=colour, font=ImageFont.load_default(size), anchor=anchor)
