"""Read one table in three ways: by rows, by columns in memory, and by columns on demand."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitInputError
from airflow_provider_imagekit.io.object_storage import StoredTable
from airflow_provider_imagekit.io.tables import columns_of, read_rows
from airflow_provider_imagekit.io.text_columns import listed
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.picture_columns import (
    KeptColumns,
    Pictures,
    TakenAttributes,
    read_pictures,
)
from airflow_provider_imagekit.similarity.records import HashRecord, columns_in_use, read_records

TEXTS = st.one_of(st.text(max_size=5), st.sampled_from(["", "\x00", "é\u0301", "\ud800", "x" * 5000]))
HASHES = st.one_of(
    st.none(),
    st.integers(0, 2**64 - 1).map(lambda bits: f"{bits:016x}"),
    st.sampled_from(["", "0", "F06830CA9F1E3E90", "f068 30ca9f1e3e9", "0x00000000000000", "xyz", "٣" * 16]),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"fileId": st.one_of(TEXTS, st.none()), "pHash": HASHES},
        optional={
            "deleted_at": st.sampled_from([None, "", "2026-01-01T00:00:00Z"]),
            "path": TEXTS,
            "width": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
            "unused": TEXTS,
        },
    ),
    min_size=1,
    max_size=12,
)
IN_USE = columns_in_use("", "", ("path", "width"))
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("fileId", "pHash", "deleted_at", "path", "unused")]
    + [("width", pa.int64())]
)


def by_rows(rows: list[dict[str, Any]]) -> list[Any]:
    return [
        (record.id, record.phash, record.get("path"), record.get("width")) for record in read_records(rows)
    ]


def shown(pictures: Pictures) -> list[Any]:
    numbers = range(len(pictures))
    pictures.load(("path", "width"), numbers)
    hashes = map(pictures.phash, numbers)
    properties = (pictures.values(name, numbers) for name in ("path", "width"))
    return list(zip(listed(pictures.ids), hashes, *map(listed, properties), strict=True))


def stored(path: Path, *, taken: bool) -> list[Any]:
    with StoredTable(str(path)) as table:
        assert table.can_take == (path.suffix == ".parquet")
        attributes = TakenAttributes(table) if taken else KeptColumns()
        return shown(read_pictures(table.columns(IN_USE), attributes))


def result_of(read: Any, *arguments: Any, **options: Any) -> Any:
    """Return the result of a read, or the message of its error."""
    try:
        return read(*arguments, **options)
    except ImageKitError as error:
        return (
            error.message.partition(": ")[2]
            if ".parquet" in error.message or ".jsonl" in error.message
            else error.message
        )


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(ROWS)
def test_all_ways_read_the_same_or_name_the_same_row(rows: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        lines = Path(folder, "table.jsonl")
        lines.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        with lines.open("rb") as file:
            clean = list(read_rows(file, "jsonl"))
        expected = result_of(by_rows, clean)
        assert result_of(lambda: shown(read_pictures(columns_of(clean, IN_USE), KeptColumns()))) == expected
        assert result_of(stored, lines, taken=False) == expected
        table = Path(folder, "table.parquet")
        pq.write_table(pa.Table.from_pylist(clean, schema=SCHEMA), table, row_group_size=5)
        assert result_of(stored, table, taken=True) == expected
        assert result_of(stored, table, taken=False) == expected


def test_columns_of_a_few_rows_are_read_from_many_batches(tmp_path: Path) -> None:
    count = 200_000
    columns = {
        "id": [str(number) for number in range(count)],
        "pHash": ["1"] * count,
        "path": [f"/{number}" for number in range(count)],
        "deleted_at": [None if number % 3 else "2026" for number in range(count)],
    }
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table(columns), path)
    with StoredTable(str(path)) as table:
        pictures = read_pictures(table.columns(columns_in_use("", "")), TakenAttributes(table))
        wanted = [0, 5, 70_000, len(pictures) - 1]
        pictures.load(["path"], wanted)
        expected = [f"/{pictures.ids[number]}" for number in wanted]
        assert listed(pictures.values("path", wanted)) == expected
        assert listed(pictures.values("path", wanted[::-1])) == expected[::-1]
        assert [record.get("path") for record in pictures.records(wanted)] == expected


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"sku": ["a"], "pHash": ["1"]}, "Row 1 has no 'fileId'"),
        ({"id": ["a"], "h": ["1"]}, "no column 'pHash'"),
    ],
)
def test_a_table_without_the_columns_is_refused_with_a_list_of_its_columns(columns: Any, text: str) -> None:
    with pytest.raises(ImageKitInputError, match=f"{text}.*the columns are: {', '.join(columns)}"):
        read_pictures([columns], KeptColumns())


def test_empty_objects_far_down_are_refused_with_their_row() -> None:
    rows = [*[{"id": "a", "pHash": "1"}] * 5_000, *[{}] * 5_000]
    with pytest.raises(ImageKitInputError, match=r"Row 5001 has no 'id'"):
        read_pictures(columns_of(rows, columns_in_use("", "")), KeptColumns())
    rows = [*[{"id": "a", "pHash": "1"}] * 8_192, {}]
    with pytest.raises(ImageKitInputError, match=r"Row 8193 has no 'id'"):
        read_pictures(columns_of(rows, columns_in_use("", "")), KeptColumns())


def test_pictures_that_are_known_with_the_same_hash_are_left_out() -> None:
    def table(**hashes: int | None) -> Pictures:
        return Pictures.of_records(
            HashRecord(name, None if bits is None else PHash(bits), {"path": f"/{name}"})
            for name, bits in hashes.items()
        )

    left = table(a=1, b=2, c=None, d=0, e=5).not_in(table(a=1, b=3, c=None, d=None))
    assert shown(left) == [
        ("b", PHash(2), "/b", None),
        ("d", PHash(0), "/d", None),
        ("e", PHash(5), "/e", None),
    ]
