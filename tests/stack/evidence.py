"""Helpers of the stack tests: the hash of the expected picture, and Airflow's logs."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_imagekit.phash.pictures import phash_of_file
from tests import pictures

__all__ = ["logs", "phash_of_picture"]


def phash_of_picture(folder: Path) -> str:
    """Draw the picture that the stack tests wait for next to a folder, and return its hash."""
    file = folder.parent / "picture.png"
    pictures.scene(1).save(file)
    return str(phash_of_file(file))


def logs(home: Path, part: str = "") -> list[str]:
    """Return the contents of the logs of an Airflow whose paths contain a substring."""
    return [path.read_text("utf-8", "replace") for path in home.rglob("*.log") if part in str(path)]
