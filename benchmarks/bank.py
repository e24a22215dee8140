"""
Measure one picture against a bank of hashes: time to load it, time of a query, that every answer is right.

Run it with ``python -m benchmarks.bank``; faiss, if installed, is measured beside.
"""

from __future__ import annotations

import argparse
import io
import time
from contextlib import nullcontext
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from airflow_provider_imagekit.io.tables import read_rows, write_rows
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.bank import PHashBank
from airflow_provider_imagekit.similarity.pairs.pairs import without_numpy
from airflow_provider_imagekit.similarity.records import read_records

if TYPE_CHECKING:
    from collections.abc import Callable

QUERIES = 100
RADIUS = 8


def make_table(hashes: np.ndarray, table_format: str) -> io.BytesIO:
    file = io.BytesIO()
    rows = ({"fileId": f"{i:024x}", "pHash": f"{bits:016x}"} for i, bits in enumerate(hashes.tolist()))
    write_rows(file, rows, {"fileId": str, "pHash": str}, table_format)
    file.seek(0)
    return file


def make_queries(hashes: np.ndarray) -> dict[str, list[PHash]]:
    rng = np.random.default_rng(2)
    near = rng.choice(hashes, QUERIES) ^ (np.uint64(1) << rng.integers(0, 64, QUERIES, dtype=np.uint64))
    unrelated = rng.integers(0, 2**64, QUERIES, dtype=np.uint64)
    return {
        "near": [PHash(int(bits)) for bits in near],
        "unrelated": [PHash(int(bits)) for bits in unrelated],
    }


def timed(query: Callable[[PHash], object], queries: list[PHash]) -> tuple[str, list[object]]:
    times, answers = [], []
    for phash in queries:
        begin = time.perf_counter()
        answers.append(query(phash))
        times.append((time.perf_counter() - begin) * 1000)
    return f"{median(times):.2f} | {max(times):.2f}", answers


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
    arguments = parser.parse_args()
    hashes = np.random.default_rng(1).integers(1, 2**64, arguments.size, dtype=np.uint64)
    queries = make_queries(hashes)
    truth = {
        kind: [int(np.bitwise_count(hashes ^ np.uint64(phash.bits)).min()) for phash in several]
        for kind, several in queries.items()
    }

    print("| load | seconds |\n|---|---:|")
    banks = {}
    for table_format in ("jsonl", "csv", *(("parquet",) if find_spec("pyarrow") else ())):
        file = make_table(hashes, table_format)
        for name, numpy in (("NumPy", True), ("pure Python", False)):
            begin = time.perf_counter()
            with nullcontext() if numpy else without_numpy():
                banks[name] = PHashBank(read_records(read_rows(file, table_format)))
            print(f"| {table_format}, {name} | {time.perf_counter() - begin:.1f} |", flush=True)
            file.seek(0)

    print("\n| query | hashes near it | median ms | slowest ms | all right |\n|---|---|---:|---:|---|")
    for kind, several in queries.items():
        for name, bank in banks.items():
            figures, answers = timed(bank.nearest, several)
            right = [match.distance for match in answers] == truth[kind]
            print(f"| nearest, {name} | {kind} | {figures} | {'yes' if right else 'NO'} |", flush=True)
            figures, answers = timed(lambda phash, bank=bank: bank.within(phash, RADIUS), several)
            right = all(
                bool(count) == (least <= RADIUS)
                for (_, count), least in zip(answers, truth[kind], strict=True)
            )
            print(
                f"| within {RADIUS}, {name} | {kind} | {figures} | {'yes' if right else 'NO'} |", flush=True
            )
        if find_spec("faiss"):
            figures, answers = timed(faiss_query(hashes), several)
            right = answers == truth[kind]
            print(f"| nearest, faiss flat | {kind} | {figures} | {'yes' if right else 'NO'} |", flush=True)


if __name__ == "__main__":
    main()
