"""
Rebuild the corpus: small drawn pictures with the EXIF that broke real programs.

``python -m tests.corpus.make FOLDER`` writes the files; the tests make them in memory.
"""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from tests.emulator.drawing import draw

MODEL, ORIENTATION, MODIFY, ARTIST, XMP = 0x0110, 0x0112, 0x0132, 0x013B, 0x02BC
EXIF, GPS = 0x8769, 0x8825
ORIGINAL, DIGITISED, OFFSET, OFFSET_ORIGINAL, COMMENT = 0x9003, 0x9004, 0x9010, 0x9011, 0x9286
NORTH = {1: "N", 2: (43.0, 28.0, 2.0), 3: "E", 4: (11.0, 53.0, 6.0)}
CLOCK = "2022:09:10 12:00:00"


def exif(
    image: dict[int, Any] | None = None,
    camera: dict[int, Any] | None = None,
    gps: dict[int, Any] | None = None,
) -> Image.Exif:
    """Return EXIF of the given tags."""
    made = Image.Exif()
    made.update(image or {})
    made.get_ifd(EXIF).update(camera or {})
    made.get_ifd(GPS).update(gps or {})
    return made


def block_of(made: Image.Exif) -> bytes:
    """Return EXIF as a block, its comment of the type UNDEFINED, for which Pillow writes BYTE."""
    return made.tobytes().replace(struct.pack(">HH", COMMENT, 1), struct.pack(">HH", COMMENT, 7))


def fix(date: str, *time: float) -> dict[int, Any]:
    """Return the GPS tags of a time."""
    return {29: date, 7: tuple(map(float, time))}


def encoded(kind: str = "JPEG", picture: Image.Image | None = None, **options: Any) -> bytes:
    """Return a small drawn picture as a file."""
    buffer = io.BytesIO()
    (picture or draw(48, 32)).save(buffer, kind, **options)
    return buffer.getvalue()


def raw_profile(made: Image.Exif) -> bytes:
    """Return a PNG file with EXIF as ImageMagick writes it."""
    block = made.tobytes()
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    return encoded("PNG", pnginfo=info)


def jpeg_2000(made: Image.Exif) -> bytes:
    """Return a JP2 file with EXIF in its box."""
    block = b"JpgTiffExif->JP2" + made.tobytes().removeprefix(b"Exif\0\0")
    return encoded("JPEG2000") + struct.pack(">I4s", len(block) + 8, b"uuid") + block


def deep(order: str) -> bytes:
    """Return a grey TIFF of 16 bits in a byte order, ``<`` or ``>``."""
    grey = draw(48, 32, mode="L")
    pixels = b"".join(struct.pack(f"{order}H", value << 8) for value in grey.tobytes())
    return encoded("TIFF", Image.frombytes("I;16" if order == "<" else "I;16B", grey.size, pixels))


def files() -> dict[str, bytes]:
    """Return the corpus: content by name."""
    clocks = {
        "clock.jpg": exif(camera={ORIGINAL: CLOCK}),
        "clock-with-gps.jpg": exif(camera={ORIGINAL: CLOCK}, gps=fix("2022:09:10", 10, 0, 3)),
        "clock-with-old-gps.jpg": exif(camera={ORIGINAL: CLOCK}, gps=fix("2003:09:10", 10, 0, 0)),
        "clock-with-dummy-gps.jpg": exif(camera={ORIGINAL: CLOCK}, gps=fix("2017:01:01", 0, 0, 0)),
        "clock-with-odd-gps-date.jpg": exif(camera={ORIGINAL: CLOCK}, gps=fix("2022:09:109", 10, 0, 0)),
        "offset-in-clock.jpg": exif(camera={ORIGINAL: "2004-09-04T23:39:06-08:00"}),
        "afternoon.jpg": exif(camera={ORIGINAL: "2004:09:04 02:42:10 PM"}),
        "offset.jpg": exif(camera={ORIGINAL: CLOCK, OFFSET_ORIGINAL: "-5:00"}),
        "offset-of-edit.jpg": exif({MODIFY: "2023:01:01 00:00:00"}, {ORIGINAL: CLOCK, OFFSET: "+09:00"}),
        "offset-of-edit-alone.jpg": exif(camera={ORIGINAL: CLOCK, OFFSET: "+09:00"}),
        "offset-of-edit-at-once.jpg": exif({MODIFY: CLOCK}, {ORIGINAL: CLOCK, OFFSET: "+09:00"}),
        "offset-impossible.jpg": exif(camera={ORIGINAL: CLOCK, OFFSET_ORIGINAL: "+02:75"}),
    }
    places = {
        "place.jpg": exif(gps=NORTH),
        "place-zero.jpg": exif(gps=NORTH | {2: (0.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)}),
        "place-on-equator.jpg": exif(gps=NORTH | {2: (0.0, 0.0, 0.0)}),
        "place-void.jpg": exif(gps=NORTH | {9: "V"}),
    }
    texts = {
        "nul.jpg": exif({MODEL: "ION230\0F"}, {COMMENT: b"ASCII\0\0\0text"}),
        "people.jpg": exif({ARTIST: "Ada", XMP: b"<x:xmpmeta>52.5, 13.4</x:xmpmeta>"}, gps=NORTH),
    }
    turned = exif({MODEL: "Turned", ORIENTATION: 6})
    jpegs = {name: encoded(exif=block_of(made)) for name, made in {**clocks, **places, **texts}.items()}
    return {
        **jpegs,
        "turned.jpg": encoded(exif=turned.tobytes()),
        "turned.png": encoded("PNG", exif=turned.tobytes()),
        "turned-raw-profile.png": raw_profile(turned),
        "turned.webp": encoded("WEBP", exif=turned.tobytes()),
        "turned.tif": encoded("TIFF", exif=turned),
        "exif.jp2": jpeg_2000(exif({MODEL: "Turned"})),
        "deep-little.tif": deep("<"),
        "deep-big.tif": deep(">"),
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (folder / name).write_bytes(content)
