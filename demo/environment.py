"""Environment variables and ports of a private Airflow."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLE_DAGS = REPOSITORY / "example_dags"
CONNECTION_VARIABLE = "AIRFLOW_CONN_IMAGEKIT_DEFAULT"


def airflow_environment(home: Path, dags: Path, connection: str) -> dict[str, str]:
    """
    Return the environment of an Airflow that is isolated from others on this machine.

    :param home: its AIRFLOW_HOME, with its SQLite database.
    :param dags: its DAGs folder.
    :param connection: the Airflow Connection ``imagekit_default``, as JSON or URI.
    """
    # Settings of another Airflow, above all its database, must not be used here.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return inherited | {
        CONNECTION_VARIABLE: connection,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "2",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "PYTHONPATH": str(REPOSITORY),
    }


def server_environment(port: int, passwords: Path) -> dict[str, str]:
    """
    Return the additional variables of scheduler, triggerer, DAG processor and API server.

    :param port: port of the API server on 127.0.0.1.
    :param passwords: JSON file with the password of the user ``admin``.
    """
    address = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }


def airflow_command(*arguments: str) -> list[str]:
    """Return the command line of Airflow in this Python environment."""
    return [sys.executable, "-m", "airflow", *arguments]


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Return whether a server could listen on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
