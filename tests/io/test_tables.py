from __future__ import annotations

import contextlib
import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.tables import TableFormat, format_of, read_columns, read_rows, write_rows

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
    def test_it_follows_from_the_extension(self, name, expected):
        assert format_of(name) == expected

    @pytest.mark.parametrize("name", ["hashes", "hashes.xlsx", "", "hashes.csv.gz"])
    def test_another_extension_is_refused_with_the_known_ones(self, name):
        with pytest.raises(ImageKitInputError, match=r"Use \.jsonl, \.csv or \.parquet"):
            format_of(name)


class TestRoundTrip:
    @pytest.mark.parametrize("table_format", ["jsonl", "parquet"])
    def test_rows_are_read_as_they_were_written(self, table_format):
        assert list(read_rows(written(ROWS, table_format), table_format)) == ROWS

    def test_csv_is_read_back_as_text(self):
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


def parquet(**columns: Any) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    file.seek(0)
    return file


class TestValues:
    def test_nanoseconds_are_cut_to_microseconds(self):
        file = parquet(
            at=pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", "UTC")),
            naive=pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns")),
            took=pa.array([1_001, None], pa.duration("ns")),
            clock=pa.array([1_001, None], pa.time64("ns")),
        )
        first, second = read_rows(file, "parquet")
        assert first["at"] == datetime.fromtimestamp(1_700_000_000, UTC).replace(microsecond=123_456)
        assert first["naive"] == first["at"].replace(tzinfo=None)
        assert (first["took"], first["clock"]) == (timedelta(microseconds=1), time(microsecond=1))
        assert set(second.values()) == {None}

    def test_a_time_that_python_cannot_hold_is_refused_with_its_column(self):
        file = parquet(id=["a"], at=pa.array([1 << 60], pa.timestamp("ms")))
        with pytest.raises(ImageKitInputError, match="column 'at' holds an unreadable value"):
            list(read_rows(file, "parquet"))

    @pytest.mark.parametrize("dictionary", [False, True])
    @pytest.mark.parametrize("bad", [b"caf\xe9", b"\xed\xa0\x80", b"\xff\xfe"])
    def test_a_text_that_is_not_utf_8_is_refused_with_its_column(self, bad, dictionary):
        texts = pa.array([b"a", bad, None]).view(pa.string())
        file = parquet(path=texts.dictionary_encode() if dictionary else texts)
        for read in (read_rows, partial(read_columns, columns=lambda names: names)):
            file.seek(0)
            with pytest.raises(ImageKitInputError, match="column 'path' holds an unreadable value"):
                list(read(file, "parquet"))

    def test_columns_that_are_not_in_use_are_not_read(self):
        file = parquet(id=["a"], at=pa.array([1 << 60], pa.timestamp("ms")), x=[1])
        assert list(read_rows(file, "parquet", lambda names: [names[0], names[2]])) == [{"id": "a", "x": 1}]

    @pytest.mark.parametrize("table_format", ["jsonl", "csv"])
    def test_a_cell_may_be_long(self, table_format):
        rows = [{"id": "a" * 1_000_000}]
        file = io.BytesIO()
        write_rows(file, rows, {"id": str}, table_format)
        file.seek(0)
        assert list(read_rows(file, table_format)) == rows

    @pytest.mark.parametrize(
        ("content", "row"),
        [
            (
                b'{"id": "a\\ud800b", "\\udfff": ["\\uDBFF", {"x": "\\ud83d\\ude00"}]}',
                {"id": "a\ufffdb", "\ufffd": ["\ufffd", {"x": "\N{GRINNING FACE}"}]},
            ),
            (b'{"id": "\\\\ud800"}', {"id": "\\ud800"}),
        ],
    )
    def test_a_surrogate_without_its_pair_is_replaced(self, content, row):
        assert list(read_rows(io.BytesIO(content), "jsonl")) == [row]

    @pytest.mark.parametrize(
        ("table_format", "text"), [("csv", "id\na\ud800\n"), ("jsonl", '{"id": "a\ud800"}')]
    )
    def test_a_surrogate_in_a_text_file_is_replaced(self, table_format, text):
        assert list(read_rows(io.StringIO(text), table_format)) == [{"id": "a\ufffd"}]


class TestEndings:
    @pytest.mark.parametrize(
        ("table_format", "content"),
        [
            ("jsonl", b'{"id": ' + b"[" * 200_000),
            ("jsonl", b'{"id": "\xff"}'),
            ("jsonl", b'{"id": ' + b"1" * 5000 + b"}"),
            ("csv", b"id\n\xff\n"),
            ("parquet", b"PAR1" + bytes(40) + b"PAR1"),
            ("parquet", b""),
        ],
    )
    def test_unreadable_content_is_a_final_error(self, table_format, content):
        with pytest.raises(ImageKitInputError):
            list(read_rows(io.BytesIO(content), table_format))

    def test_a_corrupt_page_is_a_final_error(self):
        content = bytearray(parquet(id=[f"{n:032}" for n in range(10_000)]).getvalue())
        content[2000:6000] = bytes(4000)
        with pytest.raises(ImageKitInputError, match="not a readable Parquet file"):
            list(read_rows(io.BytesIO(content), "parquet"))

    def test_a_column_name_that_is_not_utf_8_is_a_final_error(self):
        content = parquet(broken=["a"]).getvalue().replace(b"broken", b"bro\x80en")
        with pytest.raises(ImageKitInputError, match="not a readable Parquet file"):
            list(read_rows(io.BytesIO(content), "parquet"))

    @pytest.mark.parametrize("error", [ConnectionResetError("gone"), TimeoutError("slow"), ValueError("odd")])
    def test_an_error_of_the_file_itself_is_raised_as_it_is(self, error):
        class Broken(io.BytesIO):
            def read(self, *arguments):
                raise error

        with pytest.raises(type(error), match=str(error)):
            list(read_rows(Broken(parquet(id=["a"]).getvalue()), "parquet"))

    @settings(max_examples=100, deadline=None)
    @given(position=st.floats(0, 1, exclude_max=True), noise=st.binary(min_size=1, max_size=30))
    def test_a_damaged_parquet_file_is_read_or_refused(self, position, noise):
        content = bytearray(parquet(id=[f"{n:04}" for n in range(50)], n=list(range(50))).getvalue())
        at = int(position * len(content))
        content[at : at + len(noise)] = noise
        with contextlib.suppress(ImageKitInputError):
            list(read_rows(io.BytesIO(bytes(content)), "parquet"))

    @given(
        content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
        form=st.sampled_from(["csv", "jsonl"]),
    )
    def test_any_bytes_are_read_as_storable_rows_or_refused(self, content, form):
        with contextlib.suppress(ImageKitInputError):
            str(list(read_rows(io.BytesIO(content), form))).encode()


def test_csv_is_what_the_standard_library_reads():
    assert next(csv.reader(io.TextIOWrapper(written(ROWS, "csv"), newline=""))) == list(COLUMNS)
    assert json.loads(written(ROWS, "jsonl").readline())["distance"] == 3
