"""The documentation's site covers every public class and every example; ``make docs`` builds it."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from airflow_provider_imagekit.provider_info import get_provider_info
from scripts import draw_architecture

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "docs/reference"
DOCUMENTED = {
    module
    for page in REFERENCE.glob("*.md")
    for module in re.findall(r"automodule:: (\S+)", page.read_text("utf-8"))
}
# What a DAG's author imports is what Airflow is told about, and the links.
MODULES = [
    *(
        module
        for part in ("hooks", "operators", "sensors", "triggers")
        for entry in get_provider_info()[part]
        for module in entry["python-modules"]
    ),
    "airflow_provider_imagekit.links.imagekit",
]


def public_classes() -> list[tuple[str, str]]:
    return [
        (name, member)
        for name in MODULES
        for member in importlib.import_module(name).__all__
        if inspect.isclass(getattr(importlib.import_module(name), member))
    ]


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
