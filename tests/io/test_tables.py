from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import pytest

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.tables import TableFormat, format_of, read_rows, write_rows

COLUMNS = {"id": str, "distance": int, "share": float, "kept": bool}
ROWS = [
    {"id": "a", "distance": 3, "share": 0.5, "kept": True},
    {"id": 'é,"\n<b>', "distance": None, "share": None, "kept": False},
]


def written(rows, table_format: str) -> io.BytesIO:
    file = io.BytesIO()
    assert write_rows(file, rows, COLUMNS, table_format) == len(rows)
    file.seek(0)
    return file


class TestFormat:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("s3://bucket/a.b/hashes.jsonl", "jsonl"),
            ("hashes.NDJSON", "jsonl"),
            ("hashes.csv", "csv"),
            ("hashes.parquet", "parquet"),
        ],
    )
    def test_it_is_told_by_the_ending(self, name, expected):
        assert format_of(name) == expected

    @pytest.mark.parametrize("name", ["hashes", "hashes.xlsx", "", "hashes.csv.gz"])
    def test_another_ending_is_refused_with_the_known_ones(self, name):
        with pytest.raises(ImageKitInputError, match=r"Use \.jsonl, \.csv or \.parquet"):
            format_of(name)


class TestRoundTrip:
    @pytest.mark.parametrize("table_format", ["jsonl", "parquet"])
    def test_rows_come_back_as_they_were(self, table_format):
        assert list(read_rows(written(ROWS, table_format), table_format)) == ROWS

    def test_csv_comes_back_as_text(self):
        rows = list(read_rows(written(ROWS, "csv"), "csv"))
        assert rows[0] == {"id": "a", "distance": "3", "share": "0.5", "kept": "True"}
        assert rows[1]["id"] == ROWS[1]["id"]
        assert rows[1]["distance"] == ""

    @pytest.mark.parametrize("table_format", list(TableFormat))
    def test_no_rows_are_a_readable_table_and_the_file_stays_open(self, table_format):
        file = written([], table_format)
        assert list(read_rows(file, table_format)) == []
        assert not file.closed

    @pytest.mark.parametrize("table_format", ["jsonl", "csv"])
    def test_text_files_are_read_like_binary_ones(self, table_format):
        binary = written(ROWS, table_format)
        text = io.StringIO(binary.getvalue().decode(), newline="")
        assert list(read_rows(text, table_format)) == list(read_rows(binary, table_format))

    def test_a_column_that_is_empty_at_first_keeps_its_type_in_parquet(self):
        rows = [{"id": None, "distance": None, "share": None, "kept": None}] * 60_000
        rows.append(ROWS[0])
        assert list(read_rows(written(rows, "parquet"), "parquet"))[-1] == ROWS[0]


class TestForeignFiles:
    def test_a_byte_order_mark_and_windows_line_ends_pass(self):
        file = io.BytesIO(b"\xef\xbb\xbffileId,pHash\r\na,f06830ca9f1e3e90\r\n")
        assert list(read_rows(file, "csv")) == [{"fileId": "a", "pHash": "f06830ca9f1e3e90"}]
        file = io.BytesIO(b'\xef\xbb\xbf{"fileId": "a"}\r\n\r\n')
        assert list(read_rows(file, "jsonl")) == [{"fileId": "a"}]

    @pytest.mark.parametrize(
        ("content", "message"),
        [(b'{"a": 1}\n{"a"', "Line 2 is not valid JSON"), (b"[1]\n", "Line 1 is not a JSON object")],
    )
    def test_a_broken_line_is_named(self, content, message):
        with pytest.raises(ImageKitInputError, match=message):
            list(read_rows(io.BytesIO(content), "jsonl"))

    def test_without_pyarrow_parquet_says_what_to_install(self):
        program = """
import sys
sys.modules["pyarrow"] = None
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.tables import read_rows
import io
try:
    list(read_rows(io.BytesIO(), "parquet"))
except ImageKitInputError as error:
    print(error)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert "Install airflow-provider-imagekit[parquet]" in done.stdout


def test_csv_is_what_the_standard_library_reads():
    assert next(csv.reader(io.TextIOWrapper(written(ROWS, "csv"), newline=""))) == list(COLUMNS)
    assert json.loads(written(ROWS, "jsonl").readline())["distance"] == 3
