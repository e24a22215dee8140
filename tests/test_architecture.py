"""Dependencies between the parts of the package, derived from its imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "airflow_provider_imagekit"
ROOT = Path(__file__).parents[1] / PACKAGE
MAX_LINES, MAX_TEST_LINES = 400, 400
PATCHES = {"setattr", "patch", "object"}
OWN_CODE = (f"{PACKAGE}.", "benchmarks.", "demo.", "example_dags.", "scripts.")

# Allowed imports between the parts of the package; no part may import a part that is not listed here.
MAY_IMPORT: dict[str, set[str]] = {
    "compat": set(),
    "exceptions": set(),
    "provider_info": set(),
    "arguments": {"exceptions"},
    "phash": {"exceptions"},
    "client": {"exceptions", "phash", "provider_info"},
    "io": {"arguments", "exceptions"},
    "similarity": {"arguments", "exceptions", "io", "phash"},
    "gates": {"arguments", "client", "exceptions", "io", "phash", "similarity"},
    "library": {"arguments", "client", "exceptions", "io", "phash"},
    "hooks": {"client", "exceptions", "phash", "provider_info"},
    "assets": {"client", "exceptions", "hooks", "library"},
    "links": set(),
    "triggers": {"arguments", "client", "exceptions", "gates", "hooks", "io", "library"},
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
        "similarity",
        "triggers",
    },
    "sensors": {
        "arguments",
        "client",
        "exceptions",
        "gates",
        "hooks",
        "library",
        "operators",
        "similarity",
        "triggers",
    },
    "emulator": {"phash"},
}
# Folders, and single modules of folders that otherwise do not import Airflow.
MAY_IMPORT_AIRFLOW = {
    "assets/factory.py",
    "assets/lineage.py",
    "assets/webhooks",
    "gates/bank_files.py",
    "hooks",
    "io/object_storage.py",
    "links",
    "operators",
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


def is_among(module: Path, places: set[str]) -> bool:
    """Return whether a module or one of its folders is named."""
    path = module.relative_to(ROOT)
    return bool({part(module), str(path), *map(str, path.parents)} & places)


def imported_parts(module: Path) -> set[str]:
    ours = {name.split(".")[1] for name in imports(module) if name.startswith(f"{PACKAGE}.")}
    return ours - {part(module), DOOR, "__version__"}


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) != "__init__"], ids=ids)
def test_parts_import_only_allowed_parts(module: Path) -> None:
    assert imported_parts(module) <= MAY_IMPORT[part(module)]


def test_every_allowed_import_exists() -> None:
    used: dict[str, set[str]] = {name: set() for name in MAY_IMPORT}
    for module in MODULES:
        if part(module) != "__init__":
            used[part(module)] |= imported_parts(module)
    assert used == MAY_IMPORT


@pytest.mark.parametrize("module", MODULES, ids=ids)
def test_only_outer_parts_import_airflow_and_only_through_compat(module: Path) -> None:
    found = imports(module)
    if part(module) != DOOR:
        assert {name for name in found if name.split(".")[0] == "airflow"} == set()
    if not is_among(module, MAY_IMPORT_AIRFLOW | {DOOR}):
        assert {name for name in found if name.startswith(f"{PACKAGE}.{DOOR}")} == set()


def test_the_inner_parts_never_load_airflow() -> None:
    outer = MAY_IMPORT_AIRFLOW | {DOOR, "emulator", "io/mapped.py"}
    inner = [module for module in MODULES if not is_among(module, outer)]
    names = [".".join((PACKAGE, *module.relative_to(ROOT).with_suffix("").parts)) for module in inner]
    assert f"{PACKAGE}.library.run" in names
    # Importing Airflow takes two seconds, and programs without Airflow use these modules.
    script = f"import importlib, sys; [importlib.import_module(n) for n in {names}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "airflow" not in done.stdout.split()


def test_the_dependencies_have_no_cycle() -> None:
    done: set[str] = set()
    while free := {name for name, below in MAY_IMPORT.items() if below <= done} - done:
        done |= free
    assert done == set(MAY_IMPORT)


@pytest.mark.parametrize("module", [ROOT / "__init__.py", ROOT / "provider_info.py"], ids=ids)
def test_modules_that_airflow_reads_at_import_are_lightweight(module: Path) -> None:
    assert imports(module) <= {"__future__.annotations", "typing.Any", f"{PACKAGE}.__version__"}


@pytest.mark.parametrize("module", MODULES, ids=ids)
def test_no_module_exceeds_the_maximum_length(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("module", TESTS, ids=lambda module: str(module.relative_to(ROOT.parent)))
def test_no_test_module_exceeds_the_maximum_length(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= MAX_TEST_LINES


@pytest.mark.parametrize("module", TESTS, ids=lambda module: str(module.relative_to(ROOT.parent)))
def test_shared_helpers_are_not_imported_from_test_modules(module: Path) -> None:
    shared = {name for name in imports(module) if name.startswith("tests.")}
    assert [name for name in shared if re.search(r"\.(test_\w+|conftest)(\.|$)", name)] == []


@pytest.mark.parametrize("module", TESTS, ids=lambda module: str(module.relative_to(ROOT.parent)))
def test_the_name_of_a_test_is_a_sentence(module: Path) -> None:
    names = [
        node.name
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert [name for name in names if len(name.split("_")) < 4] == []


def own_names(tree: ast.Module) -> set[str]:
    """Return the names that a test module imports from this repository, but not those of Airflow."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            origin = getattr(node, "module", None)
            names |= {
                alias.asname or alias.name.split(".")[0]
                for alias in node.names
                if f"{origin or alias.name}.".startswith(OWN_CODE) and origin != f"{PACKAGE}.{DOOR}"
            }
    return names


def patched(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield what a test module replaces, and the call or assignment that does it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in PATCHES and node.args:
            yield ast.unparse(node.args[0]).strip("'"), ast.unparse(node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            yield ast.unparse(node.targets[0].value), ast.unparse(node)


@pytest.mark.parametrize("module", TESTS, ids=lambda module: str(module.relative_to(ROOT.parent)))
def test_tests_do_not_patch_the_code_of_this_repository(module: Path) -> None:
    tree = ast.parse(module.read_text("utf-8"))
    own = own_names(tree)
    found = [text for name, text in patched(tree) if name.split(".")[0] in own or name.startswith(OWN_CODE)]
    assert found == []
