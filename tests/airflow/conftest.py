"""A real Airflow: a migrated metadata database and DAGs run with ``dag.test()``."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.running import Run, RunDag, Runner, environment
from tests.support import AIRFLOW_3


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AIRFLOW_HOME with a migrated database, copied from the one that the first process created."""
    home = tmp_path_factory.mktemp("airflow")
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "migrated.db"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            migrate(home)
            (home / "airflow.db").rename(shared)
    shutil.copy(shared, home / "airflow.db")
    (home / "dags").mkdir()
    return home


def migrate(home: Path) -> None:
    """Create Airflow's metadata database."""
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(
        command, env=environment(home), capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def runner_of(airflow_home: Path) -> Iterator[Callable[[], Runner]]:
    """Return the process that runs DAGs with the current Airflow settings, one for each set of settings."""
    runners: dict[tuple[tuple[str, str], ...], Runner] = {}
    with contextlib.ExitStack() as stack:

        def runner() -> Runner:
            settings = environment(airflow_home)
            key = tuple(sorted(item for item in settings.items() if item[0].startswith("AIRFLOW__")))
            if key not in runners:
                runners[key] = stack.enter_context(Runner(settings))
            return runners[key]

        yield runner


@pytest.fixture
def run_dag(airflow_home: Path, runner_of: Callable[[], Runner]) -> Iterator[RunDag]:
    """Write a DAG file, run it with params, and return the results."""
    written: list[Path] = []

    def run(source: str, dag_id: str, **conf: Any) -> Run:
        if not AIRFLOW_3:
            source = source.replace("from airflow.sdk import", "from airflow_provider_imagekit.compat import")
        file = airflow_home / "dags" / f"dag_{uuid.uuid4().hex}.py"
        file.write_text(source, encoding="utf-8")
        written.append(file)
        return runner_of().run(airflow_home, file, dag_id, conf)

    yield run
    for file in written:
        file.unlink()
