"""
Pytest fixtures for testing your DAGs against the emulator.

In a ``conftest.py``::

    pytest_plugins = ["airflow_provider_imagekit.emulator.pytest_plugin"]

    @pytest.fixture(scope="session")
    def imagekit_library():
        return Path(__file__).parent / "pictures"

It is not an entry point, because pytest would then load it in every run on the machine.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from airflow_provider_imagekit.emulator.extra import check_extra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_imagekit.emulator.server import ImageKitEmulator

__all__ = ["imagekit_emulator", "imagekit_library"]


@pytest.fixture
def imagekit_library(tmp_path: Path) -> Path:
    """
    Return the folder that :func:`imagekit_emulator` serves; it is empty, and the test fills it with pictures.

    Override it to serve your own pictures, optionally with a wider scope.
    """
    library = tmp_path / "imagekit_library"
    library.mkdir()
    return library


@pytest.fixture
def imagekit_emulator(imagekit_library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageKitEmulator]:
    """
    Run a local ImageKit server for one test and set the connection ``imagekit_default`` to it.

    ::

        def test_the_gate_opens(imagekit_emulator):
            imagekit_emulator.inject(status=503)
            dag.test()
    """
    try:
        check_extra()
    except ModuleNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    from airflow_provider_imagekit.emulator.server import ImageKitEmulator

    with ImageKitEmulator(library=imagekit_library) as emulator:
        connection = json.dumps(emulator.airflow_connection)
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", connection)
        yield emulator
