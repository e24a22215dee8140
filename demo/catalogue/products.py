"""The drawn products of a shop."""

from __future__ import annotations

import math

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from demo.catalogue.drawing import (
    SQUARE,
    disc,
    glow,
    gradient,
    mix,
    noise,
    ring,
    rounded,
    shadow,
    text,
    textured,
)


def studio(colour: str) -> Image.Image:
    """Return the background that the products stand on."""
    image = gradient(
        SQUARE, mix(colour, "#ffffff", 0.55), mix(colour, "#ffffff", 0.2), colour, mix(colour, "#000000", 0.2)
    )
    return glow(image, (520, 420), 700, mix(colour, "#ffffff", 0.8), 0.6)


def mug() -> Image.Image:
    image = shadow(studio("#d9c7b0"), (330, 1090, 1240, 1270))
    draw = ImageDraw.Draw(image)
    draw.ellipse((850, 520, 1210, 960), outline="#1f5c68", width=62)
    body = gradient((800, 600), "#123f49", "#2f8796", "#7fd0d8", "#2f8796", "#0f343d").rotate(90, expand=True)
    draw_body = ImageDraw.Draw(body)
    for band in range(4):
        top = 150 + band * 120
        zigzag = [(x, top + (40 if x // 50 % 2 else 0)) for x in range(0, body.width + 50, 50)]
        draw_body.line(zigzag, fill="#f4e3c1", width=16, joint="curve")
    layer = rounded(SQUARE, body, (370, 400, 970, 1190), 70)
    image.paste(layer, (0, 0), layer)
    draw.ellipse((370, 340, 970, 480), fill="#0f343d")
    draw.ellipse((400, 360, 940, 466), fill="#3b2113")
    draw.arc((470, 380, 800, 440), 180, 320, fill="#c08a57", width=8)
    return textured(image, 15, cells=200, strength=0.15)


def wristwatch() -> Image.Image:
    image = shadow(studio("#8fa3b8"), (360, 640, 1120, 980), 0.5)
    draw = ImageDraw.Draw(image)
    leather = textured(
        gradient((300, 1440), "#4a2a18", "#8a5430", "#8a5430", "#4a2a18"), 4, cells=40, strength=0.5
    )
    layer = rounded(SQUARE, leather, (570, -40, 870, 1480), 20)
    image.paste(layer, (0, 0), layer)
    for y in range(10, 1440, 44):
        draw.line((592, y, 592, y + 22), fill="#e3c79b", width=5)
        draw.line((848, y, 848, y + 22), fill="#e3c79b", width=5)
    centre = (720, 720)
    for radius, colour in ((400, "#5c6068"), (385, "#d5d9df"), (345, "#7c828c"), (330, "#f6f2e6")):
        disc(draw, centre, radius, fill=colour)
    for inner, count, width in ((300, 60, 4), (270, 12, 14)):
        for start, end in zip(ring(centre, inner, count), ring(centre, 318, count), strict=True):
            draw.line((*start, *end), fill="#22262c", width=width)
    disc(draw, (720, 870), 78, fill="#e4ddc8", outline="#9a9484", width=5)
    for angle, length, width, colour in (
        (-2.3, 175, 24, "#22262c"),
        (-0.35, 262, 16, "#22262c"),
        (1.1, 292, 6, "#c0392b"),
    ):
        draw.line(
            (*centre, 720 + length * math.cos(angle), 720 + length * math.sin(angle)),
            fill=colour,
            width=width,
        )
    disc(draw, centre, 20, fill="#c0392b")
    text(draw, (720, 560), "MERIDIAN", 44, "#22262c")
    draw.rounded_rectangle((1110, 680, 1170, 760), 14, fill="#aab0ba")
    return image


def desk_lamp() -> Image.Image:
    image = shadow(studio("#3f4a5a"), (240, 1150, 1280, 1330))
    light = Image.new("L", SQUARE)
    ImageDraw.Draw(light).polygon([(500, 520), (760, 360), (1340, 1240), (560, 1260)], fill=150)
    image.paste(Image.new("RGB", SQUARE, "#ffe9ae"), (0, 0), light.filter(ImageFilter.GaussianBlur(38)))
    draw = ImageDraw.Draw(image)
    for x, colour in ((640, "#8d3b2f"), (720, "#2e6b5e"), (830, "#c79a3e"), (900, "#39507a")):
        draw.rectangle((x, 940 + x % 90, x + 70, 1230), fill=colour)
        draw.rectangle((x + 12, 990 + x % 90, x + 58, 1004 + x % 90), fill="#f3e7cf")
    draw.ellipse((180, 1170, 560, 1270), fill="#d98b2b")
    draw.line((370, 1215, 250, 760, 600, 380), fill="#f0b254", width=34, joint="curve")
    disc(draw, (250, 760), 34, fill="#7a4a12")
    draw.polygon([(560, 300), (660, 240), (820, 330), (480, 570), (450, 400)], fill="#d98b2b")
    disc(draw, (640, 450), 58, fill="#fff7d8")
    return textured(image, 17, cells=180, strength=0.2)


def headphones() -> Image.Image:
    image = Image.new("RGBA", SQUARE)
    draw = ImageDraw.Draw(image)
    draw.arc((270, 160, 1170, 1240), 180, 360, fill="#22252b", width=86)
    draw.arc((292, 182, 1148, 1218), 195, 345, fill="#5b6068", width=14)
    for left, mirrored in ((190, False), (970, True)):
        cup = gradient((280, 440), "#e86f51", "#f4a582", "#c2452d", "#7c2415").rotate(90, expand=True)
        shade = ImageOps.mirror(cup) if mirrored else cup
        layer = rounded(SQUARE, shade, (left, 660, left + 280, 1140), 120)
        image.alpha_composite(layer)
        inner = 410 if not mirrored else 920
        draw.rounded_rectangle((inner, 690, inner + 110, 1110), 50, fill="#1a1c20")
        for y in range(730, 1090, 36):
            draw.line((inner + 16, y, inner + 94, y), fill="#3a3e46", width=9)
        disc(draw, (left + 140, 900), 70, fill="#fbe3d6")
        disc(draw, (left + 140, 900), 48, fill="#c2452d")
    return image


def armchair() -> Image.Image:
    image = shadow(studio("#b9c4b0"), (200, 1130, 1250, 1330))
    for x in (330, 1040):
        ImageDraw.Draw(image).polygon(
            [(x, 1100), (x + 70, 1100), (x + 45, 1290), (x + 18, 1290)], fill="#5a3a22"
        )
    velvet = textured(gradient((600, 600), "#a8323e", "#8b1f2f", "#5e1220"), 19, cells=26, strength=0.5)
    for box, radius in (
        ((340, 260, 1100, 1010), 150),
        ((230, 640, 450, 1150), 100),
        ((990, 640, 1210, 1150), 100),
        ((400, 800, 1040, 1000), 80),
        ((400, 980, 1040, 1140), 60),
    ):
        layer = rounded(SQUARE, velvet, box, radius)
        image = shadow(image, (box[0], box[1] + 10, box[2], box[3] + 24), 0.25)
        image.paste(layer, (0, 0), layer)
    draw = ImageDraw.Draw(image)
    for row, count in ((380, 4), (500, 3), (620, 4)):
        for i in range(count):
            disc(
                draw, (720 + (i - (count - 1) / 2) * 150, row), 15, fill="#4a0d18", outline="#c85a66", width=4
            )
    draw.rounded_rectangle((560, 720, 880, 930), 40, fill="#e6c46a")
    for x in range(590, 870, 40):
        draw.line((x, 730, x, 920), fill="#b8902f", width=7)
    return image


def tartan() -> Image.Image:
    image = Image.new("RGB", SQUARE, "#5b1d2a")
    threads = (
        ("#163a2b", 0, 150),
        ("#0f2350", 190, 90),
        ("#e9d9b0", 318, 14),
        ("#0f2350", 345, 40),
        ("#d8a72c", 420, 10),
    )
    layers = []
    for vertical in (True, False):
        layer = Image.new("RGB", SQUARE, "#7a2233")
        draw = ImageDraw.Draw(layer)
        for repeat in range(-1, 4):
            for colour, offset, width in threads:
                at = repeat * 470 + offset + (60 if vertical else 0)
                box = (at, 0, at + width, SQUARE[1]) if vertical else (0, at, SQUARE[0], at + width)
                draw.rectangle(box, fill=colour)
        layers.append(layer)
    twill = Image.new("L", (16, 16))
    for i in range(16):
        ImageDraw.Draw(twill).line((i, 15 - i, i + 7, 15 - i), fill=255)
    mask = Image.new("L", SQUARE)
    for x in range(0, SQUARE[0], 16):
        for y in range(0, SQUARE[1], 16):
            mask.paste(twill, (x, y))
    image = Image.composite(layers[0], layers[1], mask)
    folds = noise(SQUARE, 23, cells=3, octaves=2).convert("RGB")
    return ImageChops.soft_light(image, folds)
