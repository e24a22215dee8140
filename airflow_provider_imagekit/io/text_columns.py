"""Operations on columns, which are lists or, if PyArrow read the table, PyArrow arrays."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, compress, repeat
from math import isfinite
from typing import Any, Final

__all__ = [
    "Column",
    "are_blank",
    "as_text",
    "changed",
    "coded",
    "concatenated",
    "csv_texts",
    "filtered",
    "found",
    "has_blanks",
    "hash_texts",
    "is_arrow",
    "joined",
    "json_parts",
    "json_text",
    "last_places",
    "listed",
    "names_of",
    "places_of",
    "replaced",
    "sorted_places",
    "taken",
    "text_column",
    "text_data",
    "without_blanks",
]

#: Values of rows, in order: a list, or a PyArrow array.
Column = Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
# Characters that must be escaped in JSON, and characters that are quoted in CSV: as a pattern and as bytes.
_ESCAPED: Final = r'["\\\x00-\x1f]', b'"\\' + bytes(range(0x20))
_QUOTED: Final = r'[",\r\n]', b'",\r\n'
_HASH: Final = "%016x"


def is_arrow(column: Column) -> bool:
    """Return whether a column is a PyArrow array."""
    return type(column).__module__.partition(".")[0] == "pyarrow"


def listed(column: Column) -> list[Any]:
    """Return a column's values as a list of Python objects."""
    return column.to_pylist() if is_arrow(column) else list(column)


def text_column(values: Column, *, like: Column) -> Column:
    """
    Return texts as a column of the same kind as ``like``.

    :param values: texts or ``None``.
    :param like: the column whose kind is used.
    """
    if not is_arrow(like):
        return listed(values)
    import pyarrow as pa  # type: ignore[import-untyped]

    return values.cast(pa.large_string()) if is_arrow(values) else pa.array(values, pa.large_string())


def coded(values: Sequence[Any], codes: Any, *, like: Column) -> Column:
    """
    Return a column with few distinct values.

    :param values: the distinct values.
    :param codes: for each row, the index of its value.
    :param like: the column whose kind is used.
    """
    if not is_arrow(like):
        return list(map(values.__getitem__, codes))
    import numpy as np
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(np.asarray(codes, np.int8)), pa.array(list(values)))


def hash_texts(bits: Sequence[int], *, like: Column) -> Column:
    """Return hashes as 16 hexadecimal digits, in a column of the same kind as ``like``."""
    if not is_arrow(like):
        return list(map(_HASH.__mod__, bits))
    import numpy as np
    import pyarrow as pa

    digits = np.asarray(bits, dtype=">u8").tobytes().hex().encode()
    ends = np.arange(0, len(digits) + 1, 16, dtype=np.int64)
    return pa.LargeStringArray.from_buffers(len(bits), pa.py_buffer(ends), pa.py_buffer(digits))


def taken(column: Column, places: Any) -> Column:
    """Return the values at some places."""
    if is_arrow(column):
        import pyarrow as pa

        if isinstance(places, array):  # PyArrow would convert it number by number
            return column.take(pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)]))
        return column.take(pa.array(places, pa.int64()))
    return list(map(column.__getitem__, places))


def filtered(column: Column, kept: bytes | bytearray) -> Column:
    """Return the values of the rows for which ``kept`` has a 1."""
    if 0 not in kept:
        return column
    if not is_arrow(column):
        return list(compress(column, kept))
    import pyarrow as pa

    numbers = pa.Array.from_buffers(pa.uint8(), len(kept), [None, pa.py_buffer(kept)])
    return column.filter(numbers.cast(pa.bool_()))


def are_blank(column: Column) -> bytes:
    """Return for each value a 1 if it is null or false, such as an empty text, else a 0."""
    if is_arrow(column) and str(column.type) == "large_string":
        blank = _compute().equal(_compute().binary_length(column).fill_null(0), 0)
        return bytes(memoryview(blank.cast("uint8").buffers()[1])[: len(blank)])
    return bytes(not value for value in listed(column))


def has_blanks(column: Column) -> bool:
    """Return whether a value is null or an empty text."""
    if not is_arrow(column):
        return None in column or "" in column
    return bool(without_blanks(column).null_count)


