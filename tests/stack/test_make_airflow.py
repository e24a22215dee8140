"""``make airflow`` starts a complete Airflow, runs an example, and stops without leftover processes."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import requests

from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.catalogue import build
from demo.environment import EXAMPLE_DAGS
from demo.stack import AirflowStack
from tests.stack.api import Api, wait_until

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
        response = requests.request(method, stack.url + path, json=body, headers=headers, timeout=30)
        if response.status_code < 500:  # Airflow returns 500 while another process locks SQLite
            break
        time.sleep(0.5)
    response.raise_for_status()
    return dict(response.json())


def wait_for_dag(stack: AirflowStack, token: str) -> None:
    """Wait until the DAG processor has parsed the DAG's file; it reports healthy before that."""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        try:
            call(stack, "GET", f"/api/v2/dags/{DAG_ID}", {}, token)
        except requests.HTTPError:
            time.sleep(1)
        else:
            return


def listens_on(process: psutil.Process) -> list[str]:
    """Return the addresses on which a process accepts connections; none if it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [c.laddr.ip for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    return []


def test_a_process_that_has_ended_listens_nowhere() -> None:
    """A task process of a running Airflow may end while the test inspects it."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        process = psutil.Process(ended.pid)
    assert listens_on(process) == []


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
    assert {address for process in family for address in listens_on(process)} == {"127.0.0.1"}
    stack.stop()
    assert [process for process in family if process.is_running()] == []


OWN_DAG = """
import os

from airflow.sdk import DAG

from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator

with DAG("own", schedule=None):
    FindNearDuplicatesOperator(
        task_id="find",
        records=[{"fileId": "a", "pHash": "f06830ca9f1e3e90"}, {"fileId": "b", "pHash": "f06830ca9f1e3e91"}],
        output_path=os.environ["AIRFLOW_HOME"] + "/imagekit/{{ run_id }}",
    )
"""
#: ``make airflow``, with port and password stored outside the repository.
COMMAND = """
import pathlib, sys
from demo import stack
sys.exit(stack.main(login=pathlib.Path(sys.argv[1])))
"""


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[str]:
    """The output of ``make airflow DAGS=`` until Airflow is up."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "own.py").write_text(OWN_DAG, "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {"DAGS": str(tmp_path / "dags"), "PYTHONPATH": str(EXAMPLE_DAGS.parent)}
    command = [sys.executable, "-u", "-c", COMMAND, str(tmp_path / "login.json")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "Ctrl-C" in line:
                    break
            yield "".join(lines)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert process.returncode == 0


def value_of(printed: str, name: str) -> str:
    """Return the text that was printed after a name."""
    found = re.search(rf"^{name} +(.*)$", printed, re.MULTILINE)
    assert found, printed
    return found[1]


def test_a_dags_folder_runs_with_the_printed_connection_key_and_report(printed: str) -> None:
    [url] = re.findall(r"^Airflow +(http.*)$", printed, re.MULTILINE)
    imagekit = value_of(printed, "ImageKit").split()[3].rstrip(",")
    listed = requests.get(f"{imagekit}/v1/files", auth=(value_of(printed, "Private key"), ""), timeout=30)
    assert listed.status_code == 200

    login = {"username": value_of(printed, "User"), "password": value_of(printed, "Password")}
    api = Api(SimpleNamespace(url=url, **login))  # type: ignore[arg-type]  # the attributes that Api uses
    shown = api.call("GET", "/connections/imagekit_default")
    assert (shown["conn_type"], shown["host"]) == ("imagekit", imagekit)
    assert [dag["dag_id"] for dag in api.call("GET", "/dags")["dags"]] in ([], ["own"])

    run = api.trigger("own")
    wait_until(lambda: api.call("GET", run)["state"] == "success", RUN_SECONDS, "the run has succeeded")
    link = api.call("GET", f"{run}/taskInstances/find/links")["extra_links"]["ImageKit report"]
    page = requests.get(link, timeout=30)
    assert page.status_code == 200
    assert "<title>Near-duplicates</title>" in page.text
