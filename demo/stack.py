"""``make airflow``: a complete Airflow with the example DAGs and a local ImageKit server on 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import psutil
import requests

from demo.catalogue import build
from demo.environment import (
    CONNECTION_VARIABLE,
    EXAMPLE_DAGS,
    REPOSITORY,
    airflow_command,
    airflow_environment,
    free_port,
    is_free,
    server_environment,
)
from demo.pages import served

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

#: File in which ``make airflow`` keeps port and password between runs.
LOGIN = REPOSITORY / ".airflow" / "login.json"
START_SECONDS = 180
STOP_SECONDS = 20
#: Lines shown from the log of a process that has ended.
LAST_LINES = 20


class StackError(Exception):
    """Raised when a component of Airflow does not start, or ends unexpectedly."""


class AirflowStack:
    """
    API server with the UI, scheduler, DAG processor and triggerer; their child processes stop with them.

    :param dags: the DAGs folder.
    :param connection: the Airflow Connection ``imagekit_default``, as JSON or URI.
    :param environment: additional environment variables of all processes, such as another metadata database.
    :param login: port and password of the previous run; a port that is in use is replaced.
    """

    username = "admin"
    #: The processes with their arguments. Log servers would listen on all addresses; the UI reads the files.
    processes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "api-server": ("--workers", "1", "--host", "127.0.0.1", "--port", "{port}"),
        "scheduler": ("--skip-serve-logs",),
        "triggerer": ("--skip-serve-logs",),
        "dag-processor": (),
    }
    #: Path of the health endpoint, and the components that it reports.
    health_path = "/api/v2/monitor/health"
    components = frozenset({"metadatabase", "scheduler", "triggerer", "dag_processor"})

    def __init__(
        self,
        dags: Path,
        connection: str,
        environment: Mapping[str, str] | None = None,
        login: tuple[int, str] = (0, ""),
    ) -> None:
        port, password = login
        self.home = Path(tempfile.mkdtemp(prefix="imagekit-airflow-"))
        self.password = password or secrets.token_hex(8)
        self.port = port if port and is_free(port) else free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        passwords = self.home / "passwords.json"
        self.environment = airflow_environment(self.home, dags, connection)
        self.environment |= server_environment(self.port, passwords) | dict(environment or {})
        self._pages = contextlib.ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._orphans: list[psutil.Process] = []
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({self.username: self.password}), encoding="utf-8")

    def __enter__(self) -> Self:
        try:
            self._serve_reports()
            self.prepare()
            for name in self.processes:
                self.start(name)
            self.wait_until_healthy()
        except BaseException:
            self.stop()
            self._pages.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stop()
        self._pages.close()
        if kind is None or not issubclass(kind, StackError):  # a failed stack's logs are kept
            shutil.rmtree(self.home, ignore_errors=True)

    def _serve_reports(self) -> None:
        """Serve the files below ``imagekit`` in AIRFLOW_HOME, where the examples write and tasks link to."""
        self.reports = self.home / "imagekit"
        address = self._pages.enter_context(served(self.reports))
        self.environment["AIRFLOW__IMAGEKIT__REPORT_URLS"] = json.dumps({str(self.reports): address})

    def prepare(self) -> None:
        """Prepare Airflow before the processes start."""
        self.run_once("migrate", "db", "migrate")

    def start(self, name: str) -> None:
        """Start one of :attr:`processes`."""
        self._run(name, *self.command(name), *(part.format(port=self.port) for part in self.processes[name]))

    def command(self, name: str) -> tuple[str, ...]:
        """Return the command of Airflow that one of :attr:`processes` runs."""
        return (name,)

    def place(self, name: str) -> dict[str, Any]:  # noqa: ARG002 - for subclasses
        """Return environment and working folder of a process as arguments of ``Popen``."""
        return {"env": self.environment}

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send one of :attr:`processes` a signal that ends it; its child processes stop with the stack."""
        process = self._processes.pop(name)
        self._orphans += psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        process.wait()

    def check(self) -> None:
        """
        Check that all processes are running.

        :raises StackError: with the log of a process that has ended.
        """
        for name, process in self._processes.items():
            ended = process.poll()
            if ended is not None:
                log = self._log(name)
                last = "\n".join(log.read_text("utf-8", "replace").splitlines()[-LAST_LINES:])
                raise StackError(f"Airflow's {name} ended with exit code {ended}; see {log}\n{last}")

    def health(self) -> dict[str, Any]:
        """Return the state of each component; empty while the API server does not respond."""
        try:
            response = requests.get(f"{self.url}{self.health_path}", timeout=5)
            return dict(response.json()) if response.ok else {}
        except (requests.RequestException, ValueError):
            return {}

    def stop(self) -> None:
        """Stop all processes and their descendants; return when all have ended."""
        family, self._orphans = self._orphans, []
        for orphan in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                orphan.terminate()
        for process in self._processes.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = psutil.Process(process.pid)
                family += [parent, *parent.children(recursive=True)]
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
        for survivor in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                survivor.kill()
        psutil.wait_procs(alive, timeout=STOP_SECONDS)
        for process in self._processes.values():
            process.wait()
        self._processes.clear()

    def run_once(self, name: str, *arguments: str) -> None:
        """
        Run a command of Airflow and wait for its end.

        :raises StackError: with its log, if it fails.
        """
        if self._run(name, *arguments).wait():
            self.check()
        del self._processes[name]

    def _run(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self._log(name).open("ab") as log:
            # In a new session: Ctrl-C then reaches only this process, which stops the others in order.
            self._processes[name] = subprocess.Popen(
                airflow_command(*arguments),
                **self.place(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._processes[name]

    def _log(self, name: str) -> Path:
        return self.home / f"{name}.log"

    def wait_until_healthy(self) -> None:
        """
        Wait until every component is healthy.

        :raises StackError: after a timeout, or if a process has ended.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.check()
            health = self.health()
            if health and all(health.get(name, {}).get("status") == "healthy" for name in self.components):
                return
            time.sleep(1)
        raise StackError(f"Airflow was not healthy after {START_SECONDS} s; see the logs in {self.home}")


@contextlib.contextmanager
def imagekit_connection() -> Iterator[str]:
    """Yield the user's Airflow Connection if it is set, else that of a local server with the catalogue."""
    if own := os.environ.get(CONNECTION_VARIABLE):
        print(f"ImageKit    the account in {CONNECTION_VARIABLE}")
        yield own
        return
    from airflow_provider_imagekit.emulator import ImageKitEmulator

    with tempfile.TemporaryDirectory(prefix="imagekit-library-") as library:
        build(Path(library))
        with ImageKitEmulator(library=Path(library)) as imagekit:
            connection = json.dumps(imagekit.airflow_connection)
            print(f"ImageKit    local server at {imagekit.url}, media library in {library}")
            print(f"Private key {private_key(connection)}")
            yield connection


def remembered_login(file: Path = LOGIN) -> tuple[int, str]:
    """Return port and password of the previous run; zero and an empty string before the first run."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(file.read_text("utf-8"))
        return int(kept["port"]), str(kept["password"])
    return 0, ""


def remember_login(stack: AirflowStack, file: Path = LOGIN) -> None:
    """Save port and password for the next run, readable only by this user."""
    file.parent.mkdir(exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps({"port": stack.port, "password": stack.password}), "utf-8")


def show_connection(stack: AirflowStack, connection: str) -> None:
    """Add the connection to the database, because the UI does not list those from the environment."""
    form = "--conn-json" if connection.lstrip().startswith("{") else "--conn-uri"
    stack.run_once("connection", "connections", "add", "imagekit_default", form, connection)


def private_key(connection: str) -> str:
    """Return the key of the local server's connection, which is not secret."""
    return str(json.loads(connection)["password"])


def dags_folder() -> Path:
    """Return the folder in ``make airflow DAGS=``, else that of the examples."""
    folder = Path(os.environ.get("DAGS") or EXAMPLE_DAGS).expanduser().resolve()
    if not folder.is_dir():
        raise StackError(f"DAGS is {str(folder)!r}, which is not a folder.")
    return folder


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(login: Path = LOGIN) -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with imagekit_connection() as connection:
            print("Airflow     starting; this takes about half a minute", flush=True)
            with AirflowStack(dags_folder(), connection, login=remembered_login(login)) as stack:
                show_connection(stack, connection)
                remember_login(stack, login)
                print(f"Airflow     {stack.url}")
                print(f"User        {stack.username}")
                print(f"Password    {stack.password}")
                print(f"Reports     {stack.reports}, linked from the tasks")
                print("Ctrl-C stops everything.", flush=True)
                while True:
                    stack.check()
                    time.sleep(1)
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0
    except StackError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