def names_of(column: Column) -> Column:
    """Return values as texts."""
    if is_arrow(column) and str(column.type) != "large_string":
        return text_column(list(map(str, column.to_pylist())), like=column)
    return column if is_arrow(column) else list(map(str, column))


def concatenated(columns: list[Column]) -> Column:
    """Concatenate text columns, to a PyArrow array if all are arrays; arrays are removed from the list."""
    if len(columns) == 1:
        return columns.pop()
    if not columns or not all(map(is_arrow, columns)):
        return list(chain.from_iterable(map(listed, columns)))
    import pyarrow as pa

    result = pa.concat_arrays(columns)
    columns.clear()
    pa.default_memory_pool().release_unused()
    return result


def last_places(column: Column, names: Column) -> Sequence[int]:
    """Return for each name its last place in a column; -1 if it is missing."""
    if not (is_arrow(column) and is_arrow(names)):
        places = {name: place for place, name in enumerate(listed(column))}
        return [places.get(name, -1) for name in listed(names)]
    import numpy as np
    import pyarrow as pa

    backwards = column.take(pa.array(np.arange(len(column) - 1, -1, -1)))
    found_at = pa.compute.index_in(names, backwards)
    last: list[int] = pa.compute.subtract(len(column) - 1, found_at).fill_null(-1).to_pylist()
    return last


def as_text(column: Column, *, like: Column, absent: str | None) -> Column:
    """
    Return values as texts.

    :param like: the column whose kind is used.
    :param absent: replacement for ``None``.
    """
    if is_arrow(column) and is_arrow(like):
        import pyarrow as pa

        if pa.types.is_large_string(column.type) or pa.types.is_integer(column.type):
            texts = column.cast(pa.large_string())
            return texts if absent is None else texts.fill_null(absent)
    return text_column([absent if value is None else str(value) for value in listed(column)], like=like)


def places_of(column: Column, names: Collection[str]) -> dict[str, int]:
    """Return the first place in a column of each text that occurs in it."""
    if not is_arrow(column):
        places = [place for place, name in enumerate(column) if name in names]
    else:
        import pyarrow as pa

        wanted = pa.array(names, pa.large_string())
        places = pa.compute.indices_nonzero(pa.compute.is_in(column, wanted)).to_pylist()
    return dict(zip(reversed(listed(taken(column, places))), reversed(places), strict=True))


def without_blanks(column: Any) -> Any:
    """Return a PyArrow array with null in place of empty texts."""
    import pyarrow as pa

    if not pa.types.is_large_string(column.type):
        return column
    blank = pa.compute.equal(column, "")
    return pa.compute.if_else(blank, None, column) if pa.compute.any(blank).as_py() else column


def sorted_places(column: Column) -> list[int]:
    """Return the places of texts in sorted order."""
    if not is_arrow(column):
        return sorted(range(len(column)), key=column.__getitem__)
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    # UTF-8 bytes sort like code points, which is also Python's order.
    places: list[int] = pc.sort_indices(column).to_pylist()
    return places


def found(column: Column, pattern: str) -> Column:
    """
    Return for each text whether a pattern is found in it; ``None`` for null.

    :param pattern: valid in both Python and RE2; ``$`` is the end of the text.
    """
    if is_arrow(column):
        import pyarrow.compute as pc

        return pc.match_substring_regex(column, pattern)
    search = _compiled(pattern).search
    return [None if value is None else search(value) is not None for value in column]


def changed(column: Column, which: Column, change: Callable[[str], str | None]) -> Column:
    """
    Return texts with some of them changed.

    :param which: for each text, whether to change it.
    :param change: returns the new text.
    """
    if not is_arrow(column):
        return [change(value) if one else value for value, one in zip(column, which, strict=True)]
    import pyarrow as pa

    which = which if is_arrow(which) else pa.array(which, pa.bool_())
    few = column.filter(which).to_pylist()
    if not few:
        return column
    return pa.compute.replace_with_mask(
        column,
        which.fill_null(False),  # noqa: FBT003
        pa.array(map(change, few), column.type),
    )


