"""A library of many tiny pictures, and runs over it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.library.nightly import FILES, Nightly, draw


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    for number in range(FILES):
        draw(folder / f"{number:04}.jpg", number)
    return folder


@pytest.fixture
def server(pictures: Path) -> Iterator[ImageKitEmulator]:
    with ImageKitEmulator(library=pictures, private_key=f"private_{secrets.token_hex(8)}") as emulator:
        yield emulator


@pytest.fixture(params=["jsonl", "parquet"])
def nightly(request: pytest.FixtureRequest, server: ImageKitEmulator, tmp_path: Path) -> Nightly:
    return Nightly(server, tmp_path / "tables" / f"library.{request.param}")


@pytest.fixture
def nightly_jsonl(server: ImageKitEmulator, tmp_path: Path) -> Nightly:
    return Nightly(server, tmp_path / "tables" / "library.jsonl")


@pytest.fixture
def redraw(pictures: Path) -> Callable[[int, int], None]:
    """Return a function that replaces a picture with another."""

    def replace(number: int, by: int) -> None:
        draw(pictures / f"{number:04}.jpg", by)

    return replace
