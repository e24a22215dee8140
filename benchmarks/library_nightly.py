"""
Measure LibraryMetadataOperator on the nights after the first, when little of the library has changed.

    nice python -m benchmarks.library_nightly                    # 10,000 files; half a minute
    nice python -m benchmarks.library_nightly --unchanged 100000          # CPU and memory per file; a minute

The library is a folder of pictures behind the local ImageKit server, a separate process that counts the
calls. Between two nights a picture is replaced, added or deleted. The exit status is 1 if the number of
metadata calls of a night differs from the number of new and changed pictures.

With ``--unchanged`` a server that costs almost nothing generates the library, and the table of the previous
night is generated, too. A separate process runs the operator, lists the same files without it, and parses
with plain ``json`` the responses and the lines or JSON columns of the table. Memory is the peak above the
imports.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import Request, urlopen

from PIL import Image

from benchmarks.emulator_throughput import fill, served
from benchmarks.library_server import listed, metadata, running

MAX_FILES = 19_000  # the server keeps its last 20,000 requests


def _task(run: str) -> SimpleNamespace:
    return SimpleNamespace(
        dag_id="nightly", task_id="library", run_id=run, map_index=-1, xcom_push=lambda **_: None
    )


class Night:
    """Runs the operator over one library into one table."""

    def __init__(self, address: str, output: Path) -> None:
        self._control = f"{address}/_emulator/"
        self._output = str(output)

    def run(self, name: str) -> tuple[int, int, float, dict[str, int]]:
        """Return the numbers of list and metadata calls, the seconds, and the operator's counts."""
        from airflow_provider_imagekit.operators.library import LibraryMetadataOperator

        urlopen(Request(f"{self._control}clear", method="POST")).close()
        task = _task(name)
        started = time.perf_counter()
        operator = LibraryMetadataOperator(task_id="library", output_path=self._output)
        result = operator.execute({"ti": task})
        seconds = time.perf_counter() - started
        with urlopen(f"{self._control}requests") as response:
            paths = [request["path"] for request in json.load(response)]
        lists = sum(path == "/v1/files" for path in paths)
        return lists, len(paths) - lists, seconds, result["counts"]


def changes(library: Path) -> list[tuple[str, Callable[[], object], int]]:
    """Return the change before each night, and the number of metadata calls that it requires."""
    other = Image.new("RGB", (20, 20), "red")
    one, another = sorted(library.rglob("*.jpg"))[-2:]
    return [
        ("nothing has changed", lambda: None, 0),
        ("one picture was replaced", lambda: other.save(one), 1),
        ("one was added", lambda: other.save(library / "new.jpg"), 1),
        ("one was deleted", another.unlink, 0),
    ]


def write_last_night(path: Path, files: int) -> None:
    """Write the table that a run over the generated library produces."""
    from airflow_provider_imagekit.library.table.files import writable_format_of, write_table
    from airflow_provider_imagekit.library.table.privacy import Privacy
    from airflow_provider_imagekit.library.table.rows import RowBuilder, listing_row

    builder = RowBuilder(UTC, Privacy())
    rows = (builder.build(metadata(number)) | listing_row(listed(number)) for number in range(files))
    with path.open("wb") as stream:
        write_table(stream, rows, writable_format_of(path.name))


def cpu_of(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def parse_table(path: str) -> None:
    """Parse only the JSON of a table, once."""
    if not path.endswith(".parquet"):
        with Path(path).open("rb") as stream:
            for line in stream:
                json.loads(line)
        return
    from pyarrow import parquet

    for batch in parquet.ParquetFile(path).iter_batches(columns=["tags", "custom_metadata", "exif", "other"]):
        for column in batch.columns:
            for value in column.to_pylist():
                json.loads(value or "0")


def unchanged_night(output: str, files: int, profile: bool) -> dict[str, float]:
    """Run the operator over an unchanged library; return CPU seconds and peak memory in MB."""
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401

    from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
    from airflow_provider_imagekit.library.sources import Search
    from airflow_provider_imagekit.operators.library import LibraryMetadataOperator

    task = _task("unchanged")
    operator = LibraryMetadataOperator(task_id="library", output_path=output)
    client = ImageKitHook().get_conn()
    (first, *_) = Search().pages(client.call)
    body = json.dumps(first.items)
    imports = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    profiler = cProfile.Profile()

    def night() -> None:
        if profile:
            profiler.enable()
        counts = operator.execute({"ti": task})["counts"]
        profiler.disable()
        assert counts == {**dict.fromkeys(counts, 0), "rows": files, "files": files, "unchanged": files}

    measured = {"operator": cpu_of(night)}
    measured["peak"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - imports) / 1024
    measured["listing"] = cpu_of(lambda: sum(len(page.items) for page in Search().pages(client.call)))
    measured["parsing"] = (
        cpu_of(lambda: [json.loads(body) for _ in range(10)]) / 10 * files / len(first.items)
    )
    measured["table"] = cpu_of(lambda: parse_table(output))
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(35)
    return measured


def print_unchanged(files: int, formats: list[str], profile: bool) -> None:
    """Print the cost per file of a night without changes."""
    print("| table | files | operator, ms | list calls, ms | own work, ms | JSON in both, ms | peak, MB |")
    print("|---|---|---|---|---|---|---|")
    for form in formats:
        with tempfile.TemporaryDirectory() as folder, running(files, 0.0) as address:
            table = Path(folder, f"library.{form}")
            write_last_night(table, files)
            connection = {"conn_type": "imagekit", "host": address, "password": "private_benchmark"}
            command = [sys.executable, "-m", "benchmarks.library_nightly", "--night", str(table)]
            result = subprocess.run(
                [*command, "--unchanged", str(files), *(["--profile"] if profile else [])],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env=os.environ
                | {
                    "AIRFLOW_HOME": folder,
                    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
                    "AIRFLOW_CONN_IMAGEKIT_DEFAULT": json.dumps(connection),
                    "PYTHONPATH": str(Path(__file__).parents[1]),
                },
            )
            m: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
        operator, listing = (m[name] / files * 1000 for name in ("operator", "listing"))
        print(
            f"| {form} | {files:,} | {operator:.3f} | {listing:.3f} | {operator - listing:.3f} | "
            f"{(m['parsing'] + m['table']) / files * 1000:.3f} | {m['peak']:.0f} |",
            flush=True,
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=10_000, help=f"at most {MAX_FILES:,}")
    parser.add_argument("--unchanged", type=int, help="files of a library in which nothing has changed")
    parser.add_argument("--formats", nargs="*", default=["jsonl", "parquet"])
    parser.add_argument("--profile", action="store_true", help="with --unchanged: print a profile")
    parser.add_argument("--night", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.night:
        print(json.dumps(unchanged_night(arguments.night, arguments.unchanged, arguments.profile)))
        return 0
    if arguments.unchanged:
        print_unchanged(arguments.unchanged, arguments.formats, arguments.profile)
        return 0
    files = arguments.files
    if not 2 <= files <= MAX_FILES:
        parser.error(f"--files must be from 2 to {MAX_FILES:,}")
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
