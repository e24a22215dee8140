"""Reads and writes Parquet tables in open files with PyArrow, by rows or by columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.text_columns import Column, is_arrow, taken

__all__ = [
    "TakenColumns",
    "arrow_schema",
    "import_pyarrow",
    "read_batches",
    "usual_values",
    "values_of",
    "write_parquet",
]


def import_pyarrow() -> tuple[Any, Any]:
    """
    Return PyArrow and its Parquet module.

    :raises ImageKitInputError: if PyArrow is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        from pyarrow import parquet
    except ImportError:
        raise ImageKitInputError(
            "Parquet needs pyarrow, which is not installed.",
            help="Install airflow-provider-imagekit[parquet], or use JSONL or CSV.",
        ) from None
    return pa, parquet


class _ErrorRecorder:
    """
    A file that records its own I/O error, so that it is not mistaken for an error in the file's content.

    :param file: opened for reading bytes.
    """

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self.error: BaseException | None = None
        self.read, self.seek, self.tell = (self._recorded(call) for call in (file.read, file.seek, file.tell))

    def _recorded(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(*arguments: Any) -> Any:
            try:
                return call(*arguments)
            except BaseException as error:
                self.error = error
                raise

        return recorded


def read_batches(
    file: IO[bytes], columns: Callable[[Sequence[str]], Iterable[str]] | None, rows: int
) -> Iterator[Any]:
    """
    Yield a Parquet file's rows as record batches; times are cut to microseconds, like Python's.

    :param file: opened for reading bytes, seekable.
    :param columns: selects the columns to read from the existing ones; all by default.
    :param rows: maximum number of rows in a batch.
    :raises ImageKitInputError: if the content cannot be read, or PyArrow is missing. I/O errors of the file
        are raised unchanged.
    """
    arrow, parquet = import_pyarrow()
    recorder = _ErrorRecorder(file)
    try:
        # With pre_buffer, all row groups would be in memory together.
        table = parquet.ParquetFile(recorder, pre_buffer=False)
        chosen = None if columns is None else list(columns(table.schema_arrow.names))
        for batch in table.iter_batches(batch_size=rows, columns=chosen, use_threads=False):
            cut = [_without_nanoseconds(arrow, column) for column in batch.columns]
            yield arrow.RecordBatch.from_arrays(cut, batch.schema.names)
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        if recorder.error is not None:
            raise recorder.error from None
        raise ImageKitInputError(f"This is not a readable Parquet file: {error}") from None


def _without_nanoseconds(arrow: Any, column: Any) -> Any:
    kind, types = column.type, arrow.types
    if types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(arrow.timestamp("us", kind.tz), safe=False)
    if types.is_duration(kind) and kind.unit == "ns":
        return column.cast(arrow.duration("us"), safe=False)
    if types.is_time64(kind) and kind.unit == "ns":
        return column.cast(arrow.time64("us"), safe=False)
    return column


def values_of(name: str, column: Any) -> list[Any]:
    """
    Return a column's values as Python objects.

    :raises ImageKitInputError: if Python cannot represent a value, such as a time in the year 30,000.
    """
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError) as error:
        raise ImageKitInputError(f"The column {name!r} holds an unreadable value: {error}.") from None
    return values


def usual_values(name: str, column: Any) -> Any:
    """
    Return texts and numbers as one PyArrow array, and other values as :func:`values_of` does.

    :raises ImageKitInputError: as :func:`values_of` does, and if a text is not UTF-8.
    """
    arrow, _ = import_pyarrow()
    kind = column.type
    if arrow.types.is_dictionary(kind):
        kind = kind.value_type
    if arrow.types.is_string(kind) or arrow.types.is_large_string(kind):
        column = column.cast(kind).cast(arrow.large_string())
        try:
            column.validate(full=True)  # PyArrow reads invalid UTF-8 as text
        except arrow.ArrowInvalid as error:
            raise ImageKitInputError(f"The column {name!r} holds an unreadable value: {error}.") from None
    elif not arrow.types.is_integer(kind) and not arrow.types.is_float64(kind):
        return values_of(name, column)
    return column.combine_chunks() if isinstance(column, arrow.ChunkedArray) else column


