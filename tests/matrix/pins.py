"""
Writes ``constraints/official``: the packages of a user of each Airflow on the day of its release.

Run ``python -m tests.matrix.pins`` with uv in this environment. It resolves Airflow and the requirements of
the provider and its extras without our lower bounds, as of that day, with the known pins of Airflow's own
constraints.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import chain

from packaging.requirements import Requirement

from tests.matrix.lines import LINES, OFFICIAL, PROJECT, Line, official


def used() -> list[str]:
    """Return the requirements of the provider and its extras without lower bounds."""
    extras = chain.from_iterable(PROJECT["optional-dependencies"].values())
    requirements = map(Requirement, chain(PROJECT["dependencies"], extras))
    names = {f"{r.name}[{','.join(r.extras)}]" if r.extras else r.name for r in requirements}
    return sorted(name for name in names if not name.startswith(PROJECT["name"]))


def resolve(line: Line, python: str) -> str:
    """Return the pins of an Airflow on a Python."""
    pinned = [f"{name}=={version}" for name, version in line.pinned.items()]
    requirements = [f"apache-airflow=={line.airflow}", *used(), *pinned]
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate"]
    bounds = ["--python-version", python, "--no-python-downloads", "--exclude-newer", line.released]
    done = subprocess.run(
        [*command, *bounds], input="\n".join(requirements), stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def main() -> None:
    """Write all files."""
    OFFICIAL.mkdir(parents=True, exist_ok=True)
    for line in LINES:
        for python in line.pythons:
            known = ", ".join(line.pinned)
            head = f"# As of {line.released}; from Airflow's own constraints: {known}.\n"
            official(line, python).write_text(head + resolve(line, python), encoding="utf-8")


if __name__ == "__main__":
    main()
