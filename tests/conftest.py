"""Airflow's environment for all tests, and a local ImageKit server with a few drawn pictures."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline, because a busy machine is not a failure. In CI, examples are the same in every run.
settings.register_profile("repository", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("repository")

# Airflow reads these on its first import, so they must be set before any test is imported.
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="imagekit-airflow-"))
os.environ.update(
    {
        "AIRFLOW_HOME": str(AIRFLOW_HOME),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",  # Airflow 2 warns about its default
        "AIRFLOW__CORE__DAGS_FOLDER": str(AIRFLOW_HOME / "dags"),
    }
)
for name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
    del os.environ[name]

from airflow_provider_imagekit.client.client import ImageKitClient  # noqa: E402
from airflow_provider_imagekit.emulator import ImageKitEmulator  # noqa: E402
from tests import pictures  # noqa: E402
from tests.support import Clock, client_of, secrets_masker  # noqa: E402

#: Path prefixes of the slowest tests: complete DAG runs in separate processes.
PARTS = ("airflow/", "example_dags/", "demo/", "faults/", "operators/test_every")
LONGEST = tuple(f"tests/{part}" for part in PARTS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Run the slowest tests first, so that parallel processes finish at about the same time.

    A failed test runs a second time, and the report lists it under RERUN, where a busy machine is a likely
    cause: in CI, and for tests of a complete Airflow with its twenty processes.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
    for item in items:
        if "CI" in os.environ or item.get_closest_marker("stack"):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_unconfigure() -> None:
    """Remove Airflow's home."""
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photo-like picture, variants of it, and files that are not pictures."""
    return pictures.draw(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def _emulator(library: Path) -> Iterator[ImageKitEmulator]:
    with ImageKitEmulator(library=library) as emulator:
        yield emulator


def renew(emulator: ImageKitEmulator) -> None:
    emulator.clear()
    emulator.private_key = f"private_{secrets.token_urlsafe(20)}="


@pytest.fixture
def imagekit(_emulator: ImageKitEmulator) -> Iterator[ImageKitEmulator]:
    """
    The local server without faults and past requests, with a new key (and so a new rate limit) per test.

    Tests that add or remove files must use another server, because this library is shared.
    """
    renew(_emulator)
    before = {file["filePath"] for file in _emulator.files()}
    yield _emulator
    assert {file["filePath"] for file in _emulator.files()} == before


@pytest.fixture(scope="session")
def _written_emulator(library: Path) -> Iterator[ImageKitEmulator]:
    with ImageKitEmulator(library=library) as emulator:
        yield emulator


@pytest.fixture
def written_imagekit(
    _written_emulator: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> ImageKitEmulator:
    """A second server for tests that add files; the connection ``imagekit_default`` uses it."""
    renew(_written_emulator)
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(_written_emulator.airflow_connection))
    return _written_emulator


@pytest.fixture
def new_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageKitEmulator]:
    """A local server with an empty library; the connection ``imagekit_default`` uses it."""
    key = f"private_{secrets.token_urlsafe(20)}="
    with ImageKitEmulator(library=tmp_path, private_key=key) as ik:
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(ik.airflow_connection))
        yield ik


@pytest.fixture
def connection(imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """Id of an Airflow Connection to the local server."""
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))
    return "imagekit_default"


@pytest.fixture(autouse=True)
def _forget_masked_secrets() -> Iterator[None]:
    """Reset Airflow's secrets masker, which recompiles the pattern of all secrets for each new one."""
    yield
    masker = secrets_masker()
    masker.patterns, masker.replacer = set(), None


@pytest.fixture
def clock() -> Clock:
    """A simulated clock for one test."""
    return Clock()


@pytest.fixture
def client(imagekit: ImageKitEmulator, clock: Clock) -> ImageKitClient:
    """A client of the local server that uses the test's clock."""
    return client_of(imagekit, clock)
