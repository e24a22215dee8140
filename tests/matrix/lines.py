"""The supported minor versions of Airflow: their newest patches, and the pins of their users."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
OFFICIAL = REPOSITORY / "constraints" / "official"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]


@dataclass(frozen=True)
class Line:
    """
    One minor version of Airflow.

    :param airflow: its newest patch.
    :param released: date of its release; newer packages are not resolved.
    :param pythons: the Python versions that both Airflow and the provider support.
    :param pinned: pins from Airflow's own constraints where the resolution would select newer versions.
    """

    airflow: str
    released: str
    pythons: tuple[str, ...]
    pinned: dict[str, str] = field(default_factory=dict)


COMPAT = "apache-airflow-providers-common-compat"
NUMPY = "1.26.4 ; python_version < '3.13'"
LINES = (
    Line("2.11.2", "2026-03-14", ("3.11", "3.12"), {COMPAT: "1.14.0", "numpy": NUMPY}),
    # pyarrow as in the constraints of 3.0.
    Line("3.0.6", "2025-08-29", ("3.11", "3.12"), {COMPAT: "1.7.3", "numpy": NUMPY, "pyarrow": "16.1.0"}),
    Line("3.1.8", "2026-03-11", ("3.11", "3.12", "3.13"), {COMPAT: "1.14.0", "numpy": NUMPY}),
    Line("3.2.2", "2026-05-29", ("3.11", "3.12", "3.13"), {COMPAT: "1.15.0"}),
    Line("3.3.2", "2026-09-17", ("3.11", "3.12", "3.13"), {COMPAT: "1.19.0"}),
)


def official(line: Line, python: str) -> Path:
    """Return the file with the pins of an Airflow on a Python."""
    return OFFICIAL / f"airflow-{line.airflow}-py{python}.txt"
