"""
Tests the provider on every supported Airflow: ``python -m tests.matrix [CELL ...]``.

A cell is ``3.1-py3.12`` or ``lowest-py3.11``; without arguments, all cells run. Each writes its row into
``docs/compatibility.md``. The built wheel is installed below ``.venv-matrix`` with the pins of that Airflow.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.matrix.lines import LINES, PROJECT, REPOSITORY, Line, official

FOLDER = REPOSITORY / ".venv-matrix"
PAGE = REPOSITORY / "docs" / "compatibility.md"
UV = [sys.executable, "-m", "uv"]
CHECKS = ("install", "import", "providers", "form", "connection", "parse", "run")
#: Packages that the examples need in addition to the package and its extras.
FOR_EXAMPLES = ["duckdb", "imagekitio"]


@dataclass(frozen=True)
class Cell:
    """
    An environment of the matrix.

    :param line: the minor version of Airflow; ``None`` for the lowest versions of all requirements.
    """

    python: str
    line: Line | None

    @property
    def name(self) -> str:
        """Return its name on the command line."""
        return f"{self.line.airflow.rpartition('.')[0] if self.line else 'lowest'}-py{self.python}"

    @property
    def title(self) -> str:
        """Return its name in the documentation."""
        return f"{self.line.airflow if self.line else 'lowest versions'}, {self.python}"


CELLS = [Cell("3.11", None), *(Cell(python, line) for line in LINES for python in line.pythons)]


def uv(*arguments: str, **environment: str) -> str:
    """Run uv; raise with its output if it fails."""
    done = subprocess.run(
        [*UV, *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(" ".join(done.stderr.split())[:500])
    return done.stdout


def interpreter(version: str) -> str | None:
    """Return an installed Python of this version: from the PATH or from pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    candidates = [f"python{version}", *map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))]
    for candidate in filter(shutil.which, candidates):
        if subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def wheel() -> Path:
    """Build the wheel."""
    dist = FOLDER / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    uv(
        "build",
        "--quiet",
        "--wheel",
        "--no-build-isolation",
        "--python",
        sys.executable,
        "--out-dir",
        str(dist),
        str(REPOSITORY),
    )
    return next(dist.glob("*.whl"))


def bounds(cell: Cell) -> list[str]:
    """Return uv's options to resolve as users of this cell do."""
    if cell.line is None:
        return ["--resolution", "lowest-direct"]
    return ["--constraint", str(official(cell.line, cell.python)), "--exclude-newer", cell.line.released]


def lowest() -> list[str]:
    """Return all requirements of the package as direct ones, so that uv selects the lower bound of each."""
    extras = PROJECT["optional-dependencies"].values()
    every = [*PROJECT["dependencies"], *itertools.chain.from_iterable(extras)]
    # Airflow 2.11.0 allows versions of universal-pathlib with which its own ObjectStoragePath fails.
    return [*(text for text in every if not text.startswith(PROJECT["name"])), "universal-pathlib<0.3"]


def resolve(cell: Cell, package: Path) -> None:
    """Resolve the wheel and each of its extras as users of a cell do."""
    for extra in ("", *PROJECT["optional-dependencies"]):
        requirements = FOLDER / "requirements.txt"
        requirements.write_text(f"{PROJECT['name']}{f'[{extra}]' if extra else ''} @ {package.as_uri()}\n")
        version = ["--python-version", cell.python, "--no-python-downloads"]
        uv("pip", "compile", "--quiet", str(requirements), *version, *bounds(cell))


def install(cell: Cell, package: Path, python: str) -> Path:
    """Create the environment; return its Python."""
    folder = FOLDER / cell.name
    uv("venv", "--quiet", "--clear", "--python", python, str(folder))
    ours = f"{PROJECT['name']}[{','.join(PROJECT['optional-dependencies'])}] @ {package.as_uri()}"
    besides = [f"apache-airflow=={cell.line.airflow}"] if cell.line else lowest()
    target = ["--python", str(folder / "bin" / "python")]
    uv("pip", "install", "--quiet", "--compile-bytecode", *target, *bounds(cell), ours, *besides)
    newer = ["--exclude-newer", cell.line.released] if cell.line else []
    uv("pip", "install", "--quiet", "--compile-bytecode", *target, *newer, *FOR_EXAMPLES)
    return folder / "bin" / "python"


def results(cell: Cell, package: Path) -> dict[str, str] | None:
    """Return the message of each check of a cell, empty if it passed; ``None`` without such a Python."""
    python = interpreter(cell.python)
    if python is None:
        return None
    print(f"== {cell.name}", flush=True)
    try:
        if cell.line:
            resolve(cell, package)
        executable = install(cell, package, python)
    except RuntimeError as error:
        print(f"install: {error}")
        return {"install": str(error)}
    output = FOLDER / f"{cell.name}.json"
    output.unlink(missing_ok=True)
    log = (FOLDER / f"{cell.name}.log").open("w")
    command = [str(executable), str(Path(__file__).with_name("cell.py")), str(output)]
    with log:
        subprocess.run(
            command,
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdout=log,
            stderr=log,
            check=False,
        )
    found = json.loads(output.read_text()) if output.exists() else {"import": f"see {log.name}"}
    for name, message in found.items():
        print(f"{name}: {message or 'passed'}")
    return {"install": ""} | found


def row(cell: Cell, found: dict[str, str] | None) -> str:
    """Return the results of a cell as a row of the table."""
    results = ["no such Python here"] * len(CHECKS)
    if found is not None:
        results = [result(found, check) for check in CHECKS]
    return f"| {cell.title} | {' | '.join(results)} |"


def result(found: dict[str, str], check: str) -> str:
    """Return the table's cell for one check."""
    return "not reached" if check not in found else found[check].replace("|", "\\|") or "passed"


def page(text: str, new: dict[str, str]) -> str:
    """
    Return the page with new rows in their places; the other rows are unchanged.

    :param text: the page.
    :param new: row by title of its cell.
    """
    marked = re.compile(r"(<!-- results -->\n).*(<!-- end -->)", re.DOTALL)
    old = {line[2:].split(" | ")[0]: line for line in text.splitlines() if line.startswith("| ")}
    rows = [f"| Airflow, Python | {' | '.join(CHECKS)} |", "|---|" + "---|" * len(CHECKS)]
    rows += [line for cell in CELLS if (line := new.get(cell.title) or old.get(cell.title))]
    table = "\n".join(rows)
    return marked.sub(lambda match: f"{match[1]}\n{table}\n\n{match[2]}", text)


def main(names: list[str]) -> int:
    """Run the cells with these names, or all; return the exit code."""
    FOLDER.mkdir(exist_ok=True)
    unknown = set(names) - {each.name for each in CELLS}
    if unknown:
        print(f"{', '.join(sorted(unknown))}: choose from {', '.join(each.name for each in CELLS)}")
        return 2
    package = wheel()
    failed = False
    for each in CELLS:
        if not names or each.name in names:
            found = results(each, package)
            line = row(each, found)
            print(line, flush=True)
            PAGE.write_text(page(PAGE.read_text("utf-8"), {each.title: line}), "utf-8")
            failed |= any((found or {}).values())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
