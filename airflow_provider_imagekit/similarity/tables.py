"""Read pictures and their hashes, and pairs of pictures, from the rows of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitInputError, InvalidPHashError
from airflow_provider_imagekit.io.tables import read_rows, write_rows
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.records import HashRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_imagekit.io.tables import Columns

__all__ = ["columns_in_use", "read_id_pairs", "read_kept", "read_records", "read_rows", "write_rows"]

# What columns are usually called: ImageKit's own name first.
_ID_COLUMNS = ("fileId", "file_id", "id")
_PHASH_COLUMNS = ("pHash", "phash")


def read_records(
    rows: Iterable[Mapping[str, Any]], *, id_column: str = "", phash_column: str = ""
) -> Iterator[HashRecord]:
    """
    Read pictures from rows; those with a ``deleted_at`` are passed over.

    :param rows: as :func:`read_rows` yields them, or objects of ImageKit's API.
    :param id_column: column of the picture's name; blank for the first of ``fileId``, ``file_id``, ``id``.
    :param phash_column: column of its hash, blank or null where it has none; blank for ``pHash`` or
        ``phash``.
    :raises ImageKitInputError: if a column is missing, a name is blank, or a hash is malformed; with the row.
    """
    for number, row in enumerate(rows, start=1):
        if number == 1:
            id_column = id_column or _usual(_ID_COLUMNS, row)
            phash_column = phash_column or _usual(_PHASH_COLUMNS, row)
        name = row.get(id_column)
        if name is None or name == "":
            raise ImageKitInputError(
                f"Row {number} has no {id_column!r}.",
                help=f"Name the column that identifies a picture; there are: {', '.join(map(str, row))}.",
            )
        if number == 1 and phash_column not in row:
            raise ImageKitInputError(
                f"There is no column {phash_column!r}.",
                help=f"Name the column of hashes; there are: {', '.join(map(str, row))}.",
            )
        if row.get("deleted_at"):
            continue
        attributes = {key: value for key, value in row.items() if key not in (id_column, phash_column)}
        yield HashRecord(str(name), _parse_phash(row.get(phash_column), number), attributes)


def columns_in_use(id_column: str, phash_column: str, others: Iterable[str] = ()) -> Columns:
    """
    Return what chooses the columns that :func:`read_records` needs, for :func:`read_rows`.

    :param id_column: as :func:`read_records` takes it.
    :param phash_column: as :func:`read_records` takes it.
    :param others: columns that are needed besides.
    """

    def choose(names: Sequence[str]) -> Sequence[str]:
        key = id_column or _usual(_ID_COLUMNS, dict.fromkeys(names))
        phash = phash_column or _usual(_PHASH_COLUMNS, dict.fromkeys(names))
        if key not in names or phash not in names:
            return names  # so that the error can list them
        wanted = {key, phash, "deleted_at", *others}
        return [name for name in names if name in wanted]

    return choose


def _usual(names: tuple[str, ...], row: Mapping[str, Any]) -> str:
    return next((name for name in names if name in row), names[0])


def _parse_phash(value: Any, number: int) -> PHash | None:
    if value is None or value == "":
        return None
    try:
        return PHash.parse(value)
    except InvalidPHashError as error:
        raise InvalidPHashError(f"Row {number}: {error.message}", help=error.help) from error


def read_id_pairs(rows: Iterable[Mapping[str, Any]]) -> frozenset[frozenset[str]]:
    """
    Read pairs of pictures that a person marked as not duplicates of each other.

    :param rows: rows with ``id`` and ``other_id``, as the table of pairs has them; those with a ``decision``
        other than ``not_duplicate`` are skipped.
    :raises ImageKitInputError: for a row without them.
    """
    return frozenset(
        frozenset((_name(row, "id"), _name(row, "other_id")))
        for row in rows
        if row.get("decision") in {None, "", "not_duplicate"}
    )


def read_kept(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """
    Read the names of pictures that a person chose to keep.

    :param rows: rows with ``id``; those with a ``decision`` other than ``keep`` are skipped.
    :raises ImageKitInputError: for a row without it.
    """
    return frozenset(_name(row, "id") for row in rows if row.get("decision") in {None, "", "keep"})


def _name(row: Mapping[str, Any], column: str) -> str:
    name = row.get(column)
    if name is None or name == "":
        raise ImageKitInputError(
            f"A row of decisions has no {column!r}.", help=f"Its columns are: {', '.join(map(str, row))}."
        )
    return str(name)
