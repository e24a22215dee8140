"""Reads blocks of CSV and JSON Lines with PyArrow, where it certainly gives the same result as Python."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from importlib.util import find_spec
from typing import IO, Any, Protocol, runtime_checkable

from airflow_provider_imagekit.io.text_columns import json_text

__all__ = ["TextColumns", "blocks_of", "csv_names", "has_arrow", "read_csv_block", "read_json_block"]

_BLOCK = 1 << 22


@runtime_checkable
class TextColumns(Protocol):
    """Selects text columns, like ``Columns`` of :mod:`~airflow_provider_imagekit.io.tables`."""

    #: Names of all columns that it can select.
    texts: Sequence[str]
    #: Those of them for which a column of nulls is equivalent to a missing column.
    optional: Sequence[str]

    def __call__(self, names: Sequence[str]) -> Collection[str]:
        """Return the columns to read."""


def has_arrow() -> bool:
    """Return whether PyArrow and NumPy are installed."""
    return find_spec("pyarrow") is not None and find_spec("numpy") is not None


def blocks_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield a file in blocks of complete lines; a block has some megabytes, or one long line."""
    block = rest = b""
    while data := file.read(_BLOCK):
        end = data.rfind(b"\n") + 1
        if end:
            if block:
                yield block
            block, rest = rest + data[:end], data[end:]
        else:
            rest += data
    if block + rest:
        yield block + rest  # a last line without a newline is not a separate block


def csv_names(line: bytes) -> list[str]:
    """Return the names of columns; none if only Python's reader can parse the line."""
    line = line.removesuffix(b"\r")
    try:
        return [] if b'"' in line or b"\r" in line or not line else line.decode().split(",")
    except UnicodeDecodeError:
        return []


def read_csv_block(block: bytes, names: Sequence[str], chosen: Sequence[str]) -> dict[str, Any] | None:
    """
    Return columns of a block of CSV; ``None`` if only Python's reader can parse it.

    :param block: complete lines, without the header.
    :param names: names of all columns.
    :param chosen: names of the columns to return.
    """
    if b'"' in block or block.count(b"\r") != block.count(b"\r\n") or len(set(names)) != len(names):
        return None
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import csv

    options = {
        "read_options": csv.ReadOptions(column_names=names, use_threads=False, block_size=len(block) + 1),
        "convert_options": csv.ConvertOptions(
            column_types=dict.fromkeys(chosen, pa.large_string()), include_columns=chosen
        ),
    }
    return _read(block, lambda: csv.read_csv(pa.BufferReader(block), **options))


def read_json_block(block: bytes, columns: TextColumns) -> dict[str, Any] | None:
    """
    Return columns of a block of JSON Lines; ``None`` if only Python's reader can parse it.

    :param block: complete lines.
    :param columns: selects the columns to return.
    """
    import numpy as np

    lines = block.removesuffix(b"\n")
    # Each line must be one object: PyArrow also accepts two objects on one line, or one object on two lines.
    if lines[:1] + lines[-1:] != b"{}":
        return None
    data = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    if (data[ends - 1] != ord("}")).any() or (data[ends + 1] != ord("{")).any():
        return None
    rows = len(ends) + 1
    # A name may be written with escapes.
    plain = b"\\" not in block
    names = _named(lines[: ends[0] if rows > 1 else None], columns.texts) if plain else columns.texts
    found = _read_json(block, names, rows)
    texts = sum(rows - each.null_count for each in found.values())
    if plain and np.count_nonzero(data == ord('"')) == 4 * texts:
        unresolved = set[str]()  # the block has no other names and texts
    else:
        named = _named(block, columns.texts) if plain else columns.texts
        found = _read_json(block, named, rows) if set(named) != set(names) else found
        # A column of nulls exists, while a column that no row has does not.
        unresolved = set(named) - {*found, *columns.optional}
    if not found or (unresolved and (plain or b"\\u" in block or _named(block, unresolved))):
        return None
    return {name: found[name] for name in columns(list(found))}


def _named(text: bytes, names: Collection[str]) -> list[str]:
    return [name for name in names if json_text(name).encode() in text]


def _read_json(block: bytes, names: Sequence[str], rows: int) -> dict[str, Any]:
    """Return the columns of these names that have values."""
    if not names:
        return {}
    import pyarrow as pa
    from pyarrow import json

    schema = pa.schema([(name, pa.string()) for name in names])
    options = {
        "read_options": json.ReadOptions(use_threads=False, block_size=len(block) + 1),
        "parse_options": json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    }
    read = _read(block, lambda: json.read_json(pa.BufferReader(block), **options)) or {}
    return {name: each for name, each in read.items() if len(each) == rows and each.null_count < rows}


def _read(block: bytes, read: Callable[[], Any]) -> dict[str, Any] | None:
    import pyarrow as pa

    try:
        table = read()
        if not block.isascii() or b"\\" in block:
            table.validate(full=True)  # rejects bytes that are not UTF-8
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    columns = zip(table.column_names, table.columns, strict=True)
    return {name: column.combine_chunks().cast(pa.large_string()) for name, column in columns}
