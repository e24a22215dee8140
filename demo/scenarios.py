"""
Runs DAGs in the Airflow of this process's environment, and reports their progress as JSON Lines.

``python -m demo.scenarios PLAN FD`` reads ``[[dag_id, conf, arguments of dag.test()], ...]`` from the file
PLAN and writes events to the file descriptor FD. Airflow logs to standard output and error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from airflow.listeners import hookimpl
from airflow.utils import db

try:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.listener import get_listener_manager
except ImportError:  # Airflow 2
    from airflow.listeners.listener import get_listener_manager
    from airflow.models.dagbag import DagBag

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun


class Progress:
    """An Airflow listener that reports every successful task instance."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def report(self, event: str, **details: Any) -> None:
        print(json.dumps({"event": event, **details}), file=self._out, flush=True)

    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        self.report("task", task_id=task_instance.task_id)


def results(run: DagRun) -> dict[str, list[Any]]:
    """Return the return values of each task's instances, in the order of their map indexes."""
    found: dict[str, list[Any]] = {}
    for instance in sorted(run.get_task_instances(), key=lambda ti: (ti.task_id, ti.map_index)):
        value = instance.xcom_pull(task_ids=instance.task_id, map_indexes=instance.map_index)
        found.setdefault(instance.task_id, []).append(value)
    return found


def activate_assets(bag: DagBag) -> None:
    """Register the DAGs' assets on Airflow 2.11 and 3.0, where ``dag.test()`` does not do it."""
    if not hasattr(bag, "sync_to_db"):
        return
    try:
        from airflow.dag_processing.bundles.manager import DagBundlesManager
    except ImportError:  # Airflow 2
        bag.sync_to_db()
    else:
        DagBundlesManager().sync_bundles_to_db()
        bag.sync_to_db("dags-folder", None)


def main() -> None:
    progress = Progress(os.fdopen(int(sys.argv[2]), "w", encoding="utf-8"))
    # In this process, because a separate one would import Airflow again.
    db.upgradedb()
    progress.report("database")
    get_listener_manager().add_listener(progress)
    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    activate_assets(bag)
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if missing := {dag_id for dag_id, *_ in plan} - bag.dags.keys():
        raise SystemExit(f"No such DAGs: {missing}; import errors: {bag.import_errors}")
    for dag_id, conf, arguments in plan:
        started = time.monotonic()
        progress.report("start", dag_id=dag_id)
        run = bag.dags[dag_id].test(run_conf=conf, **arguments)
        seconds = round(time.monotonic() - started, 1)
        progress.report("end", dag_id=dag_id, state=str(run.state), seconds=seconds, results=results(run))


if __name__ == "__main__":
    main()
