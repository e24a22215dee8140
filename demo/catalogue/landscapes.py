"""The drawn landscapes."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from demo.catalogue.drawing import (
    LANDSCAPE,
    PORTRAIT,
    below,
    disc,
    glow,
    gradient,
    mix,
    noise,
    ridge,
    textured,
)


def mountain_lake() -> Image.Image:
    width, height = LANDSCAPE
    shore = 800
    image = gradient((width, shore), "#22345f", "#5d6fa3", "#d99f96", "#ffd9a0")
    image = glow(image, (1330, 560), 420, "#fff0c4")
    draw = ImageDraw.Draw(image)
    for layer in range(4):
        colour = mix("#9a93b8", "#1d2b40", layer / 3)
        line = ridge(width, shore - 60 + 30 * layer, 420 - 95 * layer, 40 + layer)
        draw.polygon(below(line, image.size), fill=colour)
    water = ImageOps.flip(image).resize((width, height - shore))
    water = ImageChops.multiply(water, Image.new("RGB", water.size, "#8fa6c9"))
    ripples = noise((width, height - shore), 7, cells=6, octaves=3).resize((width // 8, height - shore))
    water = Image.blend(water, ImageChops.soft_light(water, ripples.resize(water.size).convert("RGB")), 0.8)
    whole = Image.new("RGB", LANDSCAPE)
    whole.paste(image, (0, 0))
    whole.paste(water, (0, shore))
    draw = ImageDraw.Draw(whole)
    rng = random.Random(3)
    for _ in range(46):
        x, foot, tall = rng.uniform(0, 620), rng.uniform(1150, 1290), rng.uniform(120, 330)
        for tier in range(4):
            top, half = foot - tall + tall * tier * 0.2, tall * (0.10 + 0.05 * tier)
            draw.polygon(
                [(x, top), (x - half, top + tall * 0.4), (x + half, top + tall * 0.4)], fill="#101c22"
            )
    return textured(whole, 1, strength=0.2)


def desert_dunes() -> Image.Image:
    width, _ = LANDSCAPE
    image = gradient(LANDSCAPE, "#3f7fb5", "#a6cbe0", "#f6dfb8", "#f2b872")
    image = glow(image, (430, 300), 260, "#fffbe0", 1.0)
    draw = ImageDraw.Draw(image)
    for layer in range(6):
        phase, base, swing = layer * 1.9, 620 + layer * 115, 120 - layer * 8
        crest = [
            (x, base - swing * (math.sin(x / 330 + phase) + 0.4 * math.sin(x / 140 + phase * 2)))
            for x in range(0, width + 8, 8)
        ]
        draw.polygon(below(crest, LANDSCAPE), fill=mix("#e8b06b", "#b4652f", layer / 5))
        lee = [(x, y + 12 + max(0.0, 90 * math.sin(x / 330 + phase + 0.8))) for x, y in crest]
        draw.polygon([*crest, *reversed(lee)], fill=mix("#a7693a", "#6b3420", layer / 5))
    return textured(image, 2, cells=120, strength=0.4)


def harbour_night() -> Image.Image:
    width, height = LANDSCAPE
    quay = 860
    image = gradient((width, quay), "#070b1e", "#16224a", "#3d3f78", "#8a5a7e")
    image = glow(image, (1500, 190), 260, "#c9d4ff", 0.5)
    draw = ImageDraw.Draw(image)
    disc(draw, (1500, 190), 62, fill="#f3f0dc")
    rng = random.Random(11)
    for _ in range(220):
        disc(draw, (rng.uniform(0, width), rng.uniform(0, 480)), rng.uniform(0.8, 2.6), fill="#dfe5ff")
    x = 0
    while x < width:
        wide, tall = rng.randint(70, 170), round(rng.triangular(140, 640, 260))
        draw.rectangle((x, quay - tall, x + wide, quay), fill=mix("#101428", "#2b2f55", rng.random()))
        for left in range(x + 10, x + wide - 14, 22):
            for top in range(quay - tall + 14, quay - 20, 30):
                if rng.random() < 0.45:
                    lit = rng.choice(["#ffd98a", "#ffc15e", "#fff1c9", "#9fd0ff"])
                    draw.rectangle((left, top, left + 11, top + 16), fill=lit)
        x += wide + rng.randint(2, 22)
    water = ImageOps.flip(image).resize((width, height - quay)).filter(ImageFilter.BoxBlur(5))
    water = ImageChops.multiply(water, Image.new("RGB", water.size, "#7f86b8"))
    whole = Image.new("RGB", LANDSCAPE)
    whole.paste(image, (0, 0))
    whole.paste(water, (0, quay))
    draw = ImageDraw.Draw(whole)
    for _ in range(260):
        left, top = rng.uniform(0, width), rng.uniform(quay + 6, height)
        draw.line((left, top, left + rng.uniform(20, 110), top), fill="#10142c", width=3)
    return whole


def forest_path() -> Image.Image:
    width, height = PORTRAIT
    image = gradient(PORTRAIT, "#dfe9c8", "#b6cf9a", "#5f7f4a", "#2e3d22")
    image = glow(image, (700, 560), 620, "#fbffe2", 0.9)
    draw = ImageDraw.Draw(image)
    draw.polygon([(620, 1050), (740, 1050), (1130, height), (180, height)], fill="#b48c5c")
    rng = random.Random(5)
    for layer in range(5):
        bark, count, foot = mix("#9db083", "#20180f", layer / 4), 11 - layer, 1060 + layer * 190
        for _ in range(count):
            x, half = rng.uniform(-60, width + 60), 9 + layer * layer * 4
            if abs(x - 670) < 90 + layer * 110:
                continue
            lean = rng.uniform(-40, 40)
            draw.polygon(
                [(x - half, foot), (x + half, foot), (x + half * 0.6 + lean, 0), (x - half * 0.6 + lean, 0)],
                fill=bark,
            )
    leaves = noise(PORTRAIT, 21, cells=14, octaves=5).point(lambda grey: 255 if grey > 138 else 0)
    crown = Image.new("L", PORTRAIT)
    crown.paste(leaves.crop((0, 0, width, 760)), (0, 0))
    fade = gradient(PORTRAIT, "#ffffff", "#777777", "#000000", "#000000", "#000000").convert("L")
    image.paste(Image.new("RGB", PORTRAIT, "#35562a"), (0, 0), ImageChops.multiply(crown, fade))
    return textured(image, 8, cells=90, strength=0.45)


def lavender_field() -> Image.Image:
    width, height = LANDSCAPE
    horizon, vanish = 500, 1180
    image = gradient(LANDSCAPE, "#5aa0d8", "#b9dcf2", "#fbe9d0", "#fbe9d0")
    clouds = noise(LANDSCAPE, 31, cells=5, octaves=5).point(lambda grey: max(0, min(255, (grey - 132) * 9)))
    image.paste(Image.new("RGB", LANDSCAPE, "#ffffff"), (0, 0), clouds)
    draw = ImageDraw.Draw(image)
    draw.polygon(below(ridge(width, horizon + 10, 130, 77), LANDSCAPE), fill="#6f8f8b")
    draw.rectangle((0, horizon, width, height), fill="#8c7a4a")
    for row in range(-16, 17):
        near, wide = vanish + row * 290, 96
        draw.polygon(
            [(vanish + row * 9, horizon), (near + wide, height), (near - wide, height)], fill="#6d4a9c"
        )
        draw.polygon(
            [(vanish + row * 9, horizon), (near + wide // 3, height), (near - wide // 2, height)],
            fill="#9a78c9",
        )
    draw.rectangle((330, 400, 520, 520), fill="#e8d9bd")
    draw.polygon([(310, 404), (425, 318), (540, 404)], fill="#b4553d")
    draw.rectangle((405, 455, 445, 520), fill="#6a4a32")
    disc(draw, (620, 430), 84, fill="#3f6137")
    return textured(image, 13, cells=150, strength=0.5)
