"""The documentation of the table agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_imagekit.library.table.privacy import HARMLESS, PERSONAL, PLACE
from airflow_provider_imagekit.library.table.schema import COLUMNS

DOCS = Path(__file__).parents[2] / "docs"
COLUMNS_PAGE = DOCS / "reference/table.md"
PRIVACY_PAGE = DOCS / "explanation/privacy.md"


@pytest.mark.parametrize(
    ("part", "names"), [("harmless", HARMLESS), ("personal", PERSONAL), ("place", PLACE)]
)
def test_the_page_has_every_field_that_privacy_names(part: str, names: frozenset[str]) -> None:
    text = PRIVACY_PAGE.read_text()
    section = text[text.index(f"<!-- {part} -->") : text.index(f"<!-- /{part} -->")]
    assert re.findall("`(.+?)`", section) == sorted(names)


def test_the_page_has_every_column_as_it_is() -> None:
    text = COLUMNS_PAGE.read_text()
    section = text[text.index("<!-- columns -->") : text.index("<!-- /columns -->")]
    assert section.splitlines()[3:] == [
        f"| `{column.name}` | {column.kind} | {column.origin} | {column.description} |" for column in COLUMNS
    ]
