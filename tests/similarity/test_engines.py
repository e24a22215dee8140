"""A library gives the same groups, pairs and counts with and without PyArrow and NumPy."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_imagekit.io.object_storage import StoredTable
from airflow_provider_imagekit.similarity.near_duplicates import NearDuplicates, find_near_duplicates
from airflow_provider_imagekit.similarity.picture_columns import Pictures, TakenAttributes, read_pictures
from airflow_provider_imagekit.similarity.records import columns_in_use, read_records
from airflow_provider_imagekit.similarity.survivors import SurvivorPolicy
from tests.similarity.samples import by, flip

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from pathlib import Path

#: Use 100000 for a thorough run.
ROWS = int(os.environ.get("IMAGEKIT_TEST_ROWS", "600"))
SHUFFLES = 20
NAMES = ("a.jpg", 'q"uo.png', "com,ma.webp", "new\nline", "ünï.jpeg", "<b>.gif", "\x01c", "noending")
POLICIES = (
    SurvivorPolicy(),
    SurvivorPolicy(("largest", "newest", "most_pixels")),
    SurvivorPolicy(folders=("/x/3", "b"), formats=("png",)),
)


def mixed_rows() -> list[dict[str, Any]]:
    """Return rows, some of them near, equal, crowded, flat, deleted, or without a hash or properties."""
    pick = random.Random(5)
    centres = [pick.getrandbits(64) for _ in range(ROWS // 4)]
    rows = []
    for number in range(ROWS):
        bits = flip(
            centres[0] if number % 5 == 0 else pick.choice(centres), pick.choices(range(64), k=number % 4)
        )
        name = pick.choice(NAMES)
        rows.append(
            {
                "file_id": f"{number}{name}",
                "phash": pick.choice([f"{bits:016x}"] * 20 + [None, "", "0" * 16, f"{bits:016X}"]),
                "path": pick.choice([f"/x/{number % 7}/{name}", name, "", None, f"b/{name}"]),
                "url": pick.choice([f"https://ik.imagekit.io/d/{number}.jpg", "", None, "javascript:x"]),
                "width": pick.choice([None, 0, 100, 200, 10**16, -5]),
                "height": pick.choice([None, 100, 200]),
                "size": pick.choice([None, 1000, 1200, 1300, 5000]),
                "created_at": pick.choice([None, "", "2026-01-01T00:00:00.000Z", "2024-02-02", "nonsense"]),
                "format": pick.choice([None, "jpg", "JPEG", "png"]),
                "deleted_at": None if number % 50 else "2026-01-01T00:00:00Z",
            }
        )
    return rows


def result_of(found: NearDuplicates) -> tuple[Any, ...]:
    pairs = {frozenset((row["id"], row["other_id"])): row["distance"] for row in found.pair_rows()}
    return found.counts(), list(found.group_rows()), pairs, sorted(map(str, found.unmatched_preferences))


def by_columns(rows: list[dict[str, Any]], path: Path, policy: SurvivorPolicy) -> tuple[Any, ...]:
    kinds = {int: pa.int64(), str: pa.string()}
    types = {"width": int, "height": int, "size": int}
    schema = pa.schema([(name, kinds[types.get(name, str)]) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, row_group_size=ROWS // 3)
    with StoredTable(str(path)) as table:
        pictures = read_pictures(table.columns(columns_in_use("", "")), TakenAttributes(table))
        return result_of(find_near_duplicates(pictures, radius=4, policy=policy))


def by_records(rows: list[dict[str, Any]], policy: SurvivorPolicy) -> tuple[Any, ...]:
    return result_of(find_near_duplicates(Pictures.of_records(read_records(rows)), radius=4, policy=policy))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.deciding[0])
def test_engines_and_the_order_of_rows_make_no_difference(policy: SurvivorPolicy, tmp_path: Path) -> None:
    rows = mixed_rows()
    expected = by(False, by_records, rows, policy)
    assert expected[0]["groups"] > ROWS // 12
    assert expected[2]
    for seed in range(SHUFFLES):
        random.Random(seed).shuffle(rows)
        assert by_columns(rows, tmp_path / "library.parquet", policy) == expected
        assert by(seed % 2 == 0, by_records, rows, policy) == expected
