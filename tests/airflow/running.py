"""Runs DAGs in a real Airflow and returns their results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

RunDag = Callable[..., "Run"]

# dag.test() parses every file of the DAGs folder at each call and runs in the caller's process. A separate
# process keeps Airflow's global state and the warnings of its dependencies out of the other tests.
RUNNER = Path(__file__).with_name("runner.py")


class Run:
    """Results of a DAG run: states, XComs and links by task, and the log."""

    def __init__(self, found: dict[str, Any], log: str) -> None:
        self.state: str = found["state"]
        self.states: dict[str, list[str]] = found["states"]
        self.xcoms: dict[str, dict[str, list[Any]]] = found["xcoms"]
        self.names: dict[str, list[str | None]] = found["names"]
        self.tries: dict[str, int] = found["tries"]
        self.asset_events: list[dict[str, Any]] = found["asset_events"]
        self.links: dict[str, dict[str, str]] = found["links"]
        self.rendered: dict[str, Any] = found["rendered"]
        self.log = log

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        """Return the XCom of a task that is not mapped."""
        [value] = self.xcoms[task_id][key]
        return value


def environment(home: Path) -> dict[str, str]:
    """Return the environment variables of an Airflow with this home."""
    return os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


class Runner:
    """The process that runs DAGs in its children; it ends with the ``with`` block."""

    def __init__(self, settings: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error::DeprecationWarning:airflow_provider_imagekit", str(RUNNER)],
            env=settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def run(self, home: Path, file: Path, dag_id: str, conf: dict[str, Any]) -> Run:
        """Run a DAG of a file in the DAGs folder."""
        output, log = home / f"{file.stem}.json", home / f"{file.stem}.log"
        arguments = [str(file), dag_id, json.dumps(conf), str(output)]
        job = {"environment": environment(home), "log": str(log), "arguments": arguments}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        exit_code = self._process.stdout.readline().strip()
        text = log.read_text("utf-8", "replace") if log.exists() else ""
        assert exit_code == "0", text
        return Run(json.loads(output.read_text("utf-8")), text)
