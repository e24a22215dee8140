from __future__ import annotations

import ast
import sys
from pathlib import Path

import airflow_provider_imagekit.emulator

ROOT = Path(airflow_provider_imagekit.emulator.__file__).parent
PACKAGE = "airflow_provider_imagekit"
# Each part may import itself and the parts before it.
ORDER = [
    "extra", "errors", "pictures", "transforms", "library", "search", "auth", "limits", "webhooks", "account",
    "routes", "description", "serving", "server", "pytest_plugin", "__init__", "command", "__main__",
]  # fmt: skip
THIRD_PARTY = {"PIL", "jinja2", "starlette", "uvicorn", "pytest"}


def imports(module: Path) -> set[str]:
    """Return the modules that a module imports, including those for type checking."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


def part_of(module: Path) -> str:
    relative = module.relative_to(ROOT)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def test_every_part_imports_only_the_parts_before_it():
    for module in ROOT.rglob("*.py"):
        rank = ORDER.index(part_of(module))
        for imported in imports(module):
            if imported.startswith(f"{PACKAGE}.emulator."):
                assert ORDER.index(imported.split(".")[2]) <= rank, f"{module} imports {imported}"


def test_neither_airflow_nor_the_client_is_imported():
    allowed = THIRD_PARTY | set(sys.stdlib_module_names)
    for module in ROOT.rglob("*.py"):
        for imported in imports(module):
            if imported.startswith(PACKAGE):
                assert f"{imported}.".split(".")[1] in ("emulator", "phash", "pictures", ""), (
                    f"{module}: {imported}"
                )
            else:
                assert imported.split(".")[0] in allowed, f"{module} imports {imported}"
