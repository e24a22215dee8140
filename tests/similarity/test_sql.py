from __future__ import annotations

from random import Random

import pytest

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.near_duplicates import find_near_duplicates
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.sql import Dialect, near_duplicates_sql

pytestmark = pytest.mark.slow


def hashes() -> dict[str, int | None]:
    rng = Random(1)
    named: dict[str, int | None] = {"black": 0, "clear": 0, "video": None}
    for number in range(600):
        bits = rng.getrandbits(64)
        for copy in range(1 + number % 3):
            named[f"{number:03}-{copy}"] = bits
            bits ^= 1 << rng.randrange(64)
            bits ^= 1 << rng.randrange(64)
    return named


@pytest.mark.parametrize("radius", [0, 4, 8])
@pytest.mark.parametrize("rows", [2_000, 1_000_000])
def test_duckdb_finds_the_pairs_that_the_search_finds(radius: int, rows: int) -> None:
    duckdb = pytest.importorskip("duckdb")
    named = hashes()
    records = [HashRecord(name, None if bits is None else PHash(bits)) for name, bits in named.items()]
    expected = {
        (*sorted((row["id"], row["other_id"])), row["distance"])
        for row in find_near_duplicates(records, radius=radius).pair_rows()
    }
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE library (file_id VARCHAR, phash VARCHAR)")
        texts = [(name, None if bits is None else f"{bits:x}") for name, bits in named.items()]
        connection.executemany("INSERT INTO library VALUES (?, ?)", texts)
        found = connection.execute(near_duplicates_sql(dialect="duckdb", radius=radius, rows=rows)).fetchall()
    assert len(found) == len(set(found)), "a pair is there twice"
    assert set(found) == expected
    assert radius == 0 or expected


@pytest.mark.parametrize("dialect", list(Dialect))
def test_each_dialect_is_written_with_the_names_that_are_given(dialect: str) -> None:
    text = near_duplicates_sql(
        dialect=dialect, radius="strict", rows=10**6, table="a.b", id_column="i", phash_column="p"
    )
    assert "SELECT i AS id" in text
    assert "FROM a.b WHERE p IS NOT NULL" in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"dialect": "oracle"}, "dialect is 'oracle'"),
        ({"radius": 20}, "stay at 16"),
        ({"table": "a; DROP TABLE b"}, "table is"),
        ({"phash_column": "p)"}, "phash_column is"),
    ],
)
def test_what_cannot_be_written_is_refused(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ImageKitInputError, match=text):
        near_duplicates_sql(**{"dialect": "duckdb", "radius": 4, "rows": 10} | arguments)
