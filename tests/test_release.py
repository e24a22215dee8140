"""Checks of the workflow files and of the release builds."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airflow_provider_imagekit.provider_info import get_provider_info
from tests.support import AIRFLOW_3

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[1]
WORKFLOWS = sorted(REPOSITORY.glob(".github/workflows/*.yml"))
#: The release environment that ``make test`` creates.
RELEASE = REPOSITORY / ".venv-release" / "bin"

released = pytest.mark.skipif(
    not (AIRFLOW_3 and RELEASE.exists()), reason="needs .venv-release, once: beside Airflow 3"
)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_hash_and_every_job_has_a_timeout(workflow: Path) -> None:
    content = yaml.safe_load(workflow.read_text("utf-8"))
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            assert "run" in step or re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", step["uses"])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_its_targets_are_in_the_makefile(workflow: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    text = re.sub(r"\$\{\{.*?}}", "", workflow.read_text("utf-8"))
    for command in re.findall(r"make (.*)$", text, re.MULTILINE):
        targets = [word for word in command.split() if "=" not in word and word.islower()]
        assert targets
        for target in targets:
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@released
def test_the_workflow_linter_reports_no_problems() -> None:
    command = [RELEASE / "zizmor", "--offline", "--no-progress", *WORKFLOWS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_registry_file_lists_the_classes_of_the_provider() -> None:
    described = yaml.safe_load((REPOSITORY / ".airflow-registry.yaml").read_text("utf-8"))
    info = get_provider_info()
    assert described["package-name"] == info["package-name"]
    modules = [
        importlib.import_module(name)
        for part in ("hooks", "operators", "sensors", "triggers")
        for entry in info[part]
        for name in entry["python-modules"]
    ]
    classes = [
        f"{module.__name__}.{name}"
        for module in modules
        for name in module.__all__
        if inspect.isclass(getattr(module, name))
    ]
    assert described["modules"] == classes, "see .airflow-registry.yaml"


@released
def test_two_release_builds_are_equal_and_valid() -> None:
    script = REPOSITORY / "scripts/release_check.py"
    done = subprocess.run(
        [RELEASE / "python", script], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ready" in done.stdout
    needed = json.loads((REPOSITORY / "build/sbom.cdx.json").read_text("utf-8"))["components"]
    assert {"apache-airflow", "requests", "pillow"} <= {component["name"] for component in needed}


def test_a_tag_of_another_version_is_refused() -> None:
    code = "import scripts.release_check as check; check.check_version('0.1.0', '0.2.0')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "the tag is 0.2.0, but the package is 0.1.0" in done.stderr
