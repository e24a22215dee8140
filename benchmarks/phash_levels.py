"""
Measure which edits each level finds, and how often by chance: ``python -m benchmarks.phash_levels [CROPS]``.

Edits of scikit-image's photographs are hashed with ImageKit's pHash algorithm and compared with their
originals. Then crops of different photographs, CROPS of each, are compared with each other.
"""

from __future__ import annotations

import importlib.metadata
import io
import random
import sys
from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from airflow_provider_imagekit.phash.pictures import compute_phash
from airflow_provider_imagekit.similarity.distance import LEVELS

# All camera photographs in the distribution.
PHOTOGRAPHS = [
    *("astronaut", "brick", "camera", "cell", "chelsea", "clock_motion", "coffee", "coins", "color", "grass"),
    *("gravel", "hubble_deep_field", "ihc", "moon", "motorcycle_left", "retina", "rocket"),
]
RADII = (4, 6, 8, 10, 12, 16)
CROPS = 1000

Edit = Callable[[Image.Image], Image.Image]


def main(crops: int) -> None:
    """Measure and print both tables as Markdown."""
    photographs = dict(opened())
    originals = {name: compute_phash(picture) for name, picture in photographs.items()}
    print(f"| level | bits | {' | '.join(KINDS)} |\n|---|---:|{'---:|' * len(KINDS)}")
    distances = {
        kind: [
            compute_phash(edit(p)).distance(originals[n]) for n, p in photographs.items() for edit in edits
        ]
        for kind, edits in KINDS.items()
    }
    for level, bits in LEVELS.items():
        shares = [sum(d <= bits for d in found) / len(found) for found in distances.values()]
        print(f"| `{level}` | {bits} | {' | '.join(f'{share:.0%}' for share in shares)} |")
    unrelated = sorted(a.distance(b) for a, b in combinations(originals.values(), 2))
    print(
        f"\n{len(photographs)} photographs, {sum(map(len, KINDS.values()))} edits of each; "
        f"{len(unrelated)} unrelated pairs, the nearest {unrelated[0]} bits apart, the median "
        f"{unrelated[len(unrelated) // 2]}.\n"
    )
    print_chances(photographs, crops)


def print_chances(photographs: dict[str, Image.Image], crops: int) -> None:
    """Print how often crops of two different photographs are within each radius."""
    chance = random.Random(7)
    hashes = {
        name: np.array([compute_phash(crop(picture, chance)).bits for _ in range(crops)], dtype=np.uint64)
        for name, picture in photographs.items()
    }
    histogram = np.zeros(65, dtype=np.int64)
    for one, other in combinations(hashes.values(), 2):
        histogram += np.bincount(np.bitwise_count(one[:, None] ^ other).ravel(), minlength=65)
    total = int(histogram.sum())
    print("| radius | share of pairs | pairs among 10,000 pictures | 100,000 | 1,000,000 |")
    print("|---:|---:|---:|---:|---:|")
    for radius in RADII:
        share = int(histogram[: radius + 1].sum()) / total
        expected = (f"{share * n * (n - 1) / 2:,.0f}" for n in (10**4, 10**5, 10**6))
        print(f"| {radius} | {share:.1e} | {' | '.join(expected)} |")
    print(f"\n{total:,} pairs of {crops} crops of each photograph.")


def opened() -> Iterator[tuple[str, Image.Image]]:
    """Yield the photographs; the files are read without importing scikit-image."""
    files = importlib.metadata.distribution("scikit-image")
    for name in PHOTOGRAPHS:
        for suffix in ("png", "jpg"):
            path = files.locate_file(f"skimage/data/{name}.{suffix}")
            if path.exists():
                with Image.open(io.BytesIO(path.read_bytes())) as picture:
                    picture.thumbnail((800, 800))
                    yield name, picture.convert("RGB")


def crop(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Cut out a random part, a quarter to three quarters of each side."""
    width, height = (int(side * chance.uniform(0.25, 0.75)) for side in picture.size)
    left, top = chance.randrange(picture.width - width), chance.randrange(picture.height - height)
    return picture.crop((left, top, left + width, top + height))


def trimmed(left: float, top: float, right: float, bottom: float) -> Edit:
    """Crop shares of the sides."""
    return lambda p: p.crop(
        (int(p.width * left), int(p.height * top), int(p.width * (1 - right)), int(p.height * (1 - bottom)))
    )


def saved(kind: str, quality: int) -> Edit:
    """Save the picture and read it back."""

    def edit(picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.save(file, kind, quality=quality)
        return Image.open(file)

    return edit


def marked(share: float) -> Edit:
    """Draw a white mark of this share of the width into the lower right corner."""

    def edit(picture: Image.Image) -> Image.Image:
        copy = picture.copy()
        width, height = int(copy.width * share), int(copy.height * share / 4)
        corner = (copy.width - width - 8, copy.height - height - 8, copy.width - 8, copy.height - 8)
        ImageDraw.Draw(copy).rectangle(corner, fill="white")
        return copy

    return edit


def turned(degrees: float) -> Edit:
    """Rotate by some degrees and crop the empty corners."""
    return lambda p: trimmed(*[degrees / 50] * 4)(p.rotate(degrees, Image.Resampling.BICUBIC))


KINDS: dict[str, list[Edit]] = {
    "re-encoded, resized, toned": [
        lambda p: p.resize((p.width // 2, p.height // 2)),
        lambda p: p.resize((p.width // 4, p.height // 4)),
        lambda p: p.resize((300, 300)),
        *(saved("JPEG", quality) for quality in (75, 30, 10)),
        saved("WEBP", 30),
        ImageOps.grayscale,
        lambda p: ImageEnhance.Brightness(p).enhance(1.3),
        lambda p: ImageEnhance.Contrast(p).enhance(1.2),
        lambda p: ImageEnhance.Color(p).enhance(1.5),
        lambda p: p.filter(ImageFilter.GaussianBlur(2)),
    ],
    "small crop (1-2 %), turn (1°), mark": [
        trimmed(0.01, 0.01, 0.01, 0.01),
        trimmed(0.02, 0.02, 0.02, 0.02),
        trimmed(0.05, 0, 0, 0),
        turned(1),
        marked(0.2),
    ],
    "crop of 5-10 %, turn (5°), border, large mark": [
        trimmed(0.05, 0.05, 0.05, 0.05),
        trimmed(0.1, 0.1, 0.1, 0.1),
        turned(5),
        lambda p: ImageOps.expand(p, int(p.width * 0.04), "white"),
        marked(0.6),
    ],
    "mirrored, quarter turn": [ImageOps.mirror, lambda p: p.transpose(Image.Transpose.ROTATE_90)],
}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CROPS)
