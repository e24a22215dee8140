from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_imagekit import __version__
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.emulator.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
IMPORT = "from airflow_provider_imagekit.emulator import"


@pytest.fixture
def controlled(library: Path) -> Iterator[ImageKitEmulator]:
    with ImageKitEmulator(library=library, control=True) as emulator:
        yield emulator


def test_faults_are_injected_over_http(controlled):
    files, faults = controlled.url + "/v1/files", controlled.url + "/_emulator/faults"
    fault = {"status": 429, "headers": {"X-RateLimit-Reset": "3000"}, "match": "/v1/files", "times": None}
    assert requests.post(faults, json=fault, timeout=10).status_code == 204
    response = requests.get(files, timeout=10)
    assert (response.status_code, response.headers["X-RateLimit-Reset"]) == (429, "3000")
    assert requests.delete(faults, timeout=10).status_code == 204
    assert requests.get(files, timeout=10).status_code == 401
    body = {"base64": base64.b64encode(b"\x00\xff").decode()}
    requests.post(faults, json={"body": body}, timeout=10)
    assert requests.get(files, timeout=10).content == b"\x00\xff"


def test_requests_are_listed_and_the_key_is_rotated_over_http(controlled):
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
def test_an_invalid_fault_is_refused(controlled, fault):
    response = requests.post(controlled.url + "/_emulator/faults", data=fault, timeout=10)
    assert response.status_code == 400
    assert response.json()["message"]


def test_control_endpoints_are_disabled_by_default(ik):
    assert requests.post(ik.url + "/_emulator/faults", json={"status": 500}, timeout=10).status_code == 401
    assert requests.get(ik.url + "/v1/files", timeout=10).status_code == 401


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_stopped(library: Path, number):
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
        response = requests.get(connection["host"] + "/v1/files", auth=auth, timeout=10)
        assert (response.status_code, response.headers["X-RateLimit-Limit"]) == (200, "1000")
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert connection["extra"]["url_endpoint"] in addresses[-1]
    assert errors == ""


def test_requests_are_listed_without_keys_and_signatures(controlled):
    signed = controlled.file_url("folder/a.jpg") + "?ik-t=9999999999&ik-s=0123abcd"
    auth = (controlled.private_key, "")
    requests.get(signed, timeout=10, headers={"Cookie": "a=b", "X-Forwarded-Uri": signed})
    requests.get(controlled.url + "/v1/metadata", params={"url": signed}, auth=auth, timeout=10)
    response = requests.get(controlled.url + "/_emulator/requests", timeout=10)
    assert len(response.json()) == 2
    for secret in ("authorization", "cookie", "0123abcd", base64.b64encode(b"private_").decode()[:10]):
        assert secret not in response.text
    assert controlled.requests[0].headers["cookie"] == "a=b"
    assert "Basic" not in repr(controlled.requests)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "attacker.example:80"},
        {"Host": "["},
        {"Host": ""},
        {"Origin": "http://attacker.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "target"), [("POST", "faults"), ("GET", "requests"), ("PUT", "private-key"), ("POST", "clear")]
)
def test_a_control_request_from_another_site_is_refused(controlled, headers, method, target):
    url = f"{controlled.url}/_emulator/{target}"
    response = requests.request(method, url, headers=headers, data='{"status": 500}', timeout=10)
    assert response.status_code in ((400, 403) if headers.get("Host") in ("", "[") else (403,))
    assert requests.get(controlled.url + "/v1/files", auth=(controlled.private_key, ""), timeout=10).ok


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:{port}", "[::1]:{port}", "twin.test:{port}"])
def test_a_control_request_with_the_servers_host_name_is_accepted(library: Path, host):
    with ImageKitEmulator(library=library, control=True, public_host="twin.test") as ik:
        local = ik.url.replace("twin.test", "127.0.0.1")
        own = host.format(port=local.rpartition(":")[2])
        headers = {"Host": own, "Origin": f"http://{own}", "Sec-Fetch-Site": "same-origin"}
        response = requests.get(local + "/_emulator/requests", headers=headers, timeout=10)
        assert response.status_code == 200


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--latency", "fast"], "'fast' is not a time below one hour; write for example 100ms or 1.5s"),
        (["--job-time", "soon"], "'soon' is not a time below one hour"),
        (["--rate-limit", "many"], "'many' is not a rate limit; write for example 100/s or 1000/15m"),
        (["--fault", "{"], "the fault is not JSON"),
        (["--fault", '{"status": "x"}'], "status of the fault is 'x', of the wrong type"),
        (["--fault", '{"times": 2, "delay": "1s"}'], "delay of the fault is '1s', of the wrong type"),
        (["--fault", '{"statsu": 500}'], "a fault has no field statsu (did you mean status?)"),
        (["--port", "x"], "the port is 'x'; use a number from 0 to 65535"),
        (["--port", "70000"], "the port is '70000'; use a number from 0 to 65535"),
        (["--private-key", ""], "the key is empty; omit the option to use the default key"),
        (["--url-endpoint", "ik.imagekit.io/me"], "include its scheme: https://ik.imagekit.io/me"),
        (["--url-endpoint", "ftp://ik.imagekit.io/me"], "its scheme: https://ik.imagekit.io/me"),
        (["--url-endpoint", ""], "its scheme: https://ik.imagekit.io/your_id"),
        ([], "the following arguments are required: --library"),
    ],
)
def test_a_bad_command_line_is_explained(options, text, capsys, library: Path):
    arguments = ["--library", str(library), *options] if options else []
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "imagekit-emulator: error:" in error
    assert text in error


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--host", ""], "host is empty, which means all addresses"),
        (["--host", "nowhere.invalid"], "Cannot listen on nowhere.invalid"),
        (["--public-host", "http://imagekit"], "public_host is 'http://imagekit'; use a host name without"),
        (["--public-host", "imagekit:80"], "public_host is 'imagekit:80'; use a host name without"),
        (["--imagekit-id", "a/b"], "imagekit_id is 'a/b'; use letters, digits"),
        (["--imagekit-id", ""], "imagekit_id is ''; use letters, digits"),
        (["--private-key", "private_a b"], "The private key contains blanks"),
        (["--state", __file__], "The state folder"),
    ],
)
def test_invalid_server_arguments_are_explained_in_one_line(options, text, capsys, library: Path):
    assert main(["--library", str(library), *options]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"imagekit-emulator: {text}")


