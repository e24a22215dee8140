"""Import time of operators and sensors, which a DAG file costs at each parse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from airflow_provider_imagekit.provider_info import get_provider_info

# The goal is 40 ms; a busy machine may take four times as long.
MOST_MS = 160
HEAVY = ("PIL", "fsspec", "numpy", "pyarrow", "redis", "requests", "sqlite3", "upath", "urllib3")
MODULES = [
    module
    for part in ("operators", "sensors")
    for entry in get_provider_info()[part]
    for module in entry["python-modules"]
]

# Airflow's names are imported first, since every DAG file needs them. Bytecode is written to a folder of the
# test. Each module is imported three times, with its dependencies in the package; the fastest import counts.
MEASURE = """
import importlib, json, sys, time
from airflow_provider_imagekit import compat
for name in compat.__all__:
    getattr(compat, name, None)
folder, *modules = sys.argv[1:]
sys.dont_write_bytecode, sys.pycache_prefix = False, folder
before = set(sys.modules)
spent = {module: [] for module in modules}
for module in modules * 3:
    for name in set(sys.modules) - before:
        if name.startswith("airflow_provider_imagekit"):
            del sys.modules[name]
    start = time.process_time()
    importlib.import_module(module)
    spent[module].append((time.process_time() - start) * 1000)
print(json.dumps({"ms": spent, "modules": sorted(set(sys.modules) - before)}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The milliseconds of each import by module, and all imported modules."""
    folder = str(tmp_path_factory.mktemp("bytecode"))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, folder, *MODULES],
        env=os.environ | {"AIRFLOW_HOME": folder},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_operators_loads_no_module_of_running_tasks(found: dict[str, Any]) -> None:
    assert {name.split(".")[0] for name in found["modules"]}.isdisjoint(HEAVY)


@pytest.mark.parametrize("module", MODULES)
def test_importing_an_operator_costs_a_dag_file_little(found: dict[str, Any], module: str) -> None:
    assert min(found["ms"][module]) <= MOST_MS