def replaced(column: Column, pattern: str, replacement: str) -> Column:
    """Return texts with matches of a pattern replaced; both must be valid in Python and RE2."""
    if is_arrow(column):
        import pyarrow.compute as pc

        return pc.replace_substring_regex(column, pattern, replacement)
    substitute = _compiled(pattern).sub
    return [None if value is None else substitute(replacement, value) for value in column]


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("$", r"\Z"))


def joined(parts: Iterable[Column | str]) -> bytes:
    """
    Return the texts of all rows as bytes, one row after the other.

    :param parts: at least one text column, and texts that are the same in each row.
    """
    parts = list(_merged(parts))
    arrow = next(filter(is_arrow, parts), None)
    if arrow is None:
        cells = (repeat(part) if isinstance(part, str) else part for part in parts)
        return "".join(chain.from_iterable(zip(*cells, strict=False))).encode()
    columns = [_scalar(part) if isinstance(part, str) else text_column(part, like=arrow) for part in parts]
    return bytes(text_data(_compute().binary_join_element_wise(*columns, _scalar(""))))


def _merged(parts: Iterable[Column | str]) -> Iterator[Column | str]:
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        if text:
            yield text
        text = ""
        yield part
    if text:
        yield text


def text_data(column: Any) -> memoryview:
    """Return the texts of a PyArrow array, one after the other."""
    import numpy as np

    _, ends, data = column.buffers()
    if not len(column) or data is None:
        return memoryview(b"")
    begin, end = np.frombuffer(ends, np.int64)[[column.offset, column.offset + len(column)]]
    return memoryview(data)[begin:end]


def json_text(value: Any) -> str:
    """Return a value as compact JSON; raise ``ValueError`` for values that JSON cannot represent."""
    return _ENCODER.encode(value)


def json_parts(column: Column) -> list[Column | str]:
    """Return a column's values as JSON, as parts for :func:`joined`."""
    if is_arrow(column) and str(column.type) == "large_string":
        escaped = _changed_where(column, _ESCAPED, lambda text: _WRITERS[str](text)[1:-1])
        if not column.null_count:
            return ['"', escaped, '"']
        quote, nothing = (_scalar(text) for text in ('"', ""))
        return [_compute().binary_join_element_wise(quote, escaped, quote, nothing).fill_null("null")]
    if is_arrow(column):
        return [_texts_of(column, _json_texts)]
    return [_json_texts(column)]


def _json_texts(values: list[Any]) -> list[str]:
    kinds = set(map(type, values))
    if len(kinds) == 1:
        return list(map(_WRITERS.get(kinds.pop(), json_text), values))
    return [_WRITERS.get(type(value), json_text)(value) for value in values]


def csv_texts(column: Column) -> Column:
    """Return a column's values as CSV cells, as Python's ``csv`` module writes them."""
    if not is_arrow(column):
        return _csv_texts(column)
    if str(column.type) == "large_string":
        return _changed_where(column, _QUOTED, _in_quotes).fill_null("")
    return _texts_of(column, _csv_texts)


def _csv_texts(values: list[Any]) -> list[str]:
    quoted = re.compile(_QUOTED[0]).search
    texts = ("" if value is None else str(value) for value in values)
    return [_in_quotes(text) if quoted(text) else text for text in texts]


def _changed_where(column: Any, special: tuple[str, bytes], change: Callable[[str], str]) -> Any:
    """Return texts with those changed that contain special characters; in most columns there are none."""
    pattern, characters = special
    data = bytes(text_data(column))
    if len(data.translate(None, characters)) == len(data):
        return column
    return changed(column, found(column, pattern), change)


def _texts_of(column: Any, texts_of: Callable[[list[Any]], list[str]]) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        return taken(text_column(texts_of(column.dictionary.to_pylist()), like=column), column.indices)
    if pa.types.is_integer(column.type) and not column.null_count:
        return column.cast(pa.large_string())
    return text_column(texts_of(column.to_pylist()), like=column)


def _scalar(text: str) -> Any:
    import pyarrow as pa

    return pa.scalar(text, pa.large_string())


def _compute() -> Any:
    import pyarrow.compute as pc

    return pc


def _in_quotes(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _float_text(value: float) -> str:
    return repr(value) if isfinite(value) else json_text(value)  # raises the error


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    str: json.encoder.encode_basestring,
    int: str,
    float: _float_text,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): lambda _: "null",
}
