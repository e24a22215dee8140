"""A real Airflow: a migrated metadata database, and DAGs run by ``dag.test()``."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.running import Run, RunDag, environment, run_file
from tests.support import AIRFLOW_3


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AIRFLOW_HOME with a migrated database."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(
        command, env=environment(home), capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def run_dag(airflow_home: Path) -> Iterator[RunDag]:
    """Write a DAG file, run it with some params, and return how it ended."""
    written: list[Path] = []

    def run(source: str, dag_id: str, **conf: Any) -> Run:
        if not AIRFLOW_3:
            source = source.replace("from airflow.sdk import", "from airflow_provider_imagekit.compat import")
        file = airflow_home / "dags" / f"dag_{uuid.uuid4().hex}.py"
        file.write_text(source, encoding="utf-8")
        written.append(file)
        return run_file(airflow_home, file, dag_id, conf)

    yield run
    for file in written:
        file.unlink()
