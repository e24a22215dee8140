"""The documentation's site covers every public class and every example; ``make docs`` builds it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import airflow_provider_imagekit
from scripts import draw_architecture

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "docs/reference"
DOCUMENTED = {
    module
    for page in REFERENCE.glob("*.md")
    for module in re.findall(r"automodule:: (\S+)", page.read_text("utf-8"))
}
# What a DAG's author imports: every public class of these has its place in the reference.
ROOMS = ("links", "operators", "sensors", "triggers")


def public_classes() -> list[tuple[str, str]]:
    found = []
    for room in ROOMS:
        package = importlib.import_module(f"{airflow_provider_imagekit.__name__}.{room}")
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            is_base = info.name.rpartition(".")[2].startswith("base")
            for name in () if is_base else getattr(module, "__all__", ()):
                value = getattr(module, name)
                if inspect.isclass(value) and value.__module__ == info.name:
                    found.append((info.name, name))
    return found


@pytest.mark.parametrize(("module", "name"), public_classes())
def test_every_public_class_is_in_the_reference(module: str, name: str) -> None:
    assert module in DOCUMENTED, name


@pytest.mark.parametrize("module", sorted(DOCUMENTED))
def test_the_reference_names_modules_that_exist_and_say_what_is_public(module: str) -> None:
    assert importlib.import_module(module).__all__


@pytest.mark.parametrize(
    "example", sorted(REPOSITORY.glob("example_dags/example_*.py")), ids=lambda p: p.stem
)
def test_every_example_is_on_the_site(example: Path) -> None:
    included = f"```{{literalinclude}} ../example_dags/{example.name}\n"
    assert included in (REPOSITORY / "docs/examples.md").read_text("utf-8")


def test_every_page_is_in_a_table_of_contents() -> None:
    index = (REPOSITORY / "docs/index.md").read_text("utf-8")
    for page in sorted(REPOSITORY.glob("docs/*.md")):
        assert page.stem == "index" or re.search(rf"^{page.stem}$", index, re.MULTILINE), page.name


def test_the_picture_of_the_architecture_is_that_of_the_code() -> None:
    assert draw_architecture.PICTURE.read_text("utf-8") == draw_architecture.draw(), "run `make docs`"