def test_the_command_says_that_a_library_is_empty(tmp_path: Path):
    with command_running(tmp_path) as (process, _):
        lines = [process.stdout.readline() for _ in range(4)]
    assert lines[-1] == "# The library has no files.\n"


def test_bad_arguments_of_the_server_are_explained(library: Path):
    for arguments, text in [
        ({"port": 70000}, "port is 70000; use a number from 0 to 65535"),
        ({"private_key": " "}, "The private key is empty"),
        ({"url_endpoints": ["ik.imagekit.io/me"]}, "include its scheme"),
    ]:
        with pytest.raises(ValueError, match=text):
            ImageKitEmulator(library=library, **arguments)


def test_the_command_names_its_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"airflow-provider-imagekit {__version__}\n"


@pytest.mark.parametrize(
    "package", ["starlette", "uvicorn", "PIL", "jinja2", "httptools", "python_multipart"]
)
def test_the_command_names_the_extra_that_is_missing(package):
    module = "airflow_provider_imagekit.emulator.__main__"
    done = run_without(package, f"from {module} import main; main(['--help'])")
    assert done.stderr == (
        f"imagekit-emulator: The local ImageKit server needs {package}. Install the extra: "
        'pip install "airflow-provider-imagekit[emulator]"\n'
    )


def test_an_import_names_the_extra_that_is_missing():
    done = run_without("starlette", f"{IMPORT} ImageKitEmulator")
    assert "needs starlette. Install the extra" in done.stderr
    done = run_without("PIL", "from airflow_provider_imagekit.phash.pictures import phash_of_file")
    assert "Pictures need PIL. Install the extra" in done.stderr


def run_without(package: str, program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys; sys.modules[{package!r}] = None; {program}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def test_the_verbose_command_logs_requests_without_signatures(library: Path):
    with command_running(library, "--verbose") as (process, connection):
        requests.get(connection["host"] + "/demo/top.webp?ik-s=0123abcd", timeout=10)
        line = process.stderr.readline()
    assert re.search(r"GET /demo/top.webp\?ik-s=\*\*\* 401 \d+ ms$", line.strip())


@pytest.mark.parametrize(
    ("options", "host", "extra"),
    [
        (["--host", "localhost"], "localhost", {}),
        (["--host", "0.0.0.0"], "127.0.0.1", {}),
        (["--public-host", "imagekit"], "imagekit", {"allow_http": True}),
        (["--host", "0.0.0.0", "--public-host", "10.0.0.7"], "10.0.0.7", {"allow_http": True}),
    ],
)
def test_the_printed_connection_fits_the_host(library: Path, options, host, extra):
    with command_running(library, *options) as (_, connection):
        base_url = connection["host"]
    assert base_url.rpartition(":")[0] == f"http://{host}"
    assert connection["extra"] == {"url_endpoint": f"{base_url}/demo", **extra}


@contextlib.contextmanager
def command_running(library: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [sys.executable, "-m", "airflow_provider_imagekit.emulator", "--library", str(library)]
    command += options
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            export = shlex.split(process.stdout.readline())[1]
            yield process, json.loads(export.partition("=")[2])
        finally:
            process.terminate()


def test_a_missing_library_or_a_used_port_is_explained(ik, library: Path, capsys):
    assert main(["--library", str(library / "none")]) == 1
    assert "is not a folder" in capsys.readouterr().err
    assert main(["--library", str(library), "--port", ik.url.rpartition(":")[2]]) == 1
    error = capsys.readouterr().err
    assert re.search(r"Cannot listen on 127.0.0.1, port \d+: Address already in use.", error)


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
