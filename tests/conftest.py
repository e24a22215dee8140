"""Airflow's environment for all tests, and a local ImageKit server over a few drawn pictures."""

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

# A busy machine is no finding, and a finding must not wait for the next run's luck.
settings.register_profile("repository", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("repository")

# Airflow reads these when it is first imported, so they are set before any test is.
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="imagekit-airflow-"))
os.environ.update(
    {
        "AIRFLOW_HOME": str(AIRFLOW_HOME),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",  # Airflow 2 warns of its own default
        "AIRFLOW__CORE__DAGS_FOLDER": str(AIRFLOW_HOME / "dags"),
    }
)
for name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
    del os.environ[name]

from airflow_provider_imagekit.client.client import ImageKitClient  # noqa: E402
from airflow_provider_imagekit.emulator import ImageKitEmulator  # noqa: E402
from tests import pictures  # noqa: E402
from tests.support import Clock, client_of, secrets_masker  # noqa: E402

#: What takes longest by far: whole DAG runs in processes of their own.
PARTS = ("airflow/", "example_dags/", "demo/", "faults/", "operators/test_every")
LONGEST = tuple(f"tests/{part}" for part in PARTS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Start the longest tests first, so that no process is still at one when the others are done.

    A test that failed runs a second time, and the report lists it under RERUN, where a busy machine is the
    likely cause: in CI, and for a test of a whole Airflow, whose twenty processes may each meet its races.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
    for item in items:
        if "CI" in os.environ or item.get_closest_marker("stack"):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photograph-like picture, variants of it, and files that are no pictures."""
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
    The local server: no faults, no past requests, and a key (so a request budget) of the test's own.

    A test that adds or removes files uses another one, or the next test would find another library.
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
    """Another such server, for tests that add files to it; ``imagekit_default`` names it."""
    renew(_written_emulator)
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(_written_emulator.airflow_connection))
    return _written_emulator


@pytest.fixture
def new_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageKitEmulator]:
    """A local server with an empty library of its own, which the connection ``imagekit_default`` names."""
    key = f"private_{secrets.token_urlsafe(20)}="
    with ImageKitEmulator(library=tmp_path, private_key=key) as ik:
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(ik.airflow_connection))
        yield ik


@pytest.fixture
def connection(imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an Airflow Connection to the local server."""
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))
    return "imagekit_default"


@pytest.fixture(autouse=True)
def _forget_masked_secrets() -> Iterator[None]:
    """Airflow compiles one pattern of all secrets at each new one: thousands of keys would take seconds."""
    yield
    masker = secrets_masker()
    masker.patterns, masker.replacer = set(), None


@pytest.fixture
def clock() -> Clock:
    """Time of the test's own."""
    return Clock()


@pytest.fixture
def client(imagekit: ImageKitEmulator, clock: Clock) -> ImageKitClient:
    """A client of the local server that sleeps on the test's clock."""
    return client_of(imagekit, clock)
