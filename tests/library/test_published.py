"""A table that was edited by hand is restored by the next run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from airflow_provider_imagekit.io.tables import TableFormat, format_of, json_line
from airflow_provider_imagekit.library.table.files import write_table
from tests.library.nightly import Nightly

pytestmark = pytest.mark.slow

LISTED_ALONE = (2, 0)  # one page, and the call that confirms the end


def rewrite(table: Path, rows: list[dict[str, Any]], names: list[str]) -> None:
    """Write some columns of a table in this package's format."""
    form = format_of(table.name)
    with table.open("wb") as stream:
        write_table(stream, rows, form)
    if form is TableFormat.PARQUET:
        parquet.write_table(parquet.read_table(table, columns=names), table)
    else:
        table.write_bytes(b"".join(json_line({name: row[name] for name in names}) for row in rows))


def test_values_edited_by_hand_are_replaced(nightly: Nightly) -> None:
    nightly.run()
    before = nightly.rows()
    edited = nightly.rows()
    edited[5]["exif"]["gps"] = {"GPSLatitude": [48, 30, 0]}
    edited[6] |= {"latitude": 48.5, "longitude": 9.25}
    edited[7]["other"] = {"owner": "a person"}
    edited[8]["name"] = "another"
    rewrite(nightly.output, edited, list(edited[0]))
    nightly.calls()
    nightly.run()
    assert (nightly.calls(), nightly.rows()) == (LISTED_ALONE, before)


def test_columns_missing_from_a_table_are_added_with_nulls(nightly: Nightly) -> None:
    nightly.run()
    before = nightly.rows()
    rewrite(nightly.output, before, [name for name in before[0] if name not in ("exif", "has_gps")])
    nightly.calls()
    nightly.run()
    assert nightly.calls() == LISTED_ALONE
    assert nightly.rows() == [row | {"exif": None, "has_gps": None} for row in before]
