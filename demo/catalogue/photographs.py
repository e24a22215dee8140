"""Real photographs, read from the data folder of scikit-image without importing it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

#: Name in the catalogue -> file of scikit-image. Left and right motorcycle are a stereo pair.
PHOTOGRAPHS = {
    "coffee": "coffee.png",
    "cat": "chelsea.png",
    "rocket": "rocket.jpg",
    "astronaut": "astronaut.png",
    "motorcycle-left": "motorcycle_left.png",
    "motorcycle-right": "motorcycle_right.png",
}


def photograph_files() -> dict[str, Path]:
    """Return the photographs by name in the catalogue; empty if scikit-image is not installed."""
    try:
        scikit_image = distribution("scikit-image")
    except PackageNotFoundError:
        return {}
    return {
        name: Path(str(scikit_image.locate_file(f"skimage/data/{file}")))
        for name, file in PHOTOGRAPHS.items()
    }
