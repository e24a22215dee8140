"""Escapes cells that a spreadsheet would interpret as formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_imagekit.io.text_columns import listed

__all__ = ["escape_formulas"]

_PREFIXES = ("=", "+", "-", "@", "\t", "\r")


def escape_formulas(chunks: Iterable[Mapping[str, Sequence[Any]]]) -> Iterator[dict[str, list[Any]]]:
    """
    Yield columns without formulas: such texts get a leading apostrophe, which spreadsheets hide.

    :param chunks: some rows each, as columns.
    """
    for chunk in chunks:
        yield {name: list(map(_escaped, listed(column))) for name, column in chunk.items()}


def _escaped(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_PREFIXES) else value
