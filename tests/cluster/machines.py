"""Airflow on several machines: each process has its own home, temporary folder and copy of the DAGs."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import psutil
from cryptography.fernet import Fernet

from demo.environment import CONNECTION_VARIABLE
from demo.stack import AirflowStack
from tests.cluster import node
from tests.redis_server import RedisServer
from tests.stack.postgres import metadata_database
from tests.stack.whole_airflow import QUICK, left_behind

__all__ = ["TRIGGERERS", "WORKERS", "Cluster", "cluster"]

WORKERS = ("worker-1", "worker-2")
TRIGGERERS = ("triggerer-1", "triggerer-2")
#: Tasks that a worker runs at the same time.
SLOTS = 3

# Seconds after which Airflow detects that a machine is lost. By default it takes five minutes.
NOTICE = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
}


class Cluster(AirflowStack):
    """Scheduler, DAG processor, API server, two Celery workers and two triggerers."""

    processes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "api-server": AirflowStack.processes["api-server"],
        "scheduler": ("--skip-serve-logs",),
        "dag-processor": (),
        **dict.fromkeys(TRIGGERERS, ("--skip-serve-logs",)),
        **dict.fromkeys(
            WORKERS, ("--skip-serve-logs", "--without-gossip", "--without-mingle", f"--concurrency={SLOTS}")
        ),
    }

    def command(self, name: str) -> tuple[str, ...]:
        if name in WORKERS:
            return ("celery", "worker", f"--celery-hostname={name}@%h")
        return ("triggerer",) if name in TRIGGERERS else (name,)

    def machine(self, name: str) -> Path:
        """Return the folder that represents a machine's disk."""
        return self.home / name

    def place(self, name: str) -> dict[str, Any]:
        folder = self.machine(name)
        scratch, dags = folder / "scratch", folder / "dags"
        scratch.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.environment["AIRFLOW__CORE__DAGS_FOLDER"], dags, dirs_exist_ok=True)
        own = {
            "HOME": str(folder),
            "TMPDIR": str(scratch),
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
            node.NODE_VARIABLE: name,
        }
        return {"env": self.environment | own, "cwd": scratch}

    def lose(self, name: str) -> None:
        """Simulate the loss of a machine: kill all its processes and delete its disk."""
        process = self._processes.pop(name)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait()
        psutil.wait_procs(family, timeout=30)
        shutil.rmtree(self.machine(name), ignore_errors=True)


@contextlib.contextmanager
def cluster(dags: Path, redis: RedisServer, variables: Mapping[str, str]) -> Iterator[Cluster]:
    """
    Run Airflow on several machines and check that no process is left running.

    :param dags: the DAGs folder, which is copied to every machine.
    :param redis: the broker.
    :param variables: additional environment variables of all processes.
    """
    with metadata_database() as database:
        [address] = database.values()
        environment = {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": f"{node.__name__}.{node.name.__name__}",
            "AIRFLOW__CORE__PARALLELISM": "32",
            "AIRFLOW__CELERY__BROKER_URL": redis.url.replace("/0", "/1"),
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{address}",
        }
        stack = Cluster(dags, "", QUICK | NOTICE | database | environment | dict(variables))
        if CONNECTION_VARIABLE not in variables:
            del stack.environment[CONNECTION_VARIABLE]
        with stack:
            yield stack
        assert not left_behind(str(stack.home))
