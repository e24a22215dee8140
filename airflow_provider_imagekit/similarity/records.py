"""Read pictures (name, hash, attributes) and reviewers' decisions about them from tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.exceptions import ImageKitInputError, InvalidPHashError
from airflow_provider_imagekit.io.text_columns import is_arrow, listed
from airflow_provider_imagekit.phash import PHash

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_imagekit.io.tables import Columns

__all__ = [
    "ABSURD",
    "ALIASES",
    "KNOWN_COLUMNS",
    "HashRecord",
    "as_number",
    "as_numbers",
    "check_columns",
    "columns_in_use",
    "nameless",
    "parse_phash",
    "read_id_pairs",
    "read_kept",
    "read_records",
    "usual_columns",
]

#: Column names of each property, ImageKit's own name first.
ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "path": ("filePath", "file_path", "path"),
    "created": ("createdAt", "created_at", "created"),
    "size": ("size", "size_bytes"),
}

# Usual column names of the picture's name and hash, ImageKit's own name first.
_ID_COLUMNS = ("fileId", "file_id", "id")
_PHASH_COLUMNS = ("pHash", "phash")

#: Columns that are used to choose keepers and that reports show, under all their names.
KNOWN_COLUMNS: Final = (
    *(name for names in ALIASES.values() for name in names),
    *("width", "height", "format", "url", "thumbnail"),
)

_DECISIONS: Final = ("", "keep", "not_duplicate")

#: Numbers from here on are larger than any picture's.
ABSURD: Final = 1e15


@dataclass(frozen=True, slots=True)
class HashRecord:
    """
    One picture.

    :param id: its name in the table: a file id, a path, a URL.
    :param phash: its hash; ``None`` if it has none (a video, a vector file).
    :param attributes: the other columns, under the table's own names.
    """

    id: str
    phash: PHash | None
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def get(self, name: str) -> Any:
        """
        Return a property.

        :param name: ``path``, ``created``, ``size``, or any column.
        :return: its value; ``None`` if it is absent or blank.
        """
        for column in ALIASES.get(name, (name,)):
            value = self.attributes.get(column)
            if value is not None and value != "":
                return value
        return None

    def number(self, name: str) -> float:
        """Return a property as a number; 0 if it is absent, not a number, or larger than any picture's."""
        return as_number(self.get(name))

    @property
    def pixels(self) -> int:
        """Width times height; 0 if unknown."""
        return int(self.number("width") * self.number("height"))


def as_number(value: Any) -> float:
    """Return a value as a number; 0 if it is absent, not a number, or larger than any picture's."""
    try:
        number = float(value or 0)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return number if abs(number) < ABSURD else 0.0


def as_numbers(column: Any) -> list[float]:
    """Apply :func:`as_number` to each value of a column."""
    if not is_arrow(column) or str(column.type) == "large_string":
        return list(map(as_number, listed(column)))
    import numpy as np

    numbers = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64)
    usual: list[float] = np.where(np.abs(numbers) < ABSURD, numbers, 0.0).tolist()
    return usual


def read_records(
    rows: Iterable[Mapping[str, Any]], *, id_column: str = "", phash_column: str = ""
) -> Iterator[HashRecord]:
    """
    Read pictures from rows; those with a ``deleted_at`` are skipped.

    :param rows: rows from :func:`~airflow_provider_imagekit.io.tables.read_rows`, or objects of ImageKit's
        API.
    :param id_column: column of the picture's name; if blank, the first of ``fileId``, ``file_id``, ``id``.
    :param phash_column: column of its hash, which is blank or null for a picture without one; if blank,
        ``pHash`` or ``phash``.
    :raises ImageKitInputError: if a column is missing, a name is blank or a hash is malformed; names the row.
    """
    for number, row in enumerate(rows, start=1):
        if number == 1:
            id_column, phash_column = usual_columns(row, id_column, phash_column)
            check_columns(row, id_column, phash_column)
        name = row.get(id_column)
        if name is None or name == "":
            raise nameless(number, id_column, row)
        if row.get("deleted_at"):
            continue
        attributes = {key: value for key, value in row.items() if key not in (id_column, phash_column)}
        yield HashRecord(str(name), parse_phash(row.get(phash_column), number), attributes)


