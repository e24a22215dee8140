from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import pytest

from airflow_provider_imagekit.exceptions import ImageKitInputError, InvalidPHashError
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.tables import (
    TableFormat,
    format_of,
    read_id_pairs,
    read_records,
    read_rows,
    write_rows,
)

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
        [(b'{"a": 1}\n{"a"', "Line 2 is no JSON"), (b"[1]\n", "Line 1 is no JSON object")],
    )
    def test_a_broken_line_is_named(self, content, message):
        with pytest.raises(ImageKitInputError, match=message):
            list(read_rows(io.BytesIO(content), "jsonl"))

    def test_without_pyarrow_parquet_says_what_to_install(self):
        program = """
import sys
sys.modules["pyarrow"] = None
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.similarity.tables import read_rows
import io
try:
    list(read_rows(io.BytesIO(), "parquet"))
except ImageKitInputError as error:
    print(error)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert "Install airflow-provider-imagekit[parquet]" in done.stdout


class TestRecords:
    def test_name_hash_and_the_rest_are_told_apart(self):
        rows = [{"fileId": 7, "pHash": "F06830CA9F1E3E90", "width": "100", "filePath": "/a.jpg"}]
        [record] = read_records(rows)
        assert (record.id, record.phash) == ("7", PHash.parse("f06830ca9f1e3e90"))
        assert record.attributes == {"width": "100", "filePath": "/a.jpg"}
        assert record.get("path") == "/a.jpg"

    @pytest.mark.parametrize("blank", [None, ""])
    def test_a_blank_hash_is_no_hash(self, blank):
        [record] = read_records([{"fileId": "a", "pHash": blank}])
        assert record.phash is None

    def test_a_later_row_may_lack_the_hash_as_videos_do(self):
        rows = [{"fileId": "a", "pHash": "1"}, {"fileId": "b", "duration": 3}]
        assert [record.phash for record in read_records(rows)] == [PHash(1), None]

    def test_columns_can_be_named(self):
        [record] = read_records([{"sku": "a", "hash": "1"}], id_column="sku", phash_column="hash")
        assert (record.id, record.phash) == ("a", PHash(1))

    def test_a_missing_column_is_refused_with_those_that_are_there(self):
        with pytest.raises(ImageKitInputError, match=r"Row 1 has no 'fileId'.*there are: sku, pHash"):
            list(read_records([{"sku": "a", "pHash": "1"}]))
        with pytest.raises(ImageKitInputError, match=r"no column 'pHash'.*there are: fileId, hash"):
            list(read_records([{"fileId": "a", "hash": "1"}]))

    def test_a_malformed_hash_is_refused_with_its_row(self):
        with pytest.raises(InvalidPHashError, match="Row 2: Invalid pHash value 'xyz'"):
            list(read_records([{"fileId": "a", "pHash": "1"}, {"fileId": "b", "pHash": "xyz"}]))

    @pytest.mark.parametrize(
        ("attributes", "pixels"),
        [
            ({"width": 30, "height": 20}, 600),
            ({"width": "30.0", "height": "20"}, 600),
            ({"width": 30}, 0),
            ({"width": "wide", "height": 20}, 0),
            ({}, 0),
        ],
    )
    def test_pixels_are_read_in_any_form(self, attributes, pixels):
        [record] = read_records([{"fileId": "a", "pHash": "1", **attributes}])
        assert record.pixels == pixels


class TestIdPairs:
    def test_pairs_are_read_in_either_order(self):
        pairs = read_id_pairs([{"id": "a", "other_id": "b"}, {"id": "b", "other_id": "a"}])
        assert pairs == {frozenset("ab")}

    def test_a_missing_name_is_refused(self):
        with pytest.raises(ImageKitInputError, match="no 'other_id'"):
            read_id_pairs([{"id": "a"}])


def test_csv_is_what_the_standard_library_reads():
    assert next(csv.reader(io.TextIOWrapper(written(ROWS, "csv"), newline=""))) == list(COLUMNS)
    assert json.loads(written(ROWS, "jsonl").readline())["distance"] == 3
