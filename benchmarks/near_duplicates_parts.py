"""
Report how many parts a search for near-duplicates needs, and the cost of each.

    python -m benchmarks.near_duplicates_parts          # up to 10**6 measured; a minute
    python -m benchmarks.near_duplicates_parts --measure 10000000

A measured search runs all of its parts, each in a separate process, as mapped tasks do. Larger searches are
extrapolated and marked with a tilde: the seconds grow with the planner's number of comparisons, and the
memory with the number of hashes. A search gets enough parts that none takes longer than ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from airflow_provider_imagekit.similarity.pairs.chunks import expected_cost, plan_chunks, steps_of

SIZES = (10**5, 10**6, 10**7, 10**8, 10**9)
RADII = (4, 8)
PART_SECONDS = 600
MAX_PAIRS = 10**9


@dataclass(frozen=True)
class Needs:
    """The cost of a search: CPU seconds of all parts together, and megabytes of the largest part."""

    seconds: float
    megabytes: float
    parts: int
    measured: bool

    def row(self, size: int, radius: int) -> str:
        about, minutes = "" if self.measured else "~", self.seconds / 60
        texts = (f"{self.parts:,}", f"{self.megabytes:,.0f}", f"{minutes:,.{0 if minutes >= 10 else 2}f}")
        return f"| {size:,} | {radius} | {' | '.join(about + text for text in texts)} |"


def cost(size: int, radius: int) -> float:
    """Return the number of comparisons that the planner expects for a search."""
    chunks = plan_chunks(size, None, radius)
    return sum(expected_cost(chunk.width, chunk.budget, size, size, size * size / 2) for chunk in chunks)


def measure(size: int, radius: int, folder: Path, parts: int) -> Needs:
    """Run all parts of a search, one after the other."""
    found = [
        json.loads(subprocess.check_output([sys.executable, "-m", __spec__.name, "--part", *map(str, job)]))
        for job in ((folder / f"hashes-{size}", radius, number, parts) for number in range(parts))
    ]
    seconds = sum(part["seconds"] for part in found)
    return Needs(seconds, max(part["megabytes"] for part in found), parts, measured=True)


def compute(size: int, radius: int, known: dict[int, Needs]) -> Needs:
    """Extrapolate the measured searches to a larger one."""
    (before, smaller), (largest, last) = list(known.items())[-2:]
    seconds = last.seconds * cost(size, radius) / cost(largest, radius)
    per_hash = (last.megabytes - smaller.megabytes) / (largest - before)
    parts = min(max(1, ceil(seconds / PART_SECONDS)), len(steps_of(plan_chunks(size, None, radius))))
    return Needs(seconds, last.megabytes + per_hash * (size - largest), parts, measured=False)


def prepare(size: int, folder: Path) -> None:
    """Write the file of hashes that the parts of a search share."""
    from airflow_provider_imagekit.similarity.pairs.parts import write_hashes
    from benchmarks.near_duplicates import make_hashes

    with (folder / f"hashes-{size}").open("wb") as file:
        write_hashes(file, make_hashes(size).tolist(), [])


def run_part(path: str, radius: str, number: str, of: str) -> None:
    """Run one part, and print its seconds and its peak memory above the imports."""
    import numpy as np  # noqa: F401 - its import is not measured

    from airflow_provider_imagekit.similarity.pairs.parts import search_part
    from benchmarks.near_duplicates_operator import memory

    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before, cpu = memory("VmRSS"), time.process_time()
    with Path(path).open("rb") as hashes, Path(os.devnull).open("wb") as pairs:
        search_part(hashes, pairs, radius=int(radius), max_pairs=MAX_PAIRS, part=(int(number), int(of)))
    used = {"seconds": time.process_time() - cpu, "megabytes": memory("VmHWM") - before}
    print(json.dumps(used))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--measure", type=int, default=10**6, help="largest number of hashes to search")
    parser.add_argument("--parts", type=int, default=1, help="parts of the measured searches")
    parser.add_argument("--part", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        run_part(*arguments.part)
        return
    print("| hashes | radius | parts | MB a worker | CPU minutes of all parts |\n|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="imagekit-benchmark-") as name:
        folder = Path(name)
        known: dict[int, dict[int, Needs]] = {radius: {} for radius in RADII}
        for size in SIZES:
            if size <= arguments.measure:
                prepare(size, folder)
            for radius in RADII:
                if size <= arguments.measure:
                    needs = known[radius][size] = measure(size, radius, folder, arguments.parts)
                else:
                    needs = compute(size, radius, known[radius])
                print(needs.row(size, radius), flush=True)


if __name__ == "__main__":
    main()
