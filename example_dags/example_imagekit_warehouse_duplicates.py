"""
### Find near-duplicates in a warehouse

If the hashes are in a database, one query finds every pair of near-duplicates there. The result equals that
of `FindNearDuplicatesOperator`. This DAG uses PostgreSQL (the Airflow Connection `warehouse`, package
`apache-airflow-providers-postgres`); there are also dialects for Spark, DuckDB, BigQuery and Snowflake.
"""

from __future__ import annotations

import os
import tempfile

import pendulum
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

from airflow_provider_imagekit.compat import DAG, BaseHook, ObjectStoragePath, Param, task
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.similarity.sql import near_duplicates_sql

HOME = os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())

with DAG(
    dag_id="example_imagekit_warehouse_duplicates",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1},
    params={
        "table": Param(
            f"file://{HOME}/imagekit/warehouse/library.jsonl",
            type="string",
            description="The library's table",
        ),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    library = LibraryMetadataOperator(
        task_id="library", file_type="image", output_path="{{ params.table }}"
    ).output["path"]

    @task
    def load(path: str) -> None:
        """Copy the file ids and hashes of the library into the warehouse."""
        from airflow_provider_imagekit.io.tables import read_rows

        warehouse = BaseHook.get_hook("warehouse")
        warehouse.run(["DROP TABLE IF EXISTS library", "CREATE TABLE library (file_id text, phash text)"])
        with ObjectStoragePath(path).open("rb") as table:
            rows = [
                (row["file_id"], row["phash"]) for row in read_rows(table, "jsonl") if not row["deleted_at"]
            ]
        warehouse.insert_rows("library", rows, target_fields=["file_id", "phash"])

    # [START howto_near_duplicates_sql]
    query = near_duplicates_sql(dialect="postgres", radius="near_duplicate", rows=100_000, table="library")
    find = SQLExecuteQueryOperator(
        task_id="find",
        conn_id="warehouse",
        sql=["DROP TABLE IF EXISTS near_duplicates", f"CREATE TABLE near_duplicates AS {query}"],
    )
    # [END howto_near_duplicates_sql]
    load(library) >> find
