"""
Compare engines that can read tables of hashes by columns: PyArrow, DuckDB and Polars.

    python -m benchmarks.engines                # 10**6 rows, Parquet and JSON Lines; some minutes

The two jobs are the reads of a search: names, hashes and deletions of all rows, and then further columns of
every seventh row. Each figure comes from a separate process with one thread; memory is the peak above the
imports. Every engine reads a file opened through fsspec, as from object storage, or a local path. The
dependency group ``engines`` has the packages that are not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.near_duplicates_operator import memory, write_table

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = ["file_id", "phash", "deleted_at"]
THEN = ["path", "url", "width", "height", "size", "created_at"]
EVERY = 7


def by_pyarrow(path: str, names: list[str], every: int) -> int:
    import fsspec
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    from airflow_provider_imagekit.io.tables import read_columns
    from airflow_provider_imagekit.similarity.records import columns_in_use

    with fsspec.open(path, "rb") as file:
        if path.endswith(".jsonl"):
            wanted = columns_in_use("", "", [name for name in names if name not in FIRST])
            return sum(len(chunk["file_id"]) for chunk in read_columns(file, "jsonl", wanted))
        rows = 0
        for batch in parquet.ParquetFile(file).iter_batches(1 << 16, columns=names, use_threads=False):
            rows += len(batch.take(pa.array(np.arange(0, len(batch), every))))
        return rows


def by_duckdb(path: str, names: list[str], every: int) -> int:
    import duckdb
    import fsspec

    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        if "://" in path:
            connection.register_filesystem(fsspec.filesystem(path.partition("://")[0]))
        read = "read_parquet" if path.endswith("parquet") else "read_json"
        options = "" if path.endswith("parquet") else f", columns={dict.fromkeys(names, 'VARCHAR')}"
        query = (
            f"SELECT {', '.join(names)} FROM (SELECT *, row_number() OVER () AS n "
            f"FROM {read}('{path}'{options})) WHERE n % {every} = 0"
        )
        return len(connection.sql(query).to_arrow_table())


def by_polars(path: str, names: list[str], every: int) -> int:
    import fsspec
    import polars as pl

    with fsspec.open(path, "rb") as file:
        if path.endswith("parquet"):
            frame = pl.read_parquet(file, columns=names)
        else:
            frame = pl.read_ndjson(file, schema=dict.fromkeys(names, pl.String), ignore_errors=True)
        return len(frame.gather_every(every))


ENGINES: dict[str, Callable[[str, list[str], int], int]] = {
    "pyarrow": by_pyarrow,
    "duckdb": by_duckdb,
    "polars": by_polars,
}
JOBS = {"names and hashes": (FIRST, 1), f"attributes of 1 in {EVERY}": (THEN, EVERY)}


def measure_here(engine: str, job: str, path: str, small: str) -> dict[str, Any]:
    names, every = JOBS[job]
    ENGINES[engine](small, names, every)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before, cpu = memory("VmRSS"), time.process_time()
    rows = ENGINES[engine](path, names, every)
    return {"cpu": time.process_time() - cpu, "extra_mb": memory("VmHWM") - before, "rows": rows}


def measure(*arguments: str) -> dict[str, Any]:
    one = ["-m", "benchmarks.engines", "--one", *arguments]
    environment = os.environ | {"POLARS_MAX_THREADS": "1", "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, *one], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure_here(*arguments.one)))
        return
    for engine in ENGINES:
        if find_spec(engine) is None:
            print(f"{engine} is not installed; skipped.")
    print("| table | job | engine | CPU seconds | extra MB |\n|---|---|---|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for form in ("parquet", "jsonl"):
            table, small = (Path(folder, f"{name}.{form}") for name in ("table", "small"))
            write_table(table, arguments.rows)
            write_table(small, 100)
            for where, prefix in (("local", ""), ("fsspec", "file://")):
                for job in JOBS:
                    for engine in filter(find_spec, ENGINES):
                        figures = measure(engine, job, f"{prefix}{table}", f"{prefix}{small}")
                        print(
                            f"| {form}, {where} | {job} | {engine} | {figures['cpu']:.2f} "
                            f"| {figures['extra_mb']:.0f} |",
                            flush=True,
                        )


if __name__ == "__main__":
    main()
