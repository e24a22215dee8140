"""Blocks of text read by PyArrow give the same pictures, or the same error, as Python's readers."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitError
from airflow_provider_imagekit.io.arrow_blocks import blocks_of
from airflow_provider_imagekit.io.tables import columns_of, read_columns, read_rows
from airflow_provider_imagekit.io.text_columns import is_arrow, listed
from airflow_provider_imagekit.similarity.picture_columns import KeptColumns, read_pictures
from airflow_provider_imagekit.similarity.records import columns_in_use

IN_USE = columns_in_use("", "")
GOOD = b'{"fileId":"a%d","pHash":"00000000000000%02x"}'
LINES = st.one_of(
    st.integers(0, 99).map(lambda number: GOOD % (number, number)),
    st.sampled_from(
        [
            b"",
            b"  ",
            b"null",
            b"{}",
            b'{"fileId":"a","pHash":null,"deleted_at":null}',
            b'{"fileId":"a","pHash":"1","deleted_at":"2026"}',
            b'{"fileId":"a","pHash":"1","deleted_at":""}',
            b'{"fileId":"a","pHash":"1","deleted_at":true}',
            b'{"fileId":null,"id":"b","pHash":"1"}',
            b'{"id":"b","pHash":"1"}',
            b'{"fileId":7,"pHash":"1"}',
            b'{"fileId":"a","pHash":7}',
            b'{"fileId":"a","phash":"1"}',
            b'{"fileId":"a","fileId":"b","pHash":"1"}',
            b'{"fileId":"a","pHash":"1"}{"fileId":"b","pHash":"1"}',
            b'{"fileId":"a","pHash":"1"},{"fileId":"b","pHash":"1"}',
            b'{"fileId":"a",',
            b'"pHash":"1"}',
            b'{"fileId":"a","pHash":"1"',
            b'{"fileId":"a","pHash":"1","x":{}',
            b'{"fileId":"a","pHash":"1","x":[NaN,Infinity,-0,1e999]}',
            b'{"fileId":"a","pHash":"1","x":[01]}',
            b'{"fileId":"a","pHash":"1","x":{"fileId":3,"id":[]}}',
            b'{"fileId":"\\ud800","pHash":"1"}',
            b'{"fileId":"\\u0000\xc3\xa9","pHash":"1"}',
            b'{"file\\u0049d":"a","pHash":"1"}',
            b'{"fileId":"\xff","pHash":"1"}',
            b'{"fileId":"a\tb","pHash":"1"}',
            b'{"fileId":"a","pHash":"1"}\r',
            b' {"fileId":"a","pHash":"1"} ',
            b'\xef\xbb\xbf{"fileId":"a","pHash":"1"}',
            b'{"fileId":"a","pHash":"xyz"}',
            b"{'fileId':'a','pHash':'1'}",
            b'{"fileId":"a","pHash":"1",}',
            b'{"fileId":"a","pHash":"1"} // x',
        ]
    ),
)
CELLS = st.sampled_from(
    [
        *(b"a", b"", b"1", b"00000000000000ff", b'"a"', b'"a,b"', b'"a\nb"', b'a"b', b'"a"b', b"NA", b"null"),
        *(b" ", b"\xc3\xa9", b"\xff", b"a\rb", b"\x00", b"0" * 16, b"'"),
    ]
)
ROWS = st.one_of(
    st.tuples(CELLS, st.just(b"00000000000000ff"), st.just(b"")).map(b",".join),
    st.lists(CELLS, max_size=5).map(b",".join),
)
HEADS = st.sampled_from(
    [
        *[b"fileId,pHash,deleted_at"] * 5,
        *(b"\xef\xbb\xbffileId,pHash,deleted_at", b"id,phash", b"fileId,fileId,pHash", b"x,pHash", b""),
        *(b'"id",pHash', b"pHash", b"id,,pHash"),
    ]
)


def shown(chunks: Any) -> object:
    """Return the pictures that are read, or the error."""
    try:
        pictures = read_pictures(chunks, KeptColumns())
    except ImageKitError as error:
        return type(error), error.message
    return listed(pictures.ids), [*map(pictures.phash, range(len(pictures)))]


def by_blocks(text: bytes, form: str) -> object:
    return shown(read_columns(io.BytesIO(text), form, IN_USE))


def by_rows(text: bytes, form: str) -> object:
    return shown(columns_of(read_rows(io.BytesIO(text), form), IN_USE))


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(st.lists(LINES, max_size=6), st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_json_lines_are_read_as_python_reads_them(lines: list[bytes], end: bytes, last: bool) -> None:
    text = end.join(lines) + end * last
    assert by_blocks(text, "jsonl") == by_rows(text, "jsonl")


LATE = st.sampled_from(
    [
        *[b'{"fileId":"a","pHash":"1"}'] * 3,
        b'{"fileId":"a","pHash":"1","deleted_at":"2026"}',
        b'{"fileId":"a","pHash":"1","deleted_at":null}',
        b'{"fileId":"a","pHash":"1","deleted\\u005fat":"2026"}',
        b'{"fileId":"a","pHash":"1","deleted_at":"2026","deleted_at":"2026"}',
        b'{"fileId":"a","pHash":"1","deleted_at" :"2026"}',
        b'{"fileId":"a","pHash":"1","phash":"2"}',
        b'{"fileId":null,"pHash":"1","id":"b"}',
        b'{"fileId":null,"pHash":"1","id":7}',
        b'{"pHash":"1","id":"b"}',
        b'{"id":"fileId","phash":"1"}',
        b'{"x":"id","y":{"fileId":"a"},"pHash":"1"}',
        b'{"fileId":"deleted_at","pHash":"1"}',
        b'{"fileId":"a","pHash":"1","x":null}',
        b'{"fileId":"a\\/b","pHash":"1"}',
        b"{}",
    ]
)


@settings(max_examples=300)
@given(st.lists(LATE, max_size=5))
def test_names_that_come_late_are_read_as_python_reads_them(lines: list[bytes]) -> None:
    text = b"\n".join(lines)
    assert by_blocks(text, "jsonl") == by_rows(text, "jsonl")


@example(head=b"pHash", rows=[b"", b""], end=b"\n", last=False)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(HEADS, st.lists(ROWS, max_size=6), st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_csv_is_read_as_python_reads_it(head: bytes, rows: list[bytes], end: bytes, last: bool) -> None:
    text = end.join([head, *rows]) + end * last
    assert by_blocks(text, "csv") == by_rows(text, "csv")


@pytest.mark.parametrize(
    ("text", "form"),
    [(b"fileId,pHash\na,0000000000000001\n", "csv"), (b'{"fileId":"a","pHash":"1"}\n', "jsonl")],
)
def test_usual_tables_are_read_by_pyarrow(text: bytes, form: str) -> None:
    [chunk] = read_columns(io.BytesIO(text), form, IN_USE)
    assert all(map(is_arrow, chunk.values()))


def test_blocks_end_with_their_lines_however_long_a_line_is() -> None:
    text = b"x" * (5 << 20) + b"\n" + b"short\n" * (1 << 21) + b"last"
    blocks = list(blocks_of(io.BytesIO(text)))
    assert b"".join(blocks) == text
    assert all(block.endswith(b"\n") for block in blocks[:-1])
    assert len(blocks) > 2


@pytest.mark.slow
def test_a_quote_late_in_a_file_is_read_from_there_on_with_its_line() -> None:
    rows = b"".join(b"a%d,0000000000000001\n" % number for number in range(400_000))
    text = b"fileId,pHash\n" + rows + b'"a,\nb",0000000000000002\nc,xyz\n'
    assert by_blocks(text, "csv") == by_rows(text, "csv")
    assert "Row 400002" in str(by_blocks(text, "csv"))