def columns_in_use(id_column: str, phash_column: str, others: Iterable[str] = ()) -> Columns:
    """
    Return a function that selects the columns that :func:`read_records` needs, for
    :func:`~airflow_provider_imagekit.io.tables.read_rows`.

    :param id_column: as for :func:`read_records`.
    :param phash_column: as for :func:`read_records`.
    :param others: further columns to read.
    """
    in_use, further = _InUse(id_column, phash_column), frozenset(others)
    return partial(in_use, others=further) if further else in_use


class _InUse:
    """Selects the columns of names, hashes and deletion times."""

    optional = ("deleted_at",)

    def __init__(self, id_column: str, phash_column: str) -> None:
        self._given = id_column, phash_column
        names = (id_column,) if id_column else _ID_COLUMNS
        hashes = (phash_column,) if phash_column else _PHASH_COLUMNS
        self.texts = tuple(dict.fromkeys((*names, *hashes, *self.optional)))

    def __call__(self, names: Sequence[str], others: frozenset[str] = frozenset()) -> Sequence[str]:
        key, phash = usual_columns(names, *self._given)
        if key not in names or phash not in names:
            return names  # so that the error can list them
        wanted = {key, phash, *self.optional, *others}
        return [name for name in names if name in wanted]


def usual_columns(names: Collection[str], id_column: str = "", phash_column: str = "") -> tuple[str, str]:
    """Return the columns of names and of hashes: those given, or the first usual ones that a table has."""
    return (
        id_column or next((name for name in _ID_COLUMNS if name in names), _ID_COLUMNS[0]),
        phash_column or next((name for name in _PHASH_COLUMNS if name in names), _PHASH_COLUMNS[0]),
    )


def check_columns(names: Collection[str], id_column: str, phash_column: str) -> None:
    """
    Check that a table has the columns of names and hashes.

    :raises ImageKitInputError: if it does not; lists the columns that it has.
    """
    if id_column not in names:
        raise nameless(1, id_column, names)
    if phash_column not in names:
        raise ImageKitInputError(
            f"There is no column {phash_column!r}, the phash_column.",
            help=f"Name the column of hashes; the columns are: {', '.join(map(str, names))}.",
        )


def nameless(number: int, id_column: str, names: Collection[str]) -> ImageKitInputError:
    """Return the error for a row without a name."""
    return ImageKitInputError(
        f"Row {number} has no {id_column!r}, the id_column.",
        help=f"Name the column that identifies a picture; the columns are: {', '.join(map(str, names))}.",
    )


def parse_phash(value: Any, number: int) -> PHash | None:
    """
    Parse the hash of a row; ``None`` if it is blank.

    :raises InvalidPHashError: if it is malformed; names the row.
    """
    if value is None or value == "":
        return None
    try:
        return PHash.parse(value)
    except InvalidPHashError as error:
        raise InvalidPHashError(f"Row {number}: {error.message}", help=error.help) from None


def read_id_pairs(rows: Iterable[Mapping[str, Any]]) -> frozenset[frozenset[str]]:
    """
    Read pairs of pictures that a person marked as not duplicates of each other.

    :param rows: rows with ``id`` and ``other_id``, as in the table of pairs; those with the ``decision``
        ``keep`` are skipped.
    :raises ImageKitInputError: for a row without these columns.
    """
    return frozenset(
        frozenset((_name(row, "id"), _name(row, "other_id")))
        for row in rows
        if _decision(row) in {"", "not_duplicate"}
    )


def read_kept(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """
    Read the names of pictures that a person chose to keep.

    :param rows: rows with ``id``; those with the ``decision`` ``not_duplicate`` are skipped.
    :raises ImageKitInputError: for a row without ``id``.
    """
    return frozenset(_name(row, "id") for row in rows if _decision(row) in {"", "keep"})


def _decision(row: Mapping[str, Any]) -> str:
    decision = row.get("decision") or ""
    if decision not in _DECISIONS:
        raise ImageKitInputError(
            f"A row of decisions has the decision {decision!r:.60}.", help="Use keep or not_duplicate."
        )
    return str(decision)


def _name(row: Mapping[str, Any], column: str) -> str:
    name = row.get(column)
    if name is None or name == "":
        raise ImageKitInputError(
            f"A row of decisions has no {column!r}.", help=f"Its columns are: {', '.join(map(str, row))}."
        )
    return str(name)
