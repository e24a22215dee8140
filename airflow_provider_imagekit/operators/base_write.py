"""Base of the operators that change something: the dry run and the selection of files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_imagekit.arguments import flag, is_absent, items, refuse_nothing, text
from airflow_provider_imagekit.client.endpoints import parse_file_id
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.tables import Columns, columns_needed
from airflow_provider_imagekit.operators.base import ImageKitOperator
from airflow_provider_imagekit.operators.dry_run import DryRunArgument

__all__ = ["WritingOperator", "columns_matched", "file_ids_of", "matching_rows"]

_ID_COLUMNS = ("fileId", "file_id", "id")


class WritingOperator(ImageKitOperator):
    """Base of the operators that change something."""

    dry_run = DryRunArgument()  # type: ignore[assignment]

    def _only_plan(self, plan: str) -> bool:
        """Log the plan, and return whether this is a dry run."""
        only = flag(self.dry_run, "dry_run")
        self.log.info("%s%s", plan, " dry_run is set, so nothing is changed." if only else "")
        return only

    def _refuse_nothing(self, names: Iterable[str], given: Sequence[str]) -> None:
        """Refuse an argument that the DAG author passed and whose template rendered to nothing."""
        refuse_nothing({name: getattr(self, name) for name in names}, given)


def file_ids_of(value: Any, argument: str) -> list[str]:
    """
    Parse file ids and remove repeated ones.

    :param value: an id, a list of ids or of records with ``fileId``, or a comma-separated text.
    :param argument: its name, for the error.
    :raises ImageKitInputError: for anything else.
    """
    given = [value] if isinstance(value, int | Mapping) else items(value, argument)
    found = [each.get("fileId") if isinstance(each, Mapping) else each for each in given]
    return list(dict.fromkeys(parse_file_id(text(each, argument), argument) for each in found))


def columns_matched(where: Iterable[str], id_column: str | None, others: Iterable[str]) -> Columns:
    """
    Return a function that selects the columns that :func:`matching_rows` needs.

    :param where: columns of the conditions.
    :param id_column: as for :func:`matching_rows`.
    :param others: further columns to read.
    """

    def in_use(names: Sequence[str]) -> Collection[str]:
        return columns_needed([_usual_id_column(names, id_column), *where, *others])(names)

    return in_use


def _usual_id_column(names: Collection[str], id_column: str | None) -> str:
    return id_column or next((name for name in _ID_COLUMNS if name in names), _ID_COLUMNS[0])


def matching_rows(
    rows: Iterable[Mapping[str, Any]], where: Mapping[str, Any], id_column: str | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """
    Yield each matching row with its file id.

    :param rows: the rows.
    :param where: required values by column; a list matches any of its values.
    :param id_column: column of the file ids; by default ``fileId``, ``file_id`` or ``id``.
    :raises ImageKitInputError: if a column is missing, or a row has no id.
    """
    conditions = [(name, _is_in(value)) for name, value in where.items()]
    for number, row in enumerate(rows, start=1):
        if number == 1:
            id_column = _usual_id_column(row, id_column)
        for name in (str(id_column), *where):
            if name not in row:
                columns = ", ".join(map(str, row))
                raise ImageKitInputError(
                    f"Row {number} has no column {name!r}.", help=f"There are: {columns}."
                )
        if not all(matches(row[name]) for name, matches in conditions):
            continue
        file_id = row[str(id_column)]
        if is_absent(file_id):
            raise ImageKitInputError(
                f"Row {number} has no id: {id_column!r} is {file_id!r}.",
                help="Select the rows with where, or pass the column of the ids as id_column.",
            )
        yield parse_file_id(text(file_id, str(id_column)), str(id_column)), row


def _is_in(value: Any) -> Callable[[Any], bool]:
    """Return a test of a value. Templates and CSV turn values into text, so ``true`` matches ``True``."""
    values = value if isinstance(value, list | tuple) else [value]
    spellings = {str(each).lower() for each in values if each is not None}
    return lambda found: found in values or (found is not None and str(found).lower() in spellings)
