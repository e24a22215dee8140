"""Runs a complete Airflow as processes, for Airflow 2 and 3."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import psutil

from demo.environment import CONNECTION_VARIABLE
from demo.stack import AirflowStack
from tests.stack.postgres import metadata_database
from tests.support import AIRFLOW_3

__all__ = ["QUICK", "Airflow2Stack", "left_behind", "whole_airflow"]

# Airflow's timeouts, shortened so that a test takes minutes.
QUICK = {
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}

AIRFLOW_2 = {
    "AIRFLOW__API__AUTH_BACKENDS": "airflow.providers.fab.auth_manager.api.auth.backend.basic_auth",
    # Airflow 2 accepts SQLite only with the sequential executor.
    "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
}


class Airflow2Stack(AirflowStack):
    """Airflow 2: webserver with the REST API, scheduler with its DAG processor, and triggerer."""

    processes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "webserver": ("--workers", "1", "--hostname", "127.0.0.1", "--port", "{port}"),
        "scheduler": ("--skip-serve-logs",),
        "triggerer": ("--skip-serve-logs",),
    }
    health_path = "/health"
    components = frozenset({"metadatabase", "scheduler", "triggerer"})

    def prepare(self) -> None:
        super().prepare()
        user = {"username": self.username, "password": self.password, "role": "Admin"}
        user |= {"firstname": "A", "lastname": "Tester", "email": "tester@example.com"}
        self.run_once("users", "users", "create", *(f"--{name}={value}" for name, value in user.items()))


@contextlib.contextmanager
def whole_airflow(dags: Path, connections: Mapping[str, str], **environment: str) -> Iterator[AirflowStack]:
    """
    Run Airflow, on PostgreSQL if it is installed, and check that no process is left running.

    :param dags: the DAGs folder.
    :param connections: Airflow Connections by id, as JSON.
    :param environment: additional environment variables of all processes.
    """
    variables = {f"AIRFLOW_CONN_{name.upper()}": connection for name, connection in connections.items()}
    with metadata_database() as database:
        environment = QUICK | ({} if AIRFLOW_3 else AIRFLOW_2) | database | variables | environment
        stack = (AirflowStack if AIRFLOW_3 else Airflow2Stack)(dags, "", environment)
        if CONNECTION_VARIABLE not in variables:
            del stack.environment[CONNECTION_VARIABLE]
        with stack:
            yield stack
        assert not left_behind(str(stack.home))


def left_behind(home: str) -> list[str]:
    """Return the running processes of an Airflow with this home, or with a home inside this folder."""
    found = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error):
            if process.environ().get("AIRFLOW_HOME", "").startswith(home):
                found.append(process.name())
    return found
