"""
Run DAGs with ``dag.test()``, each in a child of this process, so that Airflow is imported only once.

A line of standard input is a job in JSON: its environment, its log file, and the arguments of :func:`main`. A
line of standard output is the exit code of a job.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import traceback
from collections import defaultdict
from pathlib import Path
from typing import Any

from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.utils.session import create_session

try:  # Airflow 3
    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.asset import AssetEvent
    from airflow.models.xcom import XComModel as XCom

    AIRFLOW_3 = True
except ImportError:
    from airflow.models import DagBag
    from airflow.models.dataset import DatasetEvent as AssetEvent
    from airflow.models.xcom import XCom

    AIRFLOW_3 = False


def main(file: str, dag_id: str, conf: str, output: str) -> None:
    """Run the DAG; see the module."""
    bag = DagBag(dag_folder=file)
    assert not bag.import_errors, bag.import_errors
    if not AIRFLOW_3:
        bag.sync_to_db()  # otherwise Airflow drops the events of unknown assets
    # Like a run started by an asset event or by a user, it has no logical date.
    dates = {"logical_date": None} if AIRFLOW_3 else {}
    run = bag.dags[dag_id].test(run_conf=json.loads(conf), **dates)
    with create_session() as session:
        found = described(run, session)
    Path(output).write_text(json.dumps(found, default=str), encoding="utf-8")


def described(run: Any, session: Any) -> dict[str, Any]:
    """Read the results of a run from the database."""
    states, names, tries = defaultdict(list), defaultdict(list), {}
    for ti in sorted(run.get_task_instances(session=session), key=lambda ti: ti.map_index):
        states[ti.task_id].append(str(ti.state))
        names[ti.task_id].append(ti.rendered_map_index)
        tries[ti.task_id] = ti.try_number
    xcoms: dict[str, Any] = defaultdict(lambda: defaultdict(list))
    query = session.query(XCom).filter(XCom.dag_id == run.dag_id, XCom.run_id == run.run_id)
    for row in query.order_by(XCom.map_index):
        xcoms[row.task_id][row.key].append(value_of(row))
    events = session.query(AssetEvent).filter(AssetEvent.source_run_id == run.run_id)
    fields = session.query(RenderedTaskInstanceFields).filter(RenderedTaskInstanceFields.run_id == run.run_id)
    return {
        "state": str(run.state),
        "states": states,
        "names": names,
        "tries": tries,
        "xcoms": xcoms,
        "asset_events": [event.extra for event in events],
        "rendered": {row.task_id: row.rendered_fields for row in fields},
        "links": {
            task: {key: values[0] for key, values in keys.items() if key.startswith("_link_")}
            for task, keys in xcoms.items()
        },
    }


def value_of(row: Any) -> Any:
    """Return an XCom's value; Airflow 3 stores it as JSON text, and Airflow 2 decodes it."""
    value = XCom.deserialize_value(row) if AIRFLOW_3 else row.value
    with contextlib.suppress(TypeError, ValueError):
        if isinstance(value, str):
            return json.loads(value)
    return value


def warm() -> None:
    """Create Airflow's task API with all of its versions before the first child needs it."""
    with contextlib.suppress(ImportError):  # before Airflow 3.1
        import httpx
        from airflow.sdk.execution_time.supervisor import in_process_api_server

        async def ask() -> None:
            transport = httpx.ASGITransport(in_process_api_server().app)
            async with httpx.AsyncClient(transport=transport, base_url="http://in-process") as client:
                await client.get("/health")

        asyncio.run(ask())  # the loop ends here, because threads do not exist in the children


def run_in_child(environment: dict[str, str], log: str, arguments: list[str]) -> int:
    """Run a job and return its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        os.environ.clear()
        os.environ.update(environment)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(file, stream)
        main(*arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Run the jobs from standard input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # because Airflow also writes to standard output
    warm()
    for line in sys.stdin:
        print(run_in_child(**json.loads(line)), file=answers, flush=True)


if __name__ == "__main__":
    serve()
