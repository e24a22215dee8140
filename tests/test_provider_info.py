"""Provider metadata, validated with the schemas and commands of the installed Airflow."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import subprocess
import sys
from importlib import resources
from typing import Any

import jsonschema
import pytest

from airflow_provider_imagekit.compat import AirflowPlugin
from airflow_provider_imagekit.provider_info import get_provider_info
from tests.support import AIRFLOW_3

INFO = get_provider_info()
BASES = ("BaseHook", "BaseOperator", "BaseTrigger", "ImageKitOperator", "ImageKitSensor", "PollingTrigger")


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((resources.files("airflow") / name).read_text("utf-8"))
    return found


def airflow_providers(*commands: str) -> dict[str, Any]:
    """Run several ``airflow providers`` commands in one process and return their JSON output."""
    code = (
        "import contextlib, io, json, sys\n"
        "from airflow.cli.cli_parser import get_parser\n"
        "printed = {}\n"
        "for command in sys.argv[1:]:\n"
        "    arguments = get_parser().parse_args(['providers', *command.split(), '--output', 'json'])\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as output:\n"
        "        arguments.func(arguments)\n"
        "    printed[command] = json.loads(output.getvalue().strip().splitlines()[-1])\n"
        "print(json.dumps(printed))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *commands], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])  # type: ignore[no-any-return]


def dotted_paths() -> list[str]:
    paths = [kind["hook-class-name"] for kind in INFO["connection-types"]] + INFO["extra-links"]
    for part in ("hooks", "operators", "sensors", "triggers"):
        paths += [module for entry in INFO[part] for module in entry["python-modules"]]
    return paths


def test_it_fits_airflows_schema() -> None:
    jsonschema.validate(INFO, schema("provider_info.schema.json"))


@pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 has no schema for the declared form")
def test_the_connection_form_fits_airflows_schema() -> None:
    whole = schema("provider.yaml.schema.json")
    part = {**whole["properties"]["connection-types"], "definitions": whole.get("definitions", {})}
    jsonschema.validate(INFO["connection-types"], part)


@pytest.mark.parametrize("path", dotted_paths())
def test_every_dotted_path_can_be_imported(path: str) -> None:
    try:
        importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name)


def test_every_public_module_is_listed() -> None:
    package = resources.files("airflow_provider_imagekit")
    for part in ("hooks", "operators", "sensors", "triggers"):
        for file in (package / part).iterdir():
            is_module = file.name.endswith(".py") and not file.name.startswith("base_")
            text = file.read_text("utf-8") if is_module else ""
            if any(f"({base})" in text for base in BASES):
                name = file.name.removesuffix(".py")
                assert f"airflow_provider_imagekit.{part}.{name}" in "\n".join(dotted_paths())


@pytest.mark.slow
def test_airflows_commands_list_the_provider() -> None:
    commands = ("get airflow-provider-imagekit --full", "hooks", "behaviours", "widgets", "triggers", "links")
    for command, printed in airflow_providers(*commands).items():
        ours = [row for row in printed if "imagekit" in json.dumps(row)]
        assert ours, command
        assert "Error when importing" not in json.dumps(ours), command


@pytest.mark.slow
def test_importing_airflow_loads_only_the_provider_info() -> None:
    code = (
        "import sys, airflow; from airflow.configuration import conf; conf.get('core', 'executor');"
        "print(sorted(m for m in sys.modules if m.startswith('airflow_provider_imagekit')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    loaded = set(json.loads(done.stdout.strip().splitlines()[-1].replace("'", '"')))
    assert loaded <= {"airflow_provider_imagekit", "airflow_provider_imagekit.provider_info"}


def test_airflow_finds_the_plugin_at_its_entry_point() -> None:
    (found,) = importlib.metadata.entry_points(group="airflow.plugins", name="imagekit_webhooks")
    assert found.dist is not None
    assert found.dist.name == "airflow-provider-imagekit"
    assert issubclass(found.load(), AirflowPlugin)
