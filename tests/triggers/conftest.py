"""Servers to watch: a new library, and a host that says nothing."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.support import PATIENCE
from tests.triggers.running import checks


@pytest.fixture
def silent_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The Airflow Connection of a host that takes connections and does not answer for ten minutes."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
        connection = {"conn_type": "imagekit", "password": "private_dead=", "host": host}
        monkeypatch.setenv("AIRFLOW_CONN_DEAD", json.dumps({**connection, "extra": {"timeout": 600}}))
        yield "dead"
    for check in checks():
        check.join(timeout=PATIENCE)


@pytest.fixture
def new_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageKitEmulator]:
    """A local server with an empty library of its own, which the connection ``imagekit_default`` names."""
    key = f"private_{secrets.token_urlsafe(20)}="
    with ImageKitEmulator(library=tmp_path, private_key=key) as ik:
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(ik.airflow_connection))
        yield ik
