"""Mixin of operators that read tables of hashes by column, from storage or from an argument."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_imagekit.arguments import meant, named, optional_text, refuse_nothing, text
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.object_storage import StoredTable, exists, storage_path
from airflow_provider_imagekit.io.progress import track
from airflow_provider_imagekit.io.tables import columns_of, format_of, storable
from airflow_provider_imagekit.operators.base import LocalWork
from airflow_provider_imagekit.similarity.picture_columns import (
    KeptColumns,
    Pictures,
    TakenAttributes,
    read_pictures,
)
from airflow_provider_imagekit.similarity.records import ALIASES, columns_in_use

if TYPE_CHECKING:
    from airflow_provider_imagekit.io.tables import Columns

__all__ = ["HashTables"]


class HashTables(LocalWork):
    """Mixin that reads an operator's tables. The attributes are the operator's arguments."""

    output_path: str
    input_path: str | None
    records: Sequence[Mapping[str, Any]] | None
    id_column: str | None
    phash_column: str | None
    known_path: str | None = None
    reference_path: str | None = None

    #: Arguments with the path of a table to read.
    _table_arguments: ClassVar[tuple[str, ...]] = ("input_path",)
    _text_arguments: ClassVar[tuple[str, ...]] = ("id_column", "phash_column")
    #: Names of the columns in the tables that were read, if the operator collects them.
    _columns_found: dict[str, None] | None = None
    #: The table arguments that the DAG author passed.
    _named: tuple[str, ...] = ()

    def _given_tables(self) -> tuple[str, ...]:
        """Return the table arguments that the DAG author passed, before a template can render to nothing."""
        return tuple(name for name in self._table_arguments if getattr(self, name) is not None)

    def _read_texts(self) -> None:
        refuse_nothing({name: getattr(self, name) for name in self._named}, self._named)
        self.output_path = text(self.output_path, "output_path")
        for name in (*self._text_arguments, *self._table_arguments):
            setattr(self, name, optional_text(getattr(self, name), name))
        for name in self._named:
            with named(name):
                format_of(getattr(self, name))

    def _tables(self, resources: ExitStack) -> dict[str, Pictures]:
        """Return the tables for :func:`find_near_duplicates`."""
        known = self._optional_pictures(resources, "known_path")
        records = self._input_pictures(resources)
        reference = Pictures.of_records(())
        if self.reference_path:
            reference = self._pictures(resources, "reference_path")
        records = records.not_in(known) if len(known) else records
        return {"records": records, "known": known, "reference": reference}

    def _input_pictures(self, resources: ExitStack) -> Pictures:
        if self._reads_input_path():
            return self._pictures(resources, "input_path")
        with named("records"):
            return self._kept(columns_of(self._given_rows(), self._columns(self._other_columns())))

    def _pictures(self, resources: ExitStack, argument: str) -> Pictures:
        path = getattr(self, argument)
        with named(f"{argument} {path}"):
            table = resources.enter_context(StoredTable(path))
            if not table.can_take:
                return self._kept(table.columns(self._columns(self._other_columns())))
            return self._read_pictures(table.columns(self._columns()), TakenAttributes(table))

    def _kept(self, chunks: Iterator[dict[str, list[Any]]]) -> Pictures:
        return self._read_pictures(chunks, KeptColumns())

    def _read_pictures(
        self, chunks: Iterator[dict[str, list[Any]]], attributes: KeptColumns | TakenAttributes
    ) -> Pictures:
        counted = track("Reading", chunks, unit="rows", size=lambda chunk: len(next(iter(chunk.values()))))
        columns = {"id_column": self.id_column or "", "phash_column": self.phash_column or ""}
        return read_pictures(counted, attributes, **columns)

    def _optional_pictures(self, resources: ExitStack, argument: str) -> Pictures:
        if self._table_exists(argument):
            return self._pictures(resources, argument)
        return Pictures.of_records(())

    def _table_exists(self, argument: str) -> bool:
        """Return whether a table exists; it may not exist before the first run."""
        path = getattr(self, argument)
        if path and not exists(path):
            storage_path(path, argument)  # refuses a relative path, which is a mistake
            self.log.warning("%s: There is no file at %s yet; the table is treated as empty.", argument, path)
            return False
        return bool(path)

    def _reads_input_path(self) -> bool:
        """Return whether the input is the table at ``input_path`` rather than ``records``."""
        if bool(self.input_path) == (self.records is not None):
            raise ImageKitInputError("Exactly one of input_path and records is required.")
        return bool(self.input_path)

    def _given_rows(self) -> list[dict[str, Any]]:
        records: Any = self.records
        if not isinstance(records, Sequence) or not all(isinstance(row, Mapping) for row in records):
            raise ImageKitInputError(
                f"records is {records!r:.100}.",
                help='Pass a list of objects such as {"fileId": …, "pHash": …}.',
            )
        return [storable(row) for row in records]

    def _columns(self, others: Iterable[str] = ()) -> Columns:
        """Return a function that selects columns, and collects the names if the operator needs them."""
        choose = columns_in_use(self.id_column or "", self.phash_column or "", others)
        found = self._columns_found
        if found is None:
            return choose

        def collect(names: Sequence[str]) -> Collection[str]:
            found.update(dict.fromkeys(names))
            return choose(names)

        return collect

    def _check_named(self, argument: str, names: Iterable[str]) -> None:
        """Refuse names that are not columns of the tables that were read."""
        found = self._columns_found or {}
        for name in names:
            if found and not any(column in found for column in ALIASES.get(name, (name,))):
                raise ImageKitInputError(
                    f"{argument} names {name!r}, which is not a column of the tables.",
                    help=f"{meant(name, found)}There are: {', '.join(map(str, found))}.",
                )

    def _other_columns(self) -> Iterable[str]:
        """Return the columns to read besides id and hash."""
        return ()

    def _path(self, name: str) -> str:
        if not self.output_path.strip():
            raise ImageKitInputError(
                f"output_path is {self.output_path!r}.", help="Pass a folder to write to."
            )
        return f"{self.output_path.rstrip('/')}/{name}"
