"""The diagram in docs/gates.md shows the operators that the page names."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/gates.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_diagram_names_every_operator_of_the_page_and_has_both_themes() -> None:
    picture = (PAGE.parent / "images/gates.svg").read_text(encoding="utf-8")
    drawn = " ".join(ET.fromstring(picture).itertext())
    for name in re.findall(r"\[`(PHash\w+|\w+Operator)`\]", TEXT):
        assert name in drawn or name == "ThresholdReportOperator"
    assert "prefers-color-scheme: dark" in picture
