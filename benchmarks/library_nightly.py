"""
What the nights after the first one cost: LibraryMetadataOperator over a library of which little changes.

    nice python -m benchmarks.library_nightly                    # 10,000 files; half a minute

The library is a folder of pictures behind the local ImageKit server, a process of its own that counts the
calls. Between two nights a picture is replaced, added or deleted. Exit status 1 if a night makes another
number of metadata calls than there are new and changed pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.request import Request, urlopen

from PIL import Image

from benchmarks.emulator_throughput import fill, served

MOST_FILES = 19_000  # the server remembers its last 20,000 requests


class Night:
    """Runs over one library into one table."""

    def __init__(self, address: str, output: Path) -> None:
        self._control = f"{address}/_emulator/"
        self._output = str(output)

    def run(self, name: str) -> tuple[int, int, float, dict[str, int]]:
        """Return the list and the metadata calls that the server saw, seconds, and the operator's counts."""
        from airflow_provider_imagekit.operators.library import LibraryMetadataOperator

        urlopen(Request(f"{self._control}clear", method="POST")).close()
        task = SimpleNamespace(dag_id="nightly", task_id="library", run_id=name, map_index=-1)
        started = time.perf_counter()
        operator = LibraryMetadataOperator(task_id="library", output_path=self._output)
        result = operator.execute({"ti": task})
        seconds = time.perf_counter() - started
        with urlopen(f"{self._control}requests") as answer:
            paths = [request["path"] for request in json.load(answer)]
        lists = sum(path == "/v1/files" for path in paths)
        return lists, len(paths) - lists, seconds, result["counts"]


def changes(library: Path) -> list[tuple[str, Callable[[], object], int]]:
    """Return what happens before each night, and how many metadata calls that is worth."""
    other = Image.new("RGB", (20, 20), "red")
    one, another = sorted(library.rglob("*.jpg"))[-2:]
    return [
        ("nothing has changed", lambda: None, 0),
        ("one picture was replaced", lambda: other.save(one), 1),
        ("one was added", lambda: other.save(library / "new.jpg"), 1),
        ("one was deleted", another.unlink, 0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=10_000, help=f"at most {MOST_FILES:,}")
    files = parser.parse_args().files
    if not 2 <= files <= MOST_FILES:
        parser.error(f"--files is from 2 to {MOST_FILES:,}")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "library")
        library.mkdir()
        fill(library, files)
        os.environ |= {"AIRFLOW_HOME": folder, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        with served(library, "--control") as connection:
            os.environ["AIRFLOW_CONN_IMAGEKIT_DEFAULT"] = json.dumps(connection)
            night = Night(str(connection["host"]), Path(folder, "library.jsonl"))
            print("| night | list calls | metadata calls | unchanged | seconds |\n|---|---|---|---|---|")
            as_promised = True
            first = ("the first one", lambda: None, files)
            for name, change, calls in [first, *changes(library)]:
                change()
                lists, metadata, seconds, counts = night.run(name)
                print(
                    f"| {name} | {lists:,} | {metadata:,} | {counts['unchanged']:,} | {seconds:.1f} |",
                    flush=True,
                )
                as_promised = as_promised and metadata == calls
    return 0 if as_promised else 1


if __name__ == "__main__":
    sys.exit(main())
