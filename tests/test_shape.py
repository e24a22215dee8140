"""Size of the package's parts, and number of modules that one call uses."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures

PACKAGE = "airflow_provider_imagekit"
ROOT = Path(__file__).parents[1] / PACKAGE
MODULES = sorted(ROOT.rglob("*.py"))

# Runs one task and prints the package's files whose functions were called.
TRACER = """
import sys
seen = set()
def watch(frame, event, _):
    if event == "call":
        seen.add(frame.f_code.co_filename)
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator
import airflow_provider_imagekit.client.client  # loaded before its first call is watched
operator = FileMetadataOperator(task_id="metadata", file_id=sys.argv[1])
class TaskInstance:
    map_index = -1
    def xcom_push(self, key, value): pass
from airflow_provider_imagekit import compat
compat.get_hook_lineage_collector()  # once in a process, it loads the plugins of all providers
import threading
threading.setprofile(watch)
sys.setprofile(watch)
operator.execute({"ti": TaskInstance()})
sys.setprofile(None)
print("\\n".join(sorted(name for name in seen if "airflow_provider_imagekit" in name)))
"""


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def documentation(node: Definition) -> int:
    """Return the number of lines of the docstring of a class or function."""
    return (node.body[0].end_lineno or 0) - node.body[0].lineno + 1 if ast.get_docstring(node) else 0


def classes() -> Iterator[tuple[int, str]]:
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                texts = sum(documentation(part) for part in ast.walk(node) if isinstance(part, Definition))
                yield (
                    (node.end_lineno or 0) - node.lineno + 1 - texts,
                    f"{module.relative_to(ROOT)}:{node.name}",
                )


def functions() -> Iterator[tuple[str, int]]:
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                yield f"{module.relative_to(ROOT)}:{node.name}", lines


def test_functions_are_short() -> None:
    lengths = sorted(lines for _, lines in functions())
    assert statistics.median(lengths) <= 5
    assert lengths[int(0.9 * len(lengths))] <= 15


def test_classes_are_short_without_their_documentation() -> None:
    assert [each for each in sorted(classes(), reverse=True) if each[0] > 200] == []


def test_module_names_are_unique() -> None:
    free = {"hooks", "operators", "sensors", "triggers", "emulator"}
    names = Counter(
        module.stem
        for module in MODULES
        if module.stem != "__init__" and module.relative_to(ROOT).parts[0] not in free
    )
    assert {name for name, times in names.items() if times > 1} == set()


def test_the_top_level_has_few_subpackages_and_modules() -> None:
    modules = {path.stem for path in ROOT.glob("*.py")} - {"__init__"}
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert len(modules) <= 5
    assert len(modules | rooms) <= 17


@pytest.mark.slow
@pytest.mark.usefixtures("connection")
def test_a_metadata_call_uses_only_the_required_subpackages(imagekit: ImageKitEmulator) -> None:
    file_id = imagekit.file_id(pictures.ORIGINAL)
    done = subprocess.run(
        [sys.executable, "-c", TRACER, file_id], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    files = [Path(line).relative_to(ROOT) for line in done.stdout.splitlines() if line.startswith(str(ROOT))]
    rooms = {path.parts[0] for path in files if len(path.parts) > 1}
    assert rooms == {"operators", "hooks", "client", "links"}
    assert len(files) <= 15, files
