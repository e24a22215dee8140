"""What docs/gates.md shows, made as it stands there."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from airflow_provider_imagekit.compat import DAG, BaseOperator
from tests import pictures

PAGE = Path(__file__).parents[2] / "docs/gates.md"
TEXT = PAGE.read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_every_snippet_runs(snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pictures.scene(1).save("example.jpg")
    names: dict[str, object] = {}
    with DAG("page", schedule=None):
        exec(compile(snippet, str(PAGE), "exec"), names)
    assert [value for value in names.values() if isinstance(value, BaseOperator)] or "phash" in names


def test_the_picture_names_every_operator_of_the_page_and_has_both_themes() -> None:
    picture = (PAGE.parent / "images/gates.svg").read_text(encoding="utf-8")
    drawn = " ".join(ET.fromstring(picture).itertext())
    for name in re.findall(r"\[`(PHash\w+|\w+Operator)`\]", TEXT):
        assert name in drawn or name == "ThresholdReportOperator"
    assert "prefers-color-scheme: dark" in picture
