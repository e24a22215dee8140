"""Airflow's REST API as the stack tests use it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests

from demo.stack import AirflowStack

__all__ = ["READING_SECONDS", "Api", "wait_until"]

#: What a person takes to decide. Airflow 3.3.2 asks again if the answer comes before the process that asked
#: has ended, some 6 s after the question.
READING_SECONDS = 12


class Api:
    """
    A user of a running Airflow.

    :param stack: the running Airflow.
    """

    def __init__(self, stack: AirflowStack) -> None:
        self._stack = stack
        self._token = ""

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send a request; over a restart of the API server, too."""
        for _ in range(30):
            try:
                if not self._token:
                    login = {"username": self._stack.username, "password": self._stack.password}
                    answer = requests.post(f"{self._stack.url}/auth/token", json=login, timeout=30)
                    answer.raise_for_status()
                    self._token = answer.json()["access_token"]
                answer = requests.request(
                    method,
                    f"{self._stack.url}/api/v2{path}",
                    json=body,
                    params=query,
                    headers={"Authorization": f"Bearer {self._token}"},
                    timeout=30,
                )
            except requests.RequestException:
                time.sleep(1)
                continue
            assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
            return answer.json() if answer.content else None
        raise TimeoutError(path)

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a DAG run, with these params, and return its path."""
        wait_until(lambda: dag_id in self._dag_ids(), 60, f"{dag_id} is parsed")
        body = {"logical_date": None, "conf": conf or {}}
        run = self.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]
        return f"/dags/{dag_id}/dagRuns/{run}"

    def tasks(self, run: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        return list(self.call("GET", f"{run}/taskInstances", limit=200)["task_instances"])

    def states(self, run: str) -> Counter[str]:
        """Return how many task instances are in each state."""
        return Counter(str(task["state"]) for task in self.tasks(run))

    def state_of(self, run: str, task_id: str) -> str:
        """Return the state of one task."""
        return str(self.call("GET", f"{run}/taskInstances/{task_id}")["state"])

    def _dag_ids(self) -> set[str]:
        return {dag["dag_id"] for dag in self.call("GET", "/dags")["dags"]}


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return what a condition returns as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"After {seconds:g} s it is not so that {what}.")
        time.sleep(0.5)
    return found
