from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageKitEmulator]:
    """A server with a library that the test may change, and an Airflow Connection to it."""
    library = pictures.draw(tmp_path / "library")
    with ImageKitEmulator(library=library, job_seconds=0.0) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(emulator.airflow_connection))
        yield emulator


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """The folder of the server's library."""
    return tmp_path / "library"
