"""Run one DAG by ``dag.test()`` and write how it ended: ``runner.py FILE DAG_ID CONF_JSON OUTPUT``."""

from __future__ import annotations

import contextlib
import json
import sys
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
        bag.sync_to_db()  # or events of assets that Airflow has never seen are dropped
    # As a run that an asset's event or a click started: it has no logical date.
    dates = {"logical_date": None} if AIRFLOW_3 else {}
    run = bag.dags[dag_id].test(run_conf=json.loads(conf), **dates)
    with create_session() as session:
        found = described(run, session)
    Path(output).write_text(json.dumps(found, default=str), encoding="utf-8")


def described(run: Any, session: Any) -> dict[str, Any]:
    """Read from the database what a run left there."""
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
    """Return an XCom's value, which Airflow 3 keeps as JSON text and Airflow 2 reads by itself."""
    value = XCom.deserialize_value(row) if AIRFLOW_3 else row.value
    with contextlib.suppress(TypeError, ValueError):
        if isinstance(value, str):
            return json.loads(value)
    return value


if __name__ == "__main__":
    main(*sys.argv[1:])
