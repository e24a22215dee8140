"""
Measure a bank of hashes: the time to load it and the time of a query; every result is verified.

    python -m benchmarks.bank                             # 10**6 hashes, from local disk and through fsspec
    python -m benchmarks.bank --size 10000000 --formats parquet --load-only

faiss is measured, too, if it is installed.
"""

from __future__ import annotations

import argparse
import time
from array import array
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING

import numpy as np
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_imagekit.compat import ObjectStoragePath
from airflow_provider_imagekit.gates.bank_files import load_bank
from airflow_provider_imagekit.gates.references import BankFile
from airflow_provider_imagekit.io.tables import write_rows
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.bank import PHashBank
from airflow_provider_imagekit.similarity.pairs.pairs import without_numpy
from airflow_provider_imagekit.similarity.picture_columns import KeptColumns, Pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUERIES = 100
RADIUS = 8


def write_bank(file: IO[bytes], hashes: np.ndarray, table_format: str) -> None:
    rows = ({"fileId": f"{i:024x}", "pHash": f"{bits:016x}"} for i, bits in enumerate(hashes.tolist()))
    write_rows(file, rows, {"fileId": str, "pHash": str}, table_format)


def load_times(hashes: np.ndarray, formats: list[str]) -> Iterator[tuple[str, float, float, PHashBank]]:
    """Yield the name of what was loaded, CPU seconds, elapsed seconds, and the bank."""
    attach("memory", fs=MemoryFileSystem())
    with TemporaryDirectory() as folder:
        # The first file that a process opens makes Airflow load its plugins.
        first = Path(folder, "first.jsonl")
        with first.open("wb") as file:
            write_bank(file, hashes[:1], "jsonl")
        load_bank(BankFile(str(first)), frozenset())
        for table_format in formats:
            local = Path(folder, f"bank.{table_format}")
            with local.open("wb") as file:
                write_bank(file, hashes, table_format)
            stored = f"memory://banks/{local.name}"
            ObjectStoragePath(stored).write_bytes(local.read_bytes())
            for where, path in (("this machine", str(local)), ("fsspec", stored)):
                wall, cpu = time.perf_counter(), time.process_time()
                bank = load_bank(BankFile(path), frozenset())
                yield (
                    f"{table_format}, {where}",
                    time.process_time() - cpu,
                    time.perf_counter() - wall,
                    bank,
                )
            ObjectStoragePath(stored).unlink()


def make_queries(hashes: np.ndarray) -> dict[str, list[PHash]]:
    rng = np.random.default_rng(2)
    near = rng.choice(hashes, QUERIES) ^ (np.uint64(1) << rng.integers(0, 64, QUERIES, dtype=np.uint64))
    unrelated = rng.integers(0, 2**64, QUERIES, dtype=np.uint64)
    return {
        "near": [PHash(int(bits)) for bits in near],
        "unrelated": [PHash(int(bits)) for bits in unrelated],
    }


def timed(query: Callable[[PHash], object], queries: list[PHash]) -> tuple[str, list[object]]:
    times, results = [], []
    for phash in queries:
        begin = time.perf_counter()
        results.append(query(phash))
        times.append((time.perf_counter() - begin) * 1000)
    return f"{median(times):.2f} | {max(times):.2f}", results


def faiss_query(hashes: np.ndarray) -> Callable[[PHash], int]:
    import faiss

    index = faiss.IndexBinaryFlat(64)
    index.add(hashes.view(np.uint8).reshape(-1, 8))

    def nearest(phash: PHash) -> int:
        code = np.array([phash.bits], dtype=np.uint64).view(np.uint8).reshape(1, 8)
        return int(index.search(code, 1)[0][0][0])

    return nearest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    formats = ["jsonl", "csv", *(["parquet"] if find_spec("pyarrow") else [])]
    parser.add_argument("--formats", nargs="+", default=formats)
    parser.add_argument("--load-only", action="store_true")
    arguments = parser.parse_args()
    hashes = np.random.default_rng(1).integers(1, 2**64, arguments.size, dtype=np.uint64)
    print("| load | CPU seconds | seconds |\n|---|---:|---:|", flush=True)
    banks = {}
    for what, cpu, wall, bank in load_times(hashes, arguments.formats):
        print(f"| {what} | {cpu:.2f} | {wall:.2f} |", flush=True)
        banks = {"NumPy": bank}
    if arguments.load_only:
        return
    with without_numpy():
        pictures = Pictures(
            [f"{i:024x}" for i in range(len(hashes))], array("Q", hashes.tobytes()), set(), KeptColumns()
        )
        banks["pure Python"] = PHashBank(pictures)
    queries = make_queries(hashes)
    truth = {
        kind: [int(np.bitwise_count(hashes ^ np.uint64(phash.bits)).min()) for phash in several]
        for kind, several in queries.items()
    }

    print("\n| query | hashes near it | median ms | slowest ms | all right |\n|---|---|---:|---:|---|")
    for kind, several in queries.items():
        for name, bank in banks.items():
            figures, results = timed(bank.nearest, several)
            right = [match.distance for match in results] == truth[kind]
            print(f"| nearest, {name} | {kind} | {figures} | {'yes' if right else 'NO'} |", flush=True)
            figures, results = timed(lambda phash, bank=bank: bank.within(phash, RADIUS), several)
            right = all(
                bool(count) == (least <= RADIUS)
                for (_, count), least in zip(results, truth[kind], strict=True)
            )
            print(
                f"| within {RADIUS}, {name} | {kind} | {figures} | {'yes' if right else 'NO'} |", flush=True
            )
        if find_spec("faiss"):
            figures, results = timed(faiss_query(hashes), several)
            right = results == truth[kind]
            print(f"| nearest, faiss flat | {kind} | {figures} | {'yes' if right else 'NO'} |", flush=True)


if __name__ == "__main__":
    main()
