from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.emulator.drawing import pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "library"
    (root / "folder").mkdir(parents=True)
    for name, content in pictures().items():
        (root / name).write_bytes(content)
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
