"""
Runs the checks of one cell of the matrix in its environment: ``python tests/matrix/cell.py OUTPUT``.

Each check is a function that raises if it fails. OUTPUT contains the message of each, empty if it passed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.catalogue import build
from demo.dagruns import run_dags
from demo.environment import EXAMPLE_DAGS, REPOSITORY, airflow_command, airflow_environment
from demo.plan import HERO_DAG_ID, Run, sample_runs
from demo.run import replace_watched_hero

DAGS = Path(__file__).with_name("dags")

IMPORT_EVERYTHING = """
import importlib, pkgutil, warnings
import airflow, airflow_provider_imagekit as package
warnings.filterwarnings("error", category=DeprecationWarning)
warnings.filterwarnings("error", category=FutureWarning)
warnings.filterwarnings("ignore", "'_app_ctx_stack' is deprecated")  # of the Flask of Airflow 2
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith((".__main__", ".pytest_plugin")):
        importlib.import_module(module.name)
"""
CHECK_THE_FORM = """
from airflow.providers_manager import ProvidersManager
try:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    form = next(found for found in HookMetaService.hook_meta_data() if found.connection_type == "imagekit")
    if form.standard_fields is not None:  # as on 3.0 without the FAB provider
        assert form.standard_fields.password.title == "Private key (password)", form
        assert form.extra_fields["rate_limit_url"]["schema"]["format"] == "password", form
except ImportError:
    from wtforms import PasswordField
    widgets = ProvidersManager().connection_form_widgets
    assert widgets["extra__imagekit__rate_limit_url"].field.field_class is PasswordField, widgets
"""
TEST_THE_CONNECTION = """
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
ok, message = ImageKitHook().test_connection()
assert ok, message
"""
PARSE_THE_EXAMPLES = """
import sys, airflow
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1])
errors = {file: error.splitlines()[-1] for file, error in bag.import_errors.items()}
version = tuple(map(int, airflow.__version__.split(".")[:2]))
for needed, example in (((3, 1), "review_duplicates"), ((3, 0), "on_upload")):
    errors = {file: error for file, error in errors.items() if version >= needed or example not in file}
assert errors == {}, errors
warned = {file: [text for text in texts if "airflow_provider_imagekit" in text or "example_" in text]
          for file, texts in bag.captured_warnings.items()}
assert not any(warned.values()), warned
"""


def run(command: list[str], environment: dict[str, str]) -> str:
    """Run a command in the cell; return its output."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
    if done.returncode:
        raise AssertionError((done.stderr or done.stdout).strip().splitlines()[-1])
    return done.stdout


def providers(environment: dict[str, str]) -> None:
    """Check that Airflow's command line lists the provider."""
    command = airflow_command("providers", "get", "airflow-provider-imagekit", "--full", "--output", "json")
    assert "airflow_provider_imagekit.hooks.imagekit.ImageKitHook" in run(command, environment)


def runs(imagekit: ImageKitEmulator, library: Path, log: Path) -> None:
    """Run each example, and the sensor in both of its modes."""
    catalogue = build(library)
    sensor = Run("matrix_sensor", "The sensor", lambda found: str(found), {})
    # Users do not copy the demo's own DAGs.
    planned = [run for run in sample_runs(catalogue) if run.dag_id.startswith("example_")]
    connection = json.dumps(imagekit.airflow_connection)
    on_start = {HERO_DAG_ID: partial(replace_watched_hero, imagekit, library)}
    ended = list(run_dags([sensor, *planned], [EXAMPLE_DAGS, DAGS], connection, log, on_start))
    failed = [run.run.dag_id for run in ended if run.state != "success"]
    assert not failed, f"failed: {', '.join(failed)}"


def main(output: str) -> int:
    """Run all checks; return the exit code."""
    results: dict[str, str] = {}

    def check(name: str, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:
            traceback.print_exc()
            results[name] = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        else:
            results[name] = ""
        print(f"{name}: {results[name] or 'passed'}", flush=True)

    with tempfile.TemporaryDirectory(prefix="imagekit-matrix-") as name:
        home, library = Path(name, "home"), Path(name, "library")
        home.mkdir()
        library.mkdir()
        with ImageKitEmulator(library=library) as imagekit:
            environment = airflow_environment(home, home / "dags", json.dumps(imagekit.airflow_connection))
            installed = {key: value for key, value in environment.items() if key != "PYTHONPATH"}
            installed["AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY"] = (
                "True"  # Airflow 2 warns of its own default
            )
            python = [sys.executable, "-P", "-c"]
            check("import", lambda: run([*python, IMPORT_EVERYTHING], installed))
            check("providers", lambda: providers(installed))
            check("form", lambda: run([*python, CHECK_THE_FORM], installed))
            check("connection", lambda: run([*python, TEST_THE_CONNECTION], installed))
            check("parse", lambda: run([*python, PARSE_THE_EXAMPLES, str(EXAMPLE_DAGS)], environment))
            check("run", lambda: runs(imagekit, library, Path(output).with_suffix(".airflow.log")))
    Path(output).write_text(json.dumps(results), encoding="utf-8")
    return int(any(results.values()))


if __name__ == "__main__":
    assert Path.cwd() == REPOSITORY
    sys.exit(main(sys.argv[1]))
