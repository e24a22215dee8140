from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.emulator.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def controlled(library: Path) -> Iterator[ImageKitEmulator]:
    with ImageKitEmulator(library=library, control=True) as emulator:
        yield emulator


def test_faults_are_injected_over_http(controlled):
    files, faults = controlled.url + "/v1/files", controlled.url + "/_emulator/faults"
    fault = {"status": 429, "headers": {"X-RateLimit-Reset": "3000"}, "match": "/v1/files", "times": None}
    assert requests.post(faults, json=fault, timeout=10).status_code == 204
    answer = requests.get(files, timeout=10)
    assert (answer.status_code, answer.headers["X-RateLimit-Reset"]) == (429, "3000")
    assert requests.delete(faults, timeout=10).status_code == 204
    assert requests.get(files, timeout=10).status_code == 401
    body = {"base64": base64.b64encode(b"\x00\xff").decode()}
    requests.post(faults, json={"body": body}, timeout=10)
    assert requests.get(files, timeout=10).content == b"\x00\xff"


def test_requests_are_told_and_the_key_is_rotated_over_http(controlled):
    key = "private_next"
    assert requests.put(controlled.url + "/_emulator/private-key", data=key, timeout=10).status_code == 204
    requests.get(controlled.url + "/v1/files?limit=1", auth=(key, ""), timeout=10)
    (request,) = requests.get(controlled.url + "/_emulator/requests", timeout=10).json()
    assert (request["raw_target"], request["status"]) == ("/v1/files?limit=1", 200)
    assert requests.post(controlled.url + "/_emulator/clear", timeout=10).status_code == 204
    assert controlled.requests == []


@pytest.mark.parametrize(
    "fault",
    [
        "{",
        "[]",
        '{"statuss": 1}',
        '{"status": 99}',
        '{"times": "x"}',
        '{"delay": "1"}',
        '{"headers": 1}',
        '{"body": {"base64": 1}}',
    ],
)
def test_a_fault_that_is_none_is_refused(controlled, fault):
    answer = requests.post(controlled.url + "/_emulator/faults", data=fault, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_there_is_no_control_unless_asked_for(ik):
    assert requests.post(ik.url + "/_emulator/faults", json={"status": 500}, timeout=10).status_code == 401
    assert requests.get(ik.url + "/v1/files", timeout=10).status_code == 401


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_stop(library: Path, number):
    command = [sys.executable, "-m", "airflow_provider_imagekit.emulator", "--library", str(library)]
    command += ["--private-key", "private_a+b/c=", "--latency", "1ms", "--rate-limit", "1000/m"]
    command += ["--fault", '{"status": 503, "match": "skip=9"}']
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        export, *addresses = [process.stdout.readline() for _ in range(4)]
        found = re.fullmatch(r"export AIRFLOW_CONN_IMAGEKIT_DEFAULT='(\{.*\})'\n", export)
        connection = json.loads(found[1])
        assert connection["password"] == "private_a+b/c="
        auth = (connection["password"], "")
        assert requests.get(connection["host"] + "/v1/files?skip=9", auth=auth, timeout=10).status_code == 503
        answer = requests.get(connection["host"] + "/v1/files", auth=auth, timeout=10)
        assert (answer.status_code, answer.headers["X-RateLimit-Limit"]) == (200, "1000")
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert connection["extra"]["url_endpoint"] in addresses[-1]
    assert errors == ""


@pytest.mark.parametrize(
    "options",
    [["--latency", "fast"], ["--rate-limit", "many"], ["--fault", "{"], ["--port", "x"], []],
)
def test_a_bad_command_line_is_explained(options, capsys, library: Path):
    arguments = ["--library", str(library), *options] if options else []
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "imagekit-emulator: error:" in capsys.readouterr().err


def test_a_missing_library_or_a_taken_port_is_explained(ik, library: Path, capsys):
    assert main(["--library", str(library / "none")]) == 1
    assert "is no folder" in capsys.readouterr().err
    assert main(["--library", str(library), "--port", ik.url.rpartition(":")[2]]) == 1
    assert "in use" in capsys.readouterr().err


def test_the_fixture_serves_a_library_and_sets_the_connection(pytester, library: Path):
    pytester.makeconftest(
        f"""
        import pathlib, pytest
        pytest_plugins = ["airflow_provider_imagekit.emulator.pytest_plugin"]

        @pytest.fixture
        def imagekit_library():
            return pathlib.Path({str(library)!r})
        """
    )
    pytester.makepyfile(
        """
        import json, os, urllib.request

        def test_it(imagekit_emulator):
            connection = json.loads(os.environ["AIRFLOW_CONN_IMAGEKIT_DEFAULT"])
            assert connection == imagekit_emulator.airflow_connection
            url = imagekit_emulator.file_url("folder/a.jpg")
            assert urllib.request.urlopen(url).status == 200
        """
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(pytester.path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
