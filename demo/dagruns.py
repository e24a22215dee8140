"""Runs DAGs in a temporary Airflow, and reports their progress."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from demo.environment import airflow_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from demo.plan import Results, Run

#: Seconds without the end of a task or run, after which Airflow is considered hung.
SILENT_SECONDS = 300


class DagRunsError(Exception):
    """Raised when Airflow itself fails; a failed DAG run is a result."""


@dataclass(frozen=True)
class Ended:
    """
    A finished run.

    :param state: the state of the DAG run.
    :param results: the return values of its tasks.
    """

    run: Run
    state: str
    seconds: float
    results: Results


def run_dags(
    runs: Sequence[Run],
    folders: Sequence[Path],
    connection: str,
    log: Path,
    on_start: Mapping[str, Callable[[], None]],
    **arguments: Any,
) -> Iterator[Ended]:
    """
    Run DAGs one after the other with ``dag.test()``, printing their progress.

    :param runs: the runs.
    :param folders: folders with the DAG files.
    :param connection: the Airflow Connection ``imagekit_default``.
    :param log: file for Airflow's own output.
    :param on_start: DAG id -> function that a thread calls when its run starts.
    :param arguments: arguments of ``dag.test()``, plain JSON.
    :raises DagRunsError: if Airflow ends prematurely.
    """
    with tempfile.TemporaryDirectory(prefix="imagekit-airflow-") as home, log.open("wb") as output:
        dags = Path(home, "dags")
        for folder in folders:
            shutil.copytree(folder, dags, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        environment = airflow_environment(Path(home), dags, connection)
        plan = Path(home, "plan.json")
        plan.write_text(json.dumps([[run.dag_id, run.conf, arguments] for run in runs]), encoding="utf-8")
        planned = {run.dag_id: run for run in runs}
        started = time.monotonic()
        print("  creating Airflow's metadata database ...", end="", flush=True)
        for event in _events(plan, environment, output):
            match event["event"]:
                case "database":
                    print(f" {time.monotonic() - started:.1f} s", flush=True)
                case "start":
                    print(f"  {event['dag_id']} ", end="", flush=True)
                    if action := on_start.get(event["dag_id"]):
                        threading.Thread(target=action, daemon=True).start()
                case "task":
                    print(".", end="", flush=True)
                case "end":
                    print(f" {event['state']}, {event['seconds']} s", flush=True)
                    run = planned[event["dag_id"]]
                    yield Ended(run, event["state"], event["seconds"], event["results"])


def _events(plan: Path, environment: dict[str, str], output: IO[bytes]) -> Iterator[dict[str, Any]]:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.scenarios", str(plan), str(writing)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=[writing],
    )
    os.close(writing)
    watchdog = _watchdog(process)
    try:
        with os.fdopen(reading, encoding="utf-8") as lines:
            for line in lines:
                watchdog.cancel()
                watchdog = _watchdog(process)
                yield json.loads(line)
        if process.wait():
            raise DagRunsError(f"Airflow ended with exit code {process.returncode}.")
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()


def _watchdog(process: subprocess.Popen[bytes]) -> threading.Timer:
    watchdog = threading.Timer(SILENT_SECONDS, process.kill)
    watchdog.start()
    return watchdog
