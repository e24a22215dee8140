"""The dependency arrows of the package, read from its imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "airflow_provider_imagekit"
ROOT = Path(__file__).parents[1] / PACKAGE
MAX_LINES, MAX_TEST_LINES = 400, 400

# What each part may import of the package; parts not named here may not be imported by others at all.
MAY_IMPORT: dict[str, set[str]] = {
    "compat": set(),
    "exceptions": set(),
    "provider_info": set(),
    "arguments": {"exceptions"},
    "phash": {"exceptions"},
    "assets": {"exceptions"},
    "client": {"exceptions", "phash", "provider_info"},
    "io": {"arguments", "exceptions"},
    "similarity": {"arguments", "exceptions", "io", "phash"},
    "gates": {"arguments", "client", "exceptions", "io", "phash", "similarity"},
    "library": {"arguments", "client", "exceptions", "io", "phash"},
    "hooks": {"assets", "client", "exceptions", "phash", "provider_info"},
    "links": set(),
    "triggers": {"arguments", "client", "exceptions", "gates", "hooks", "io", "library", "similarity"},
    "plugins": {"client", "exceptions", "hooks", "library"},
    "operators": {
        "arguments",
        "assets",
        "client",
        "exceptions",
        "gates",
        "hooks",
        "io",
        "library",
        "links",
        "phash",
        "pictures",
        "similarity",
        "triggers",
    },
    "sensors": {
        "arguments",
        "client",
        "exceptions",
        "gates",
        "hooks",
        "io",
        "library",
        "operators",
        "similarity",
        "triggers",
    },
    "pictures": {"phash"},
    "emulator": {"phash", "pictures"},
}
# Rooms, and modules of rooms that are otherwise free of Airflow.
MAY_IMPORT_AIRFLOW = {
    "assets/factory.py",
    "assets/lineage.py",
    "gates/bank_files.py",
    "hooks",
    "io/object_storage.py",
    "links",
    "operators",
    "plugins",
    "sensors",
    "triggers",
}
DOOR = "compat"

MODULES = sorted(ROOT.rglob("*.py"))
TESTS = sorted(Path(__file__).parent.rglob("*.py"))


def imports(module: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(module: Path) -> str:
    return module.relative_to(ROOT).parts[0].removesuffix(".py")


def ids(module: Path) -> str:
    return str(module.relative_to(ROOT))


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) != "__init__"], ids=ids)
def test_arrows_point_one_way(module: Path) -> None:
    ours = {name.split(".")[1] for name in imports(module) if name.startswith(f"{PACKAGE}.")}
    ours -= {part(module), DOOR, "__version__"}
    assert ours <= MAY_IMPORT[part(module)]


@pytest.mark.parametrize("module", MODULES, ids=ids)
def test_airflow_is_imported_by_the_outer_parts_alone_and_through_one_door(module: Path) -> None:
    found = imports(module)
    if part(module) != DOOR:
        assert {name for name in found if name.split(".")[0] == "airflow"} == set()
    if not {part(module), ids(module)} & (MAY_IMPORT_AIRFLOW | {DOOR}):
        assert {name for name in found if name.startswith(f"{PACKAGE}.{DOOR}")} == set()


def test_the_inner_parts_never_load_airflow() -> None:
    outer = MAY_IMPORT_AIRFLOW | {DOOR, "emulator", "io/mapped.py"}
    inner = [module for module in MODULES if not {part(module), ids(module)} & outer]
    names = [".".join((PACKAGE, *module.relative_to(ROOT).with_suffix("").parts)) for module in inner]
    assert f"{PACKAGE}.library.run" in names
    # It takes two seconds to import; a program that has no Airflow could not use them at all.
    script = f"import importlib, sys; [importlib.import_module(n) for n in {names}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "airflow" not in done.stdout.split()


def test_the_arrows_form_no_circle() -> None:
    done: set[str] = set()
    while free := {name for name, below in MAY_IMPORT.items() if below <= done} - done:
        done |= free
    assert done == set(MAY_IMPORT)


@pytest.mark.parametrize("module", [ROOT / "__init__.py", ROOT / "provider_info.py"], ids=ids)
def test_what_import_airflow_reads_imports_nothing_heavy(module: Path) -> None:
    assert imports(module) <= {"__future__.annotations", "typing.Any", f"{PACKAGE}.__version__"}


@pytest.mark.parametrize("module", MODULES, ids=ids)
def test_no_module_grows_past_what_one_reads_in_one_sitting(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("module", TESTS, ids=lambda module: str(module.relative_to(ROOT.parent)))
def test_no_module_of_tests_does_either(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= MAX_TEST_LINES


@pytest.mark.parametrize("module", TESTS, ids=lambda module: str(module.relative_to(ROOT.parent)))
def test_what_several_tests_use_stands_in_no_module_of_tests(module: Path) -> None:
    shared = {name for name in imports(module) if name.startswith("tests.")}
    assert [name for name in shared if re.search(r"\.(test_\w+|conftest)(\.|$)", name)] == []


@pytest.mark.parametrize("module", TESTS, ids=lambda module: str(module.relative_to(ROOT.parent)))
def test_a_test_is_named_by_a_sentence(module: Path) -> None:
    names = [
        node.name
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert [name for name in names if len(name.split("_")) < 4] == []
