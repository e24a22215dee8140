"""The documentation site covers every public class and every example; ``make docs`` builds it."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from airflow_provider_imagekit.provider_info import get_provider_info
from scripts import draw_architecture, draw_states

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
REFERENCE = DOCS / "reference"
DOCUMENTED = {
    module
    for page in REFERENCE.glob("*.md")
    for module in re.findall(r"automodule:: (\S+)", page.read_text("utf-8"))
}
# Modules that DAG authors import: those in the provider info, and the links.
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
def test_the_reference_lists_existing_modules_that_define_their_public_names(module: str) -> None:
    assert importlib.import_module(module).__all__


@pytest.mark.parametrize(
    "example", sorted(REPOSITORY.glob("example_dags/example_*.py")), ids=lambda p: p.stem
)
def test_every_example_is_included_literally_in_a_page(example: Path) -> None:
    pages = [page.read_text("utf-8") for page in DOCS.rglob("*.md")]
    assert any(re.search(rf"{{literalinclude}} \S*/{example.name}\n", page) for page in pages), (
        "needs a page in docs/how-to, and a line in docs/how-to/index.md"
    )


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = {
        (index.parent / line.strip()).resolve().with_suffix(".md")
        for index in DOCS.rglob("index.md")
        for block in re.findall(r"```{toctree}\n(.*?)```", index.read_text("utf-8"), re.DOTALL)
        for line in block.splitlines()
        if line and not line.startswith(":")
    }
    assert set(DOCS.rglob("*.md")) - listed == {DOCS / "index.md"}


@pytest.mark.parametrize("name", draw_states.DIAGRAMS)
def test_the_state_diagrams_are_up_to_date(name: str) -> None:
    drawn = (draw_states.IMAGES / f"{name}.svg").read_text("utf-8")
    assert drawn == draw_states.draw(draw_states.DIAGRAMS[name]), "run `make docs`"


def test_the_architecture_diagram_is_up_to_date() -> None:
    assert draw_architecture.PICTURE.read_text("utf-8") == draw_architecture.draw(), "run `make docs`"
