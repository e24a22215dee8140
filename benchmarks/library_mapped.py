"""Runs a DAG that maps Airflow's HttpOperator over a library, in a new Airflow home with ``dag.test()``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

DAG_FILE = """
from airflow_provider_imagekit.compat import DAG, task
from airflow.providers.http.operators.http import HttpOperator

with DAG("mapped", schedule=None):

    @task
    def endpoints():
        return [f"v1/files/{{number:024x}}/metadata" for number in range({files})]

    HttpOperator.partial(
        task_id="metadata", method="GET", http_conn_id="imagekit", response_filter=lambda r: r.json(),
        log_response=False,
    ).expand(endpoint=endpoints())
"""

RUN = """
import importlib.metadata, json, resource, time
if importlib.metadata.version("apache-airflow").startswith("2."):
    from airflow.models import DagBag
else:
    from airflow.dag_processing.dagbag import DagBag
dag = DagBag(dag_folder={dags!r}).dags["mapped"]
start, cpu = time.perf_counter(), time.process_time()
run = dag.test()
print()
print(json.dumps(dict(
    seconds=time.perf_counter() - start,
    cpu=time.process_time() - cpu,
    peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    done=sum(ti.state == "success" for ti in run.get_task_instances() if ti.task_id == "metadata"),
)))
"""


def run_mapped(address: str, files: int) -> dict[str, Any]:
    """Map over the files, and return the measurements."""
    with tempfile.TemporaryDirectory() as home:
        dags = Path(home) / "dags"
        dags.mkdir()
        (dags / "mapped.py").write_text(DAG_FILE.format(files=files))
        connection = {"conn_type": "http", "host": address, "login": "private_benchmark", "password": "x"}
        environment = os.environ | {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW_CONN_IMAGEKIT": json.dumps(connection),
        }

        def run(*arguments: str) -> str:
            done = subprocess.run(
                [sys.executable, *arguments], env=environment, check=True, stdout=subprocess.PIPE, text=True
            )
            return done.stdout

        run("-m", "airflow", "db", "migrate")
        run("-m", "airflow", "dags", "reserialize")
        measured: dict[str, Any] = json.loads(run("-c", RUN.format(dags=str(dags))).splitlines()[-1])
        return measured
