"""
Compare the search for near-duplicates with other methods: time, peak memory, and whether all find the same
pairs.

Run it with ``python -m benchmarks.near_duplicates``; the dependency groups ``benchmark`` and ``engines`` have
the other packages. Packages that are not installed are named and skipped. Each figure comes from a separate
process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from airflow_provider_imagekit.similarity.pairs.neighbours import NeighbourGraph
from airflow_provider_imagekit.similarity.pairs.pairs import without_numpy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
from contextlib import suppress

SIZES = (10_000, 100_000, 1_000_000)
RADII = (4, 6, 8, 10)
SEED = 1


def make_hashes(count: int) -> np.ndarray:
    """Return hashes: four fifths unrelated, one fifth in clusters of 2 to 10 with up to 5 bits flipped."""
    rng = np.random.default_rng(SEED)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    position = count - count // 5
    while position < count:
        size = min(int(rng.integers(2, 11)), count - position)
        for copy in range(1, size):
            flips = rng.choice(64, int(rng.integers(0, 6)), replace=False)
            hashes[position + copy] = hashes[position] ^ np.bitwise_or.reduce(
                np.uint64(1) << flips.astype(np.uint64), initial=np.uint64(0)
            )
        position += size
    return rng.permutation(hashes)


# Each method takes the hashes and the radius, and returns the number of pairs at each distance up to it.


def ours_numpy(hashes: list[int], radius: int) -> list[int]:
    return NeighbourGraph(hashes, (), radius=radius, max_pairs=10**9).distance_counts()


def ours_python(hashes: list[int], radius: int) -> list[int]:
    with without_numpy():
        return NeighbourGraph(hashes, (), radius=radius, max_pairs=10**9).distance_counts()


def numpy_all_with_all(hashes: list[int], radius: int) -> list[int]:
    array = np.array(hashes, dtype=np.uint64)
    counts = np.zeros(65, dtype=np.int64)
    for position in range(len(array) - 1):
        distances = np.bitwise_count(array[position + 1 :] ^ array[position])
        counts += np.bincount(distances[distances <= radius], minlength=65)
    return counts[: radius + 1].tolist()


def python_all_with_all(hashes: list[int], radius: int) -> list[int]:
    counts = [0] * 65
    for one, other in combinations(hashes, 2):
        counts[(one ^ other).bit_count()] += 1
    return counts[: radius + 1]


def faiss_flat(hashes: list[int], radius: int) -> list[int]:
    import faiss

    codes = np.array(hashes, dtype=np.uint64).view(np.uint8).reshape(-1, 8)
    index = faiss.IndexBinaryFlat(64)
    index.add(codes)
    _, distances, _ = index.range_search(codes, radius + 1)  # faiss excludes the radius itself
    counts = np.bincount(np.asarray(distances, dtype=np.int64), minlength=65)
    counts[0] -= len(hashes)
    return (counts[: radius + 1] // 2).tolist()


def faiss_multi_hash(hashes: list[int], radius: int) -> list[int]:
    """Use four 16-bit chunks: hashes within the radius differ in at most radius // 4 bits of one."""
    import faiss

    codes = np.array(hashes, dtype=np.uint64).view(np.uint8).reshape(-1, 8)
    index = faiss.IndexBinaryMultiHash(64, 4, 16)
    index.nflip = radius // 4
    index.add(codes)
    _, distances, _ = index.range_search(codes, radius + 1)
    counts = np.bincount(np.asarray(distances, dtype=np.int64), minlength=65)
    counts[0] -= len(hashes)
    return (counts[: radius + 1] // 2).tolist()


def duckdb_join(hashes: list[int], radius: int) -> list[int]:
    import duckdb
    import pyarrow as pa

    from airflow_provider_imagekit.similarity.sql import near_duplicates_sql

    query = near_duplicates_sql(dialect="duckdb", radius=radius, rows=len(hashes))
    with duckdb.connect() as connection:
        texts = {"file_id": range(len(hashes)), "phash": [f"{bits:016x}" for bits in hashes]}
        connection.register("given", pa.table({name: list(column) for name, column in texts.items()}))
        connection.execute("CREATE TABLE library AS SELECT * FROM given")
        found = connection.execute(f"SELECT distance, count(*) FROM ({query}) GROUP BY 1").fetchall()
    counts = dict(found)
    return [counts.get(distance, 0) for distance in range(radius + 1)]


class Sampled(Exception):  # noqa: N818 - no error
    """A method so slow that only some queries were made: their share, and the clocks at the first."""


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _sample(hashes: list[int], query: Callable[[int], object], seconds: float = 4.0) -> Sampled:
    first, made = _clocks(), 0
    while made < len(hashes) and time.perf_counter() - first[0] < seconds:
        query(hashes[made])
        made += 1
    return Sampled(made / len(hashes), first)


def imagededup_brute_force(hashes: list[int], radius: int) -> list[int]:
    from imagededup.handlers.search.brute_force_cython import BruteForceCython

    search = BruteForceCython({str(i): f"{bits:016x}" for i, bits in enumerate(hashes)}, None)
    raise _sample(hashes, lambda bits: search.search(f"{bits:016x}", tol=radius))


def pybktree_tree(hashes: list[int], radius: int) -> list[int]:
    import pybktree

    tree = pybktree.BKTree(lambda one, other: (one ^ other).bit_count(), hashes)
    raise _sample(hashes, lambda bits: tree.find(bits, radius))


#: Name, method, module it needs, the largest number of hashes to try it with.
METHODS: list[tuple[str, Callable[[list[int], int], list[int]], str, int]] = [
    ("this package, NumPy", ours_numpy, "numpy", 10**7),
    ("this package, pure Python", ours_python, "sys", 100_000),
    ("faiss IndexBinaryFlat", faiss_flat, "faiss", 100_000),
    ("faiss IndexBinaryMultiHash(64, 4, 16), nflip = radius // 4", faiss_multi_hash, "faiss", 100_000),
    ("DuckDB, near_duplicates_sql", duckdb_join, "duckdb", 10**6),
    ("NumPy, all with all", numpy_all_with_all, "numpy", 100_000),
    ("Python, all with all", python_all_with_all, "sys", 10_000),
    ("imagededup brute force (C++)", imagededup_brute_force, "imagededup", 100_000),
    ("pybktree", pybktree_tree, "pybktree", 100_000),
]


def _memory(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) / 1024


def measure_here(number: int, file: str, radius: int) -> dict[str, object]:
    """Run one method in this process."""
    method = METHODS[number][1]
    hashes = np.load(file).tolist()
    with suppress(Sampled):
        method(hashes[:300], radius)  # exclude the imports from the figure
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _memory("VmRSS")
    begin = _clocks()
    try:
        counts, share, first = method(hashes, radius), 1.0, begin
    except Sampled as stopped:
        counts, (share, first) = None, stopped.args
    seconds, cpu = (
        before - start + (end - before) / share
        for start, before, end in zip(begin, first, _clocks(), strict=True)
    )
    return {
        "seconds": seconds,
        "cpu": cpu,
        "sampled": share < 1,
        "counts": counts,
        "extra_mb": max(0.0, _memory("VmHWM") - before),
    }


def measure(number: int, file: Path, radius: int, repeat: int) -> dict[str, object]:
    """Run one method in separate processes, and return the figures of the fastest run."""
    return min((_measure(number, file, radius) for _ in range(repeat)), key=lambda result: result["seconds"])


def _measure(number: int, file: Path, radius: int) -> dict[str, object]:
    one = ["--one", str(number), str(file), str(radius)]
    command = [sys.executable, "-m", "benchmarks.near_duplicates", *one]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def compare(sizes: Sequence[int], radii: Sequence[int], repeat: int) -> None:
    for name, _, module, _ in METHODS:
        if find_spec(module) is None:
            print(f"{name}: {module} is not installed; skipped.")
    print("| hashes | radius | method | seconds | CPU seconds | extra MB | same pairs |")
    print("|---:|---:|---|---:|---:|---:|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            file = Path(folder, f"{size}.npy")
            np.save(file, make_hashes(size))
            for radius in radii:
                expected = None
                for number, (name, _, module, largest) in enumerate(METHODS):
                    if size > largest or find_spec(module) is None:
                        continue
                    result = measure(number, file, radius, repeat)
                    expected = expected or result["counts"]
                    same = "" if result["counts"] is None else "yes" if result["counts"] == expected else "NO"
                    about = "≈ " if result["sampled"] else ""
                    print(
                        f"| {size:,} | {radius} | {name} | {about}{result['seconds']:.3g} "
                        f"| {about}{result['cpu']:.3g} | {result['extra_mb']:.0f} | {same} |",
                        flush=True,
                    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--radii", type=int, nargs="+", default=RADII)
    parser.add_argument("--repeat", type=int, default=1, help="number of runs, of which the fastest counts")
    parser.add_argument("--one", nargs=3, metavar=("METHOD", "FILE", "RADIUS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        method, file, radius = arguments.one
        print(json.dumps(measure_here(int(method), file, int(radius))))
    else:
        compare(arguments.sizes, arguments.radii, arguments.repeat)


if __name__ == "__main__":
    main()
