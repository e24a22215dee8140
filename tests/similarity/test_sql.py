from __future__ import annotations

import pytest

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.similarity.sql import Dialect, near_duplicates_sql
from tests.similarity.hashed_library import near_pairs, rows_of_library

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("radius", [0, 4, 8])
@pytest.mark.parametrize("rows", [2_000, 1_000_000])
def test_duckdb_finds_the_pairs_that_the_search_finds(radius: int, rows: int) -> None:
    duckdb = pytest.importorskip("duckdb")
    expected = near_pairs(radius)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE library (file_id VARCHAR, phash VARCHAR)")
        connection.executemany("INSERT INTO library VALUES (?, ?)", rows_of_library())
        found = connection.execute(near_duplicates_sql(dialect="duckdb", radius=radius, rows=rows)).fetchall()
    assert len(found) == len(set(found)), "a pair occurs twice"
    assert set(found) == expected
    assert radius == 0 or expected


@pytest.mark.parametrize("dialect", list(Dialect))
def test_the_sql_of_each_dialect_has_the_given_names(dialect: str) -> None:
    text = near_duplicates_sql(
        dialect=dialect, radius="strict", rows=10**6, table="a.b", id_column="i", phash_column="p"
    )
    assert "SELECT i AS id" in text
    assert "FROM a.b WHERE p IS NOT NULL" in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"dialect": "oracle"}, "dialect is 'oracle'"),
        ({"radius": 20}, "use 16 or less"),
        ({"table": "a; DROP TABLE b"}, "table is"),
        ({"phash_column": "p)"}, "phash_column is"),
    ],
)
def test_invalid_sql_arguments_are_refused(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ImageKitInputError, match=text):
        near_duplicates_sql(**{"dialect": "duckdb", "radius": 4, "rows": 10} | arguments)
