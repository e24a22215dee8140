"""The warehouse example, run by Airflow with PostgreSQL."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.airflow.running import RunDag
from tests.stack.postgres import postgres_server

psycopg2 = pytest.importorskip("psycopg2", reason="make test-warehouse installs it")
pytest.importorskip("airflow.providers.postgres", reason="make test-warehouse installs it")

pytestmark = pytest.mark.airflow_db

DAG_ID = "example_imagekit_warehouse_duplicates"
EXAMPLE = Path(__file__).parents[2] / f"example_dags/{DAG_ID}.py"


@pytest.mark.usefixtures("connection")
def test_the_warehouse_finds_the_duplicates_of_the_library(
    run_dag: RunDag, imagekit: ImageKitEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "library.jsonl"
    with postgres_server() as address:
        if address is None:
            pytest.skip("PostgreSQL is not installed.")
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"postgres://{address}")
        for _ in range(2):  # a second run replaces the output of the first one
            run = run_dag(EXAMPLE.read_text("utf-8"), DAG_ID, table=table.as_uri())
            assert run.state == "success", run.log[-4000:]
        database = psycopg2.connect(f"postgresql://{address}")
        with database, database.cursor() as cursor:
            cursor.execute("SELECT id, other_id, distance FROM near_duplicates")
            found = {(*sorted(row[:2]), row[2]) for row in cursor.fetchall()}
        database.close()
    rows = [json.loads(line) for line in table.read_text("utf-8").splitlines()]
    hashes = {row["file_id"]: int(row["phash"], 16) for row in rows if row["phash"]}
    expected = {
        (*sorted((one, other)), (bits ^ bits_of_other).bit_count())
        for (one, bits), (other, bits_of_other) in combinations(hashes.items(), 2)
        if bits and bits_of_other and (bits ^ bits_of_other).bit_count() <= 8
    }
    assert found == expected
    assert expected
