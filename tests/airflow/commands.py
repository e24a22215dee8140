"""
Checks commands of the documentation that install, build, measure or never end, instead of running them.

``python -m tests.airflow.commands JOB ARGUMENTS`` exits with status 0 if the command is valid.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
OURS = "airflow-provider-imagekit"
OPTIONS_OF_PIP = {"-c", "--constraint", "--python"}


def pip(arguments: list[str]) -> None:
    """Check that each package is this provider with existing extras, or is pinned."""
    words = [word for word in arguments if word not in {"pip", "install", "venv"}]
    while words:
        word = words.pop(0)
        if word in OPTIONS_OF_PIP:
            value = words.pop(0)
            assert not value.startswith("http") or "apache/airflow/constraints-" in value, value
        elif not word.startswith("."):
            requirement = Requirement(word)
            extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
            known = extras["optional-dependencies"] if requirement.name == OURS else ()
            assert requirement.extras <= set(known), word
            assert requirement.name == OURS or requirement.specifier, word


def make(arguments: list[str]) -> None:
    """Check that the targets exist."""
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    for target in [word for word in arguments if "=" not in word]:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def nice(arguments: list[str]) -> None:
    """Check the command after ``nice``."""
    JOBS[arguments[0]](arguments[1:])


def python(arguments: list[str]) -> None:
    """Check that a benchmark exists and has the options; run other commands."""
    if arguments[:1] == ["-m"] and arguments[1].startswith(("benchmarks.", "demo")):
        name = arguments[1].replace(".", "/")
        file = next(path for path in (f"{name}.py", f"{name}/__main__.py") if (REPOSITORY / path).is_file())
        source = (REPOSITORY / file).read_text("utf-8")
        for option in [word for word in arguments[2:] if word.startswith("-")]:
            assert f'"{option}"' in source, option
    else:
        os.execv(sys.executable, [sys.executable, *arguments])


def emulator(arguments: list[str]) -> None:
    """Run the server if its output is a file; otherwise only check its options, since it never ends."""
    if stat.S_ISREG(os.fstat(1).st_mode) or "--help" in arguments:
        module = "airflow_provider_imagekit.emulator"
        os.execv(sys.executable, [sys.executable, "-m", module, *arguments])
    from airflow_provider_imagekit.emulator.command import command_parser

    command_parser().parse_args(arguments)


JOBS = {"pip": pip, "make": make, "nice": nice, "python": python, "emulator": emulator}

if __name__ == "__main__":
    JOBS[sys.argv[1]](sys.argv[2:])
