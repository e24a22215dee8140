from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
import requests
from PIL import Image, ImageDraw

from airflow_provider_imagekit.emulator import ImageKitEmulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def draw(width: int = 320, height: int = 200, seed: int = 7, mode: str = "RGB") -> Image.Image:
    """Return a picture with enough structure for a stable perceptual hash."""
    image = Image.radial_gradient("L").resize((width, height)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for index in range(12):
        x, y = (seed * 37 * (index + 1)) % width, (seed * 53 * (index + 3)) % height
        colour = ((seed * 29 * index) % 256, (seed * 71 * index) % 256, (seed * 13 * index) % 256)
        pen.ellipse((x, y, x + width // 4, y + height // 3), fill=colour)
    return image.convert(mode)


def encode(image: Image.Image, format: str = "JPEG", **options: object) -> bytes:  # noqa: A002 - as in Pillow
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    (root / "folder").mkdir(parents=True)
    (root / "folder" / "a.jpg").write_bytes(encode(draw(seed=7), dpi=(300, 300)))
    (root / "folder" / "b.png").write_bytes(encode(draw(seed=11, mode="RGBA"), "PNG"))
    (root / "top.webp").write_bytes(encode(draw(seed=13), "WEBP"))
    (root / "notes.txt").write_text("no picture")
    return root


@pytest.fixture
def ik(library: Path) -> Iterator[ImageKitEmulator]:
    with ImageKitEmulator(library=library) as emulator:
        yield emulator


@pytest.fixture
def get(ik: ImageKitEmulator) -> Iterator[Callable[..., requests.Response]]:
    with requests.Session() as session:
        session.auth = (ik.private_key, "")

        def get(target: str, **options: object) -> requests.Response:
            url = target if target.startswith("http") else ik.url + target
            return session.get(url, timeout=10, **options)

        yield get
