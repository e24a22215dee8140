"""A server that accepts connections and never responds."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.support import PATIENCE
from tests.triggers.running import checks


@pytest.fixture
def silent_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The id of an Airflow Connection to a host that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
        connection = {"conn_type": "imagekit", "password": "private_dead=", "host": host}
        monkeypatch.setenv("AIRFLOW_CONN_DEAD", json.dumps({**connection, "extra": {"timeout": 600}}))
        yield "dead"
    for check in checks():
        check.join(timeout=PATIENCE)
