"""The package and its documentation avoid a list of odd expressions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "airflow_provider_imagekit"

# Odd expressions and their plain alternatives.
INSTEAD = {
    r"\b(held|holds?)( \w+)? against\b": "compared with",
    r"(?<!\.)\btell(s|ing)?\b(?!(\W+[\w']+){0,6}\W+apart\b)": "return, report, identify",
    r"\btold (of|how|what)\b": "return, report, identify",
    r"\bmend(s|ed|ing|able)?\b": "fix or recover",
    r"\bpassed over\b": "skipped",
    r"\banew\b": "again",
    r"\b(some|no)body\b": "user, reviewer, or passive",
    r"(?<!\bthere )(?<!\bwhich )\b(is|are) no (?!longer\b|more\b|such\b|one\b)\w+": "is not a",
    r"\banswer(s|ed|ing)?\b": "response, respond",
    r"\bask(s|ed)?\b(?! for help)": "request, query, require",
    r"\b(a look|looks? (at|into))\b": "check, inspect, read",
    r"\blikeness\b": "similarity",
    r"\bshall\b": "must, should",
    r"\bforeign\b": "untrusted, from outside",
    r"\bwhat (becomes|comes) of\b": "how it is handled, the result",
    r"\b(arrive[sd]?|read|written|sent) whole\b": "completely",
}
CODE = re.compile(r"`[^`]*`|\.tell\(|\bfile\.tell\b")
TEXTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *PACKAGE.rglob("*.py")])


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: str(text.relative_to(ROOT)))
def test_the_text_has_none_of_the_odd_expressions(text: Path) -> None:
    content = CODE.sub("``", text.read_text("utf-8"))
    found = {
        f"{found[0]!r} instead of {plain!r}"
        for words, plain in INSTEAD.items()
        for found in re.finditer(words, content, re.IGNORECASE)
    }
    assert found == set()
