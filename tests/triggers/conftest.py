from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator


@pytest.fixture
def new_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageKitEmulator]:
    """A local server with an empty library of its own, which the connection ``imagekit_default`` names."""
    key = f"private_{secrets.token_urlsafe(20)}="
    with ImageKitEmulator(library=tmp_path, private_key=key) as ik:
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(ik.airflow_connection))
        yield ik
