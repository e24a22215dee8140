"""
Measure FindNearDuplicatesOperator from the input table to groups, pairs and the page, and its search alone.

    python -m benchmarks.near_duplicates_operator                          # 10**6 rows, Parquet; a minute
    python -m benchmarks.near_duplicates_operator --rows 10000000
    python -m benchmarks.near_duplicates_operator --formats parquet jsonl csv --outputs jsonl parquet
    python -m benchmarks.near_duplicates_operator --profile

Each figure comes from a separate process; memory is the peak above the imports.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.near_duplicates import make_hashes

RADIUS = 4
_BATCH = 100_000


def write_table(path: Path, rows: int) -> None:
    """Write a library's table with the columns that the search uses and some that it does not."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    hashes = make_hashes(rows)
    schema = None
    with path.open("wb") as file:
        writer: Any = None
        for begin in range(0, rows, _BATCH):
            table = pa.table(_columns(begin, hashes[begin : begin + _BATCH].tolist()))
            schema = schema or table.schema
            if path.suffix == ".parquet":
                writer = writer or pq.ParquetWriter(file, schema, compression="zstd")
                writer.write_table(table)
            elif path.suffix == ".csv":
                import pyarrow.csv as pc

                writer = writer or pc.CSVWriter(file, schema)
                writer.write_table(table)
            else:
                file.writelines(json.dumps(row).encode() + b"\n" for row in table.to_pylist())
        if writer:
            writer.close()


def _columns(begin: int, hashes: list[int]) -> dict[str, list[Any]]:
    numbers = range(begin, begin + len(hashes))
    return {
        "file_id": [f"{number * 0x9E3779B97F4A7C15 % 2**96:024x}" for number in numbers],
        "path": [f"/catalogue/{number % 997:03}/product-{number:08}.jpg" for number in numbers],
        "url": [f"https://ik.imagekit.io/demo/catalogue/{n % 997:03}/product-{n:08}.jpg" for n in numbers],
        "created_at": [f"2026-{1 + n % 12:02}-{1 + n % 28:02}T10:{n % 60:02}:00.000Z" for n in numbers],
        "width": [600 + number % 1000 for number in numbers],
        "height": [400 + number % 700 for number in numbers],
        "size": [20_000 + number * 7919 % 900_000 for number in numbers],
        "format": ["jpg"] * len(hashes),
        "phash": [f"{bits:016x}" for bits in hashes],
        "tags": ['["a", "b"]'] * len(hashes),
        "exif": [f'{{"image": {{"Make": "Canon", "Model": "EOS {n % 90}"}}}}' for n in numbers],
        "deleted_at": ["" if number % 1000 else "2026-01-01T00:00:00.000Z" for number in numbers],
    }


def run_operator(table: str, output: str) -> Callable[[], dict[str, Any]]:
    from types import SimpleNamespace

    from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator

    task = SimpleNamespace(
        dag_id="nightly", task_id="find", run_id="one", map_index=-1, xcom_push=lambda **_: None
    )
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, f"small{Path(table).suffix}")
        write_table(small, 100)
        arguments = {"max_distance": RADIUS, "output_format": output}
        _operator(FindNearDuplicatesOperator, str(small), folder, arguments).execute({"ti": task})

    def run() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return _operator(FindNearDuplicatesOperator, table, folder, arguments).execute({"ti": task})

    return run


def _operator(kind: Any, table: str, folder: str, arguments: dict[str, Any]) -> Any:
    return kind(task_id="find", input_path=table, output_path=folder, **arguments)


def run_kernel(table: str, _: str) -> Callable[[], dict[str, Any]]:
    from airflow_provider_imagekit.similarity.pairs.pairs import MAX_PAIRS
    from airflow_provider_imagekit.similarity.pairs.search import join

    hashes = np.unique(np.load(f"{table}.npy"))
    join(hashes[:300], radius=RADIUS)
    return lambda: {"pairs": len(join(hashes, radius=RADIUS, max_pairs=MAX_PAIRS))}


PARTS: dict[str, Callable[[str, str], Callable[[], dict[str, Any]]]] = {
    "search alone": run_kernel,
    "operator": run_operator,
}


def memory(name: str) -> float:
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) / 1024


def measure_here(part: str, table: str, output: str, profile: bool) -> dict[str, Any]:
    run = PARTS[part](table, output)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before, wall, cpu = memory("VmRSS"), time.perf_counter(), time.process_time()
    profiler = cProfile.Profile()
    found = profiler.runcall(run) if profile else run()
    figures = {
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "extra_mb": memory("VmHWM") - before,
        "found": {name: value for name, value in found.items() if isinstance(value, int)},
    }
    if profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    return figures


def measure(part: str, table: Path, output: str, *, profile: bool = False) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.near_duplicates_operator", "--one", part, str(table), output]
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        done = subprocess.run(
            [*command, *(["--profile"] if profile else [])],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
    return json.loads(done.stdout.splitlines()[-1])


def results(rows: int, formats: list[str], outputs: list[str], profile: bool) -> Iterator[tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        for form in formats:
            table = Path(folder, f"library.{form}")
            write_table(table, rows)
            np.save(f"{table}.npy", make_hashes(rows))
            yield "the search alone", "", measure("search alone", table, "")
            for output in outputs:
                yield f"operator, {form} in", output, measure("operator", table, output, profile=profile)
            table.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--formats", nargs="+", default=["parquet"])
    parser.add_argument("--outputs", nargs="+", default=["jsonl"])
    parser.add_argument("--profile", action="store_true", help="print a profile of the operator")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure_here(*arguments.one, arguments.profile)))
        return
    print("| rows | what | tables out | seconds | CPU seconds | extra MB | found |")
    print("|---:|---|---|---:|---:|---:|---|", flush=True)
    for rows in arguments.rows:
        for what, output, figures in results(rows, arguments.formats, arguments.outputs, arguments.profile):
            found = ", ".join(
                f"{figures['found'][name]:,} {name}"
                for name in ("groups", "pairs")
                if name in figures["found"]
            )
            print(
                f"| {rows:,} | {what} | {output} | {figures['seconds']:.1f} | {figures['cpu']:.1f} "
                f"| {figures['extra_mb']:.0f} | {found} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
