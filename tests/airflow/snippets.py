"""The fenced snippets of the documentation, and a shell that runs their commands safely."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from tests.airflow.running import environment
from tests.support import AIRFLOW_3

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted(
    str(page.relative_to(REPOSITORY))
    for page in [
        *REPOSITORY.glob("*.md"),
        *REPOSITORY.glob("docs/**/*.md"),
        *REPOSITORY.glob("example_dags/*.md"),
    ]
)
_COMMANDS = {
    "pip": "pip",
    "uv": "pip",
    "make": "make",
    "nice": "nice",
    "python": "python",
    "imagekit-emulator": "emulator",
}


@dataclass(frozen=True)
class Snippet:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The path in the first line, if the reader saves the snippet as a file."""
        found = re.match(r"# (\S+\.py)\n", self.text)
        return found[1] if found else None

    @property
    def source(self) -> str:
        """The Python source for the Airflow version that runs the tests."""
        return (
            self.text
            if AIRFLOW_3
            else self.text.replace("from airflow.sdk import", "from airflow_provider_imagekit.compat import")
        )


def snippets(page: str) -> list[Snippet]:
    """Return the snippets of a page, without directives of Sphinx; indented code is refused."""
    found = []
    for token in MarkdownIt("commonmark").parse((REPOSITORY / page).read_text("utf-8")):
        line = token.map[0] + 1 if token.map else 0
        assert token.type != "code_block", f"{page}:{line}: indented code; use a fence"
        if token.type == "fence" and not token.info.startswith("{"):
            found.append(Snippet(page, line, token.info, token.content))
    return found


def shell(script: str, home: Path, folder: Path) -> str:
    """Run commands as a reader does, without installing, building or measuring; return their output."""
    commands = folder / ".commands"
    commands.mkdir(exist_ok=True)
    for name, job in _COMMANDS.items():
        stub = commands / name
        stub.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.airflow.commands {job} "$@"\n', "utf-8")
        stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    path = f"{commands}:{Path(sys.executable).parent}:/usr/bin:/bin"
    process = subprocess.Popen(
        ["bash", "-euc", script],
        env=environment(home) | {"PATH": path},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=270)
    finally:
        # A script that fails leaves its background processes running.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, printed
    return printed
