"""The whole Airflow: starts, runs an example, stops, and leaves nothing behind."""

from __future__ import annotations

import importlib.metadata
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.catalogue import build
from demo.environment import EXAMPLE_DAGS
from demo.stack import AirflowStack

DAG_ID = "example_imagekit_similarity_gate"
RUN_SECONDS = 120

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(
        importlib.metadata.version("apache-airflow").startswith("2."), reason="make airflow starts Airflow 3"
    ),
]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[AirflowStack]:
    build(tmp_path)
    with ImageKitEmulator(library=tmp_path) as imagekit:
        stack = AirflowStack(EXAMPLE_DAGS, json.dumps(imagekit.airflow_connection))
        with stack:
            yield stack
        assert not stack.home.exists()


def call(
    stack: AirflowStack, method: str, path: str, body: dict[str, Any], token: str = ""
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    for _ in range(30):
        answer = requests.request(method, stack.url + path, json=body, headers=headers, timeout=30)
        if answer.status_code < 500:  # as long as another process has locked SQLite, Airflow answers 500
            break
        time.sleep(0.5)
    answer.raise_for_status()
    return dict(answer.json())


def wait_for_dag(stack: AirflowStack, token: str) -> None:
    """Wait until the DAG processor, healthy from its start, has come to the DAG's file."""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        try:
            call(stack, "GET", f"/api/v2/dags/{DAG_ID}", {}, token)
        except requests.HTTPError:
            time.sleep(1)
        else:
            return


def test_an_example_succeeds_in_the_whole_airflow_and_no_process_is_left(stack: AirflowStack) -> None:
    login = {"username": stack.username, "password": stack.password}
    token = call(stack, "POST", "/auth/token", login)["access_token"]
    wait_for_dag(stack, token)
    run_id = call(stack, "POST", f"/api/v2/dags/{DAG_ID}/dagRuns", {"logical_date": None}, token)[
        "dag_run_id"
    ]
    deadline = time.monotonic() + RUN_SECONDS
    state = "queued"
    while state in {"queued", "running"} and time.monotonic() < deadline:
        time.sleep(1)
        state = call(stack, "GET", f"/api/v2/dags/{DAG_ID}/dagRuns/{run_id}", {}, token)["state"]
    assert state == "success"

    family = psutil.Process().children(recursive=True)
    assert len(family) >= 4
    listening = [
        c.laddr.ip for process in family for c in process.net_connections("tcp") if c.status == "LISTEN"
    ]
    assert set(listening) == {"127.0.0.1"}
    stack.stop()
    assert [process for process in family if process.is_running()] == []
