"""Banners and illustrations: flat colours, lettering, hard edges."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from demo.catalogue.drawing import (
    BANNER,
    LANDSCAPE,
    SQUARE,
    below,
    disc,
    gradient,
    mix,
    noise,
    ring,
    text,
    textured,
)


def summer_banner() -> Image.Image:
    width = BANNER[0]
    image = gradient(BANNER, "#18a3c4", "#6fd3d8", "#fce9b2", "#f6cf86")
    draw = ImageDraw.Draw(image)
    sun = (2060, 300)
    for i, (start, end) in enumerate(zip(ring(sun, 1900, 28), ring(sun, 1900, 28, start=0.115), strict=True)):
        draw.polygon([sun, start, end], fill="#8fdcd9" if i % 2 else "#bfe9d4")
    disc(draw, sun, 210, fill="#ffd23f")
    waves = [(x, 690 + 26 * math.sin(x / 70)) for x in range(0, width + 10, 10)]
    draw.polygon(below(waves, BANNER), fill="#1286a8")
    sand = [(x, 800 + 30 * math.sin(x / 260 + 1)) for x in range(0, width + 10, 10)]
    draw.polygon(below(sand, BANNER), fill="#f2d197")
    draw.line((1600, 520, 1680, 940), fill="#7a4a2b", width=20)
    for i in range(6):
        draw.pieslice(
            (1260, 340, 1960, 900), 176 + i * 30, 206 + i * 30, fill="#e63946" if i % 2 else "#fff6e5"
        )
    text(draw, (120, 310), "Summer sale", 200, "#fffdf5", "lm")
    text(draw, (130, 480), "Everything for the beach, up to 40 % off", 60, "#0c3b4d", "lm")
    return textured(image, 25, cells=220, strength=0.2)


def autumn_banner() -> Image.Image:
    width, height = BANNER
    image = gradient(BANNER, "#2b1a17", "#5d2a1d", "#a34a1f", "#d9822b")
    rng = random.Random(9)
    draw = ImageDraw.Draw(image)
    for _ in range(150):
        x, y, size, turn = (
            rng.uniform(0, width),
            rng.uniform(0, height),
            rng.uniform(30, 120),
            rng.uniform(0, 6.3),
        )
        outer, inner = ring((x, y), size, 7, start=turn), ring((x, y), size * 0.45, 7, start=turn + 0.45)
        leaf = [point for pair in zip(outer, inner, strict=True) for point in pair]
        draw.polygon(leaf, fill=rng.choice(["#e8a33d", "#c8551b", "#8f2d16", "#f0c75e", "#6b3a1a"]))
    draw.rounded_rectangle((820, 240, 2280, 760), 40, fill="#fbf1dd")
    text(draw, (1550, 430), "Autumn collection", 150, "#7c2d12")
    text(draw, (1550, 620), "Wool, tweed and warm light: now in store", 64, "#3f2a20")
    return textured(image, 27, cells=200, strength=0.3)


def truchet_tiles() -> Image.Image:
    tile = 120
    image = Image.new("RGB", SQUARE, "#f4ecd8")
    draw = ImageDraw.Draw(image)
    rng = random.Random(29)
    for x in range(0, SQUARE[0], tile):
        for y in range(0, SQUARE[1], tile):
            colour = rng.choice(["#1d3557", "#457b9d", "#e63946", "#2a9d8f"])
            corners = ((0, 0), (1, 1)) if rng.random() < 0.5 else ((1, 0), (0, 1))
            for right, down in corners:
                draw.arc(
                    (
                        x + right * tile - 60,
                        y + down * tile - 60,
                        x + right * tile + 60,
                        y + down * tile + 60,
                    ),
                    0,
                    360,
                    fill=colour,
                    width=34,
                )
    return image


def contour_map() -> Image.Image:
    terrain = noise(LANDSCAPE, 33, cells=3, octaves=4)
    height = ImageOps.autocontrast(terrain)
    colours = [
        mix("#2c7fb8", "#a6d8c0", i / 90) if i < 90 else mix("#cfe3a6", "#8c5a33", (i - 90) / 165)
        for i in range(256)
    ]
    bands = [colour for i in range(256) for colour in bytes.fromhex(colours[i // 20 * 20][1:])]
    image = Image.merge("RGB", [height.point(bands[channel::3]) for channel in range(3)])
    edges = (
        height.point([i // 20 * 20 for i in range(256)])
        .filter(ImageFilter.FIND_EDGES)
        .point(lambda v: 255 if v > 8 else 0)
    )
    image.paste(Image.new("RGB", LANDSCAPE, "#5b4630"), (0, 0), edges.filter(ImageFilter.MaxFilter(3)))
    draw = ImageDraw.Draw(image)
    for x in range(0, LANDSCAPE[0], 240):
        draw.line((x, 0, x, LANDSCAPE[1]), fill="#7d8a86", width=2)
    for y in range(0, LANDSCAPE[1], 240):
        draw.line((0, y, LANDSCAPE[0], y), fill="#7d8a86", width=2)
    return image


LOGO_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240" width="240" height="240" role="img">
  <title>Meridian Goods</title>
  <circle cx="120" cy="120" r="112" fill="#1d3557"/>
  <path d="M44 168 L98 72 L124 116 L146 84 L196 168 Z" fill="#f4a261"/>
  <circle cx="172" cy="66" r="20" fill="#ffd23f"/>
</svg>
"""
