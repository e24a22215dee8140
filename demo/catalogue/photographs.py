"""Real photographs, read from the data folder of the scikit-image distribution, which is never imported."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

#: Name in the catalogue -> file of scikit-image. Left and right motorcycle are one scene from two eyes.
PHOTOGRAPHS = {
    "coffee": "coffee.png",
    "cat": "chelsea.png",
    "rocket": "rocket.jpg",
    "astronaut": "astronaut.png",
    "motorcycle-left": "motorcycle_left.png",
    "motorcycle-right": "motorcycle_right.png",
}


def photograph_files() -> dict[str, Path]:
    """Return the photographs by their name in the catalogue; none if scikit-image is not installed."""
    try:
        scikit_image = distribution("scikit-image")
    except PackageNotFoundError:
        return {}
    return {
        name: Path(str(scikit_image.locate_file(f"skimage/data/{file}")))
        for name, file in PHOTOGRAPHS.items()
    }
