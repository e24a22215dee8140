"""Client of Airflow's REST API for the stack tests."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests

from demo.stack import AirflowStack
from tests.support import AIRFLOW_3

__all__ = ["READING_SECONDS", "Api", "wait_until"]

#: Seconds that a person needs to decide. Airflow 3.3.2 asks again if the response arrives before the asking
#: process has ended, about 6 s after the question.
READING_SECONDS = 12


class Api:
    """
    A user of a running Airflow.

    :param stack: the running Airflow.
    """

    def __init__(self, stack: AirflowStack) -> None:
        self._stack = stack
        self._session = requests.Session()

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send a request; retry while the API server restarts."""
        for _ in range(30):
            try:
                self._log_in()
                url = f"{self._stack.url}/api/{'v2' if AIRFLOW_3 else 'v1'}{path}"
                response = self._session.request(method, url, json=body, params=query, timeout=30)
            except requests.RequestException:
                time.sleep(1)
                continue
            assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
            return response.json() if response.content else None
        raise TimeoutError(path)

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a DAG run with these params and return its path."""
        self.wait_for_dag(dag_id)
        body: dict[str, Any] = {"conf": conf or {}}
        if AIRFLOW_3:
            body["logical_date"] = None
        run = self.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]
        return f"/dags/{dag_id}/dagRuns/{run}"

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until Airflow has parsed a DAG."""
        wait_until(lambda: dag_id in self._dag_ids(), 60, f"{dag_id} is parsed")

    def tasks(self, run: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        found: list[dict[str, Any]] = []
        while True:  # Airflow returns at most 100
            page = self.call("GET", f"{run}/taskInstances", limit=100, offset=len(found))
            found += page["task_instances"]
            if len(found) >= page["total_entries"]:
                return found

    def states(self, run: str) -> Counter[str]:
        """Return the number of task instances in each state."""
        return Counter(str(task["state"]) for task in self.tasks(run))

    def task(self, run: str, task_id: str) -> dict[str, Any]:
        """Return one task instance."""
        return dict(self.call("GET", f"{run}/taskInstances/{task_id}"))

    def clear(self, run: str, task_id: str) -> None:
        """Clear one task, as the UI's button does."""
        _, _, dag_id, _, run_id = run.split("/")
        body = {"dry_run": False, "only_failed": False, "dag_run_id": run_id, "task_ids": [task_id]}
        self.call("POST", f"/dags/{dag_id}/clearTaskInstances", body)

    def mark(self, run: str, task_id: str, state: str) -> None:
        """Mark one task as success, failed or skipped, as the UI's buttons do."""
        body = {"new_state": state} if AIRFLOW_3 else {"new_state": state, "dry_run": False}
        self.call("PATCH", f"{run}/taskInstances/{task_id}", body)

    def xcom(self, run: str, task_id: str, **query: Any) -> Any:
        """Return the value that a task returned."""
        path = f"{run}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.call("GET", path, **query, **({} if AIRFLOW_3 else {"stringify": "false"}))["value"]
        return json.loads(value) if isinstance(value, str) else value

    def _log_in(self) -> None:
        login = {"username": self._stack.username, "password": self._stack.password}
        if not AIRFLOW_3:
            self._session.auth = (login["username"], login["password"])
        elif "Authorization" not in self._session.headers:
            response = self._session.post(f"{self._stack.url}/auth/token", json=login, timeout=30)
            response.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def _dag_ids(self) -> set[str]:
        return {dag["dag_id"] for dag in self.call("GET", "/dags")["dags"]}


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait until a condition returns a true value and return this value."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"After {seconds:g} s it is not so that {what}.")
        time.sleep(0.5)
    return found
