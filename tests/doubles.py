"""Test double of Airflow's task instance, for tests without a running Airflow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

RUN_START = datetime(2024, 6, 1, tzinfo=UTC)


class TaskInstance:
    """The task instance attributes that tasks use; it stores pushed XComs, which must be plain JSON."""

    dag_id, task_id, map_index, max_tries = "dag", "task", -1, 0

    def __init__(self, run_id: str = "run", *, age: float = 0.0) -> None:
        self.run_id = run_id
        self.start_date = datetime.now(UTC) - timedelta(seconds=age)
        self.pushed: dict[str, Any] = {}

    @staticmethod
    def get_first_reschedule_date(_context: Any) -> None:
        """Return ``None``: the task was not rescheduled."""

    def xcom_push(self, key: str, value: Any) -> None:
        """Store a value and check that a JSON column accepts it."""
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
        assert "\\u0000" not in text
        self.pushed[key] = value


def context(run_id: str = "run", *, age: float = 0.0, **more: Any) -> Any:
    """Return a task context with task instance, DAG run and additional keys."""
    dag_run = SimpleNamespace(start_date=RUN_START)
    return {"ti": TaskInstance(run_id, age=age), "dag_run": dag_run, "outlet_events": {}, **more}