class TakenColumns:
    """
    Selected rows and columns of a Parquet file, in memory.

    :param file: see :func:`read_batches`; it stays open.
    :param names: the columns to read.
    :param rows: the rows to keep: a NumPy array of row numbers, ascending.
    """

    _BATCH = 1 << 14

    def __init__(self, file: IO[bytes], names: Iterable[str], rows: Any) -> None:
        import numpy as np

        wanted = set(names)
        self._rows = rows
        arrow, _ = import_pyarrow()
        kept: dict[str, list[Any]] = {}
        begin = 0
        file.seek(0)
        for batch in read_batches(
            file, lambda there: [name for name in there if name in wanted], self._BATCH
        ):
            first, last = np.searchsorted(rows, (begin, begin + batch.num_rows))
            if first < last:
                part = batch.take(arrow.array(rows[first:last] - begin))
                for name, column in zip(part.schema.names, part.columns, strict=True):
                    kept.setdefault(name, []).append(column)
            begin += batch.num_rows
        # One column after the other, so that only one of them is in memory twice.
        self._columns = {name: usual_values(name, arrow.chunked_array(kept.pop(name))) for name in [*kept]}
        arrow.default_memory_pool().release_unused()
        self._requested: tuple[Any, Any] = (None, None)  # the last requested rows, and their places here
        #: Names of the columns that exist.
        self.names: Sequence[str] = tuple(self._columns)

    def cover(self, rows: Any) -> bool:
        """Return whether all rows of a NumPy array of row numbers are kept."""
        import numpy as np

        places = np.searchsorted(self._rows, rows)
        return not len(rows) or (
            bool(len(self._rows))
            and bool((self._rows[np.minimum(places, len(self._rows) - 1)] == rows).all())
        )

    def values(self, name: str, rows: Any) -> Any:
        """Return a column's values in some of the kept rows; texts and numbers as a PyArrow array."""
        import numpy as np

        if rows is not self._requested[0]:
            self._requested = rows, np.searchsorted(self._rows, rows)
        return taken(self._columns[name], self._requested[1])


def arrow_schema(columns: Mapping[str, type]) -> Any:
    """
    Return the schema of a Parquet file.

    :param columns: name and type of each column, in order: ``int``, ``float``, ``str``, ``bool``, or
        ``datetime`` with a time zone.
    """
    arrow, _ = import_pyarrow()
    types = {
        int: arrow.int64(),
        float: arrow.float64(),
        str: arrow.string(),
        bool: arrow.bool_(),
        datetime: arrow.timestamp("ms", tz="UTC"),
    }
    return arrow.schema([(name, types[kind]) for name, kind in columns.items()])


def write_parquet(
    file: IO[bytes], chunks: Iterable[Any], columns: Mapping[str, type], *, row_group: int = 0
) -> int:
    """
    Write rows, given as columns, to a Parquet file, and return the number of rows.

    :param file: opened for writing bytes.
    :param chunks: rows as columns, or as a record batch of the same schema.
    :param columns: see :func:`arrow_schema`.
    :param row_group: minimum number of rows in a row group; by default each chunk is a row group.
    """
    arrow, parquet = import_pyarrow()
    schema, count, gathered = arrow_schema(columns), 0, []
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for chunk in chunks:
            gathered.append(chunk if isinstance(chunk, arrow.RecordBatch) else _batch(arrow, chunk, schema))
            if (rows := sum(batch.num_rows for batch in gathered)) >= row_group:
                writer.write_table(arrow.Table.from_batches(gathered, schema))
                count, gathered = count + rows, []
        if gathered:
            last = arrow.Table.from_batches(gathered, schema)
            writer.write_table(last)
            count += last.num_rows
    return count


def _batch(arrow: Any, chunk: Mapping[str, Column], schema: Any) -> Any:
    columns = [(chunk[field.name], field.type) for field in schema]
    arrays = [one.cast(kind) if is_arrow(one) else arrow.array(one, kind) for one, kind in columns]
    return arrow.RecordBatch.from_arrays(arrays, schema=schema)
