"""
Compare this package with other ways to fetch a library's metadata.

    python -m benchmarks.library                    # 1,000 and 10,000 files; some minutes
    python -m benchmarks.library --files 100000     # half an hour
    python -m benchmarks.library --limit 40 --files 5000

All contenders list the same library and write one JSON line per file, each in a separate process, against a
local server that responds after 100 ms. Runs that would take hours are measured over fewer files,
extrapolated in proportion, and marked with a tilde. The mapped HttpOperator (it needs
apache-airflow-providers-http) runs with ``dag.test()``, so its figures exclude scheduler and executor, which
add some seconds per task.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.library_mapped import run_mapped
from benchmarks.library_server import running, statistics

KEY = "private_benchmark"
LATENCY = 0.1
# Concurrent calls of the asynchronous SDK: the number of sockets that its HTTP library keeps by default.
AT_ONCE = 100


@dataclass(frozen=True)
class Job:
    """The address and size of a library, its rate limit, and a folder for the table."""

    address: str
    files: int
    rate: float
    folder: Path


def provider(job: Job) -> int:
    return _provider(job, "library.jsonl")


def provider_parquet(job: Job) -> int:
    return _provider(job, "library.parquet")


def _provider(job: Job, name: str) -> int:
    from airflow_provider_imagekit.client import ImageKitClient
    from airflow_provider_imagekit.library.run import LibraryRun, RunSettings
    from airflow_provider_imagekit.library.sources import Search

    client = ImageKitClient(KEY, base_url=job.address, requests_per_second=job.rate or None)
    output = job.folder / name
    with LibraryRun(client, Search(), output, RunSettings(), run="one", run_time=datetime.now(UTC)) as run:
        plan = run.plan()
        run.fetch(plan)
        return run.publish()["fetched"]


def sdk_loop(job: Job) -> int:
    """Fetch with the official SDK in a loop."""
    from imagekitio import ImageKit, ImageKitError

    client, done = ImageKit(private_key=KEY, base_url=job.address), 0
    with (job.folder / "library.jsonl").open("w") as stream:
        for skip in range(0, job.files, 1000):
            page = client.assets.list(limit=min(1000, job.files - skip), skip=skip)
            for file in page:
                try:
                    metadata = client.files.metadata.get(file.file_id)
                except ImageKitError:
                    continue
                stream.write(json.dumps({**file.to_dict(), **metadata.to_dict()}, default=str) + "\n")
                done += 1
    return done


def sdk_gather(job: Job) -> int:
    """Fetch with the official asynchronous SDK; without the semaphore, 10,000 calls exhaust httpx's pool."""
    from imagekitio import AsyncImageKit

    async def fetch() -> int:
        done = 0
        async with AsyncImageKit(private_key=KEY, base_url=job.address) as client:
            listed = []
            for skip in range(0, job.files, 1000):
                listed += await client.assets.list(limit=1000, skip=skip)
            at_once = asyncio.Semaphore(AT_ONCE)

            async def one(file_id: str) -> Any:
                async with at_once:
                    return await client.files.metadata.get(file_id)

            responses = await asyncio.gather(*[one(f.file_id) for f in listed], return_exceptions=True)
        with (job.folder / "library.jsonl").open("w") as stream:
            for file, metadata in zip(listed, responses, strict=True):
                if not isinstance(metadata, BaseException):
                    stream.write(json.dumps({**file.to_dict(), **metadata.to_dict()}, default=str) + "\n")
                    done += 1
        return done

    return asyncio.run(fetch())


MAPPED, HTTP_PROVIDER = "HttpOperator, mapped", "apache-airflow-providers-http"
CONTENDERS: dict[str, Callable[[Job], int]] = {
    "this package, JSON Lines": provider,
    "this package, Parquet": provider_parquet,
    "imagekitio in a loop": sdk_loop,
    "AsyncImageKit with gather": sdk_gather,
}
# The last contender needs Airflow's HTTP provider. Finding it as a module would load Airflow: 100 MB.
NAMES = [*CONTENDERS, MAPPED] if any(metadata.distributions(name=HTTP_PROVIDER)) else [*CONTENDERS]
OURS = ["airflow_provider_imagekit.library.run", "airflow_provider_imagekit.client.client"]
# Imports of each contender, done before the clock starts.
MODULES = {
    "this package, JSON Lines": OURS,
    "this package, Parquet": [*OURS, "pyarrow.parquet"],
    "imagekitio in a loop": ["imagekitio", "imagekitio.types"],
    "AsyncImageKit with gather": ["imagekitio", "imagekitio.types"],
}
# Number of files for the contenders that process one file after the other.
ONE_BY_ONE = {"imagekitio in a loop": 300, MAPPED: 30}


def contend(name: str, address: str, files: int, rate: float) -> None:
    """Run one contender in this process, and print its measurements as JSON."""
    logging.disable(logging.WARNING)
    for module in MODULES[name]:
        importlib.import_module(module)
    with tempfile.TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), time.process_time()
        done = CONTENDERS[name](Job(address, files, rate, Path(folder)))
        measured = {
            "seconds": time.perf_counter() - start,
            "cpu": time.process_time() - cpu,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "done": done,
        }
    print(json.dumps(measured))


def measure(name: str, files: int, limit: int) -> dict[str, Any]:
    """Run one contender in a separate process against its own server."""
    part = min(files, ONE_BY_ONE.get(name, files))
    with running(part, LATENCY, limit) as address:
        if name == MAPPED:
            return run_mapped(address, part) | statistics(address) | {"files": files, "part": part}
        command = [sys.executable, "-m", "benchmarks.library", "--contender", name, "--address", address]
        result = subprocess.run(
            [*command, "--files", str(part), "--limit", str(limit)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        )
        measured: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
        return measured | statistics(address) | {"files": files, "part": part}


def line(name: str, m: dict[str, Any], limit: int) -> str:
    about = "~" if m["part"] < m["files"] else ""
    minutes = m["seconds"] * m["files"] / m["part"] / 60
    used = f" {m['answered'] / max(m['seconds_asking'], 0.001) / limit:.1%} |" if limit else ""
    return (
        f"| {name} | {m['files']:,} | {m['part'] / m['seconds']:.1f} | {about}{minutes:.1f} | "
        f"{m['cpu'] / m['part'] * 1000:.2f} | {m['peak_mb']:.0f} | {m['refused']:,} | "
        f"{m['part'] - m['done']:,} |{used}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--limit", type=int, default=0, help="the account's metadata requests a second")
    parser.add_argument("--only", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        contend(arguments.contender, arguments.address, arguments.files[0], arguments.limit)
        return
    limited = " limit used |" if arguments.limit else ""
    print(
        "| | files | files a second | minutes | CPU s per 1,000 files | peak MB | refused | lost |" + limited
    )
    print("|---|---|---|---|---|---|---|---|" + ("---|" if arguments.limit else ""))
    for files in arguments.files:
        for name in arguments.only:
            print(line(name, measure(name, files, arguments.limit), arguments.limit), flush=True)


if __name__ == "__main__":
    main()
