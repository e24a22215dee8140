"""Minimum versions in pyproject.toml, compared with the constraints of each supported Airflow."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.matrix.__main__ import page
from tests.matrix.lines import LINES, OFFICIAL, PROJECT, Line, official

FILES = sorted(OFFICIAL.glob("*.txt"))
FLOORS = [
    Requirement(text)
    for text in chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    if not text.startswith(PROJECT["name"])
]


def pins(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def test_there_is_a_file_for_each_line_of_airflow_and_each_python() -> None:
    assert sorted(official(line, python) for line in LINES for python in line.pythons) == FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_minimum_version_is_met_by_airflows_constraints(file: Path) -> None:
    installed = pins(file)
    unmet = [str(floor) for floor in FLOORS if not floor.specifier.contains(installed[floor.name])]
    assert unmet == []


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.airflow)
def test_the_files_match_airflows_known_constraints(line: Line) -> None:
    for python in line.pythons:
        installed = pins(official(line, python))
        known = {f"{name}=={version}" for name, version in line.pinned.items()}
        for requirement in map(Requirement, known | {f"apache-airflow=={line.airflow}"}):
            if requirement.marker is None or requirement.marker.evaluate({"python_version": python}):
                assert installed[requirement.name] in requirement.specifier


def test_every_supported_python_is_tested() -> None:
    named = {text.rsplit(" ", 1)[1] for text in PROJECT["classifiers"] if text.count(":: 3.")}
    assert named == {python for line in LINES for python in line.pythons}


PAGE = """Tried:

<!-- results -->

| Airflow, Python | install |
|---|---|
| 2.11.2, 3.12 | failed |
| 3.0.6, 3.12 | passed |

<!-- end -->
"""


def test_a_result_replaces_its_row_and_rows_stay_sorted() -> None:
    written = page(
        PAGE, {"2.11.2, 3.12": "| 2.11.2, 3.12 | passed |", "2.11.2, 3.11": "| 2.11.2, 3.11 | new |"}
    )
    rows = [line for line in written.splitlines() if line.startswith("| ")][1:]
    assert rows == ["| 2.11.2, 3.11 | new |", "| 2.11.2, 3.12 | passed |", "| 3.0.6, 3.12 | passed |"]
    assert page(written, {}) == written
