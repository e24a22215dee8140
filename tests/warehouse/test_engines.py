"""The SQL search finds the same pairs in each engine as the package's own search."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import sqlglot
from pyspark.sql import SparkSession

from airflow_provider_imagekit.similarity.sql import Dialect, near_duplicates_sql
from tests.similarity.hashed_library import near_pairs, rows_of_library
from tests.stack.postgres import postgres_server

SNOWFLAKE = Path(__file__).parent / "snowflake_functions.sql"
RADII = pytest.mark.parametrize("radius", [0, 4, 8])
# Each number of rows selects a different plan of the search.
ROWS = pytest.mark.parametrize("rows", [2_000, 1_000_000])


@pytest.fixture(scope="module")
def postgres() -> Iterator[Any]:
    with postgres_server() as address:
        if address is None:
            pytest.skip("PostgreSQL is not installed.")
        database = psycopg2.connect(f"postgresql://{address}")
        with database, database.cursor() as cursor:
            cursor.execute("CREATE TABLE library (file_id text, phash text)")
            cursor.executemany("INSERT INTO library VALUES (%s, %s)", rows_of_library())
            yield cursor
        database.close()


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    home = str(tmp_path_factory.mktemp("spark"))
    options = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": home,
        "spark.local.dir": home,
    }
    logging.getLogger("py4j").setLevel(
        logging.WARNING
    )  # it logs when Python exits, after pytest has closed the log
    session = SparkSession.builder.master("local[2]").config(map=options).getOrCreate()
    session.createDataFrame(rows_of_library(), "file_id string, phash string").createOrReplaceTempView(
        "library"
    )
    yield session
    session.stop()


@RADII
@ROWS
def test_postgresql_finds_the_same_pairs_as_the_search(postgres: Any, radius: int, rows: int) -> None:
    postgres.execute(near_duplicates_sql(dialect="postgres", radius=radius, rows=rows))
    found = postgres.fetchall()
    assert len(found) == len(set(found)), "a pair was returned twice"
    assert set(found) == near_pairs(radius)


@RADII
@ROWS
def test_spark_finds_the_same_pairs_as_the_search(spark: SparkSession, radius: int, rows: int) -> None:
    found = [
        tuple(row)
        for row in spark.sql(near_duplicates_sql(dialect="spark", radius=radius, rows=rows)).collect()
    ]
    assert len(found) == len(set(found)), "a pair was returned twice"
    assert set(found) == near_pairs(radius)


@RADII
@ROWS
def test_the_snowflake_query_finds_them_in_postgresql_with_its_functions_defined(
    postgres: Any, radius: int, rows: int
) -> None:
    postgres.execute("SAVEPOINT functions")
    postgres.execute(SNOWFLAKE.read_text("utf-8"))
    postgres.execute(near_duplicates_sql(dialect="snowflake", radius=radius, rows=rows))
    assert set(postgres.fetchall()) == near_pairs(radius)
    postgres.execute("ROLLBACK TO functions")


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_parser_of_the_dialect_accepts_the_query(dialect: str) -> None:
    text = near_duplicates_sql(dialect=dialect, radius=8, rows=10**6, table="a.library")
    [query] = sqlglot.parse(text, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    assert query is not None
    assert [column.alias_or_name for column in query.selects] == ["id", "other_id", "distance"]
