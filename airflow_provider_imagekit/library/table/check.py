"""Validates stored tables: their rows must be sorted, and values must have the types of their columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from operator import itemgetter
from typing import Any

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.table.schema import COLUMNS, Kind, Row

__all__ = ["usable", "wrong_column"]


def usable(
    rows: Iterable[tuple[str, Row | None, bool]], table: str
) -> Iterator[tuple[str, Row | None, bool]]:
    """
    Yield the rows of a stored table after validation.

    :param rows: as :class:`~airflow_provider_imagekit.library.table.stored.StoredTable` yields them.
    :param table: name of the table, for errors.
    :raises ImageKitInputError: if the table cannot be read, or was not written by this operator.
    """
    previous, number = "", 0
    remaining = iter(rows)
    while True:
        number += 1
        try:
            found = next(remaining, None)
        except Exception as error:
            reason = error.message if isinstance(error, ImageKitInputError) else f"{error!r:.200}"
            raise _unusable(table, f"row {number:,} cannot be read: {reason}") from error
        if found is None:
            return
        key, row, may_stay = found
        if key <= previous:
            raise _unusable(table, f"it is not sorted: row {number:,}, {key!r}, follows {previous!r}")
        if row is not None and not may_stay and (column := wrong_column(row)) is not None:
            raise _unusable(table, f"row {number:,} has the invalid {column} {row[column]!r:.80}")
        previous = key
        yield found


def _unusable(table: str, reason: str) -> ImageKitInputError:
    return ImageKitInputError(
        f"The table at output_path, {table!r}, cannot be used: {reason.removesuffix('.')}.",
        help="Choose another output_path, restore the table, or overwrite it once with full_refresh=True.",
    )


def wrong_column(row: Row) -> str | None:
    """
    Return the first column whose value does not have the column's type; ``None`` if all have.

    :param row: with all columns.
    """
    kinds = tuple(map(type, _plain_values(row)))
    if kinds not in _valid_kinds:
        wrong = next((column.name for column in COLUMNS if not _fits(row[column.name], column.kind)), None)
        if wrong is None and len(_valid_kinds) < _MAX_KINDS:
            _valid_kinds.add(kinds)
        return wrong
    return next((name for name, fits in _RANGE_OF if not fits(row[name])), None)


def _is_time(value: str | None) -> bool:
    try:
        return value is None or datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_64_bit(value: int | None) -> bool:
    return value is None or -(1 << 63) <= value < 1 << 63


def _is_finite(value: float | None) -> bool:
    return value is None or math.isfinite(value)


_TYPES: dict[Kind, set[type]] = {
    Kind.TEXT: {str},
    Kind.INTEGER: {int},
    Kind.NUMBER: {int, float},
    Kind.BOOLEAN: {bool},
    Kind.TIME: {str},
}
_RANGES: dict[Kind, Callable[[Any], bool]] = {
    Kind.INTEGER: _is_64_bit,
    Kind.NUMBER: _is_finite,
    Kind.TIME: _is_time,
}


def _fits(value: Any, kind: Kind) -> bool:
    if value is None or kind is Kind.JSON:
        return True
    return type(value) in _TYPES[kind] and (kind not in _RANGES or _RANGES[kind](value))


# Combinations of types that were found valid: nearly all rows of a library share a few of them.
_valid_kinds: set[tuple[type, ...]] = set()
_MAX_KINDS = 1000
_plain_values = itemgetter(*(column.name for column in COLUMNS if column.kind is not Kind.JSON))
_RANGE_OF = [(column.name, _RANGES[column.kind]) for column in COLUMNS if column.kind in _RANGES]
