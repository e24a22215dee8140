"""Read pairs of pictures that a person judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.phash import PHash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["LabelledPair", "read_labels"]

_SAME: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """
    Two pictures that a person judged as the same or not.

    :param distance: 0 to 64 bits.
    :param same: the person's judgement.
    """

    distance: int
    same: bool


def read_labels(
    rows: Iterable[Mapping[str, Any]], phashes: Mapping[str, PHash | None] | None = None
) -> Iterator[LabelledPair]:
    """
    Read judged pairs; those with a picture that has no hash are skipped.

    :param rows: with ``same`` (true or false, yes or no, 1 or 0), and either ``phash`` and ``other_phash`` or
        ``id`` and ``other_id``.
    :param phashes: the library's hashes by name, for rows with names.
    :raises ImageKitInputError: if a row lacks a column, names an unknown picture, or is invalid.
    """
    for number, row in enumerate(rows, start=1):
        same = _SAME.get(str(row.get("same")).strip().lower())
        if same is None:
            raise ImageKitInputError(
                f"Label {number} has {row.get('same')!r:.60} in the column 'same'.",
                help=f"Use true or false; the columns of the row are: {', '.join(map(str, row))}.",
            )
        phash = _phash(row, "phash", "id", phashes or {}, number)
        other = _phash(row, "other_phash", "other_id", phashes or {}, number)
        if phash is not None and other is not None:
            yield LabelledPair(phash.distance(other), same)


def _phash(
    row: Mapping[str, Any], column: str, id_column: str, phashes: Mapping[str, PHash | None], number: int
) -> PHash | None:
    if row.get(column):
        return PHash.parse(row[column])
    name = str(row.get(id_column))
    if name not in phashes:
        raise ImageKitInputError(
            f"Label {number} has no {column!r}, and its {id_column!r} is not a picture of the library.",
            help="Pass the two hashes, or two names that are in the table of hashes.",
        )
    return phashes[name]
