"""A library of random hashes, and the pairs that the search finds in it."""

from __future__ import annotations

from random import Random

from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.near_duplicates import find_near_duplicates
from airflow_provider_imagekit.similarity.records import HashRecord

__all__ = ["near_pairs", "rows_of_library"]


def _hashes() -> dict[str, int | None]:
    rng = Random(1)
    named: dict[str, int | None] = {"black": 0, "clear": 0, "video": None}
    for number in range(600):
        bits = rng.getrandbits(64)
        for copy in range(1 + number % 3):
            named[f"{number:03}-{copy}"] = bits
            bits ^= 1 << rng.randrange(64)
            bits ^= 1 << rng.randrange(64)
    return named


def rows_of_library() -> list[tuple[str, str | None]]:
    """Return name and hash of each file; hashes are without leading zeros, and a video has none."""
    return [(name, None if bits is None else f"{bits:x}") for name, bits in _hashes().items()]


def near_pairs(radius: int) -> set[tuple[str, str, int]]:
    """Return both names, sorted, and the distance of every pair within a radius."""
    records = [HashRecord(name, None if bits is None else PHash(bits)) for name, bits in _hashes().items()]
    rows = find_near_duplicates(records, radius=radius).pair_rows()
    return {(*sorted((row["id"], row["other_id"])), row["distance"]) for row in rows}
