"""The published table: read from a local copy that no other run can change, and replaced atomically."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING

from airflow_provider_imagekit.exceptions import TableInUseError
from airflow_provider_imagekit.io.paths import copy, fingerprint
from airflow_provider_imagekit.io.tables import json_line
from airflow_provider_imagekit.io.together import appear_together, atomic_write
from airflow_provider_imagekit.library.merge import Comparison, merged
from airflow_provider_imagekit.library.table.check import usable
from airflow_provider_imagekit.library.table.files import writable_format_of, write_table
from airflow_provider_imagekit.library.table.stored import REWRITTEN, Known, rows_in, stored_table

if TYPE_CHECKING:
    from airflow_provider_imagekit.io.paths import StoragePath
    from airflow_provider_imagekit.library.heartbeat import Heartbeat
    from airflow_provider_imagekit.library.lease import Lease
    from airflow_provider_imagekit.library.table.rows import ChangedBy, RowBuilder
    from airflow_provider_imagekit.library.table.schema import Row
    from airflow_provider_imagekit.library.table.stored import StoredTable
    from airflow_provider_imagekit.library.worklist import Worklist

__all__ = ["PublishedTable"]


class PublishedTable:
    """
    A library's table and its errors file.

    :param path: the table; its extension selects JSON Lines or Parquet.
    :param workplace: folder on the same storage for unfinished files and the errors file.
    :param builder: redacts rows of earlier runs.
    :param lease: the right to replace the table.
    :param heartbeat: called regularly while the table is read and written.
    :param resources: closes the copy.
    """

    def __init__(
        self,
        path: StoragePath,
        workplace: StoragePath,
        builder: RowBuilder,
        lease: Lease,
        heartbeat: Heartbeat,
        resources: ExitStack,
    ) -> None:
        self._path = path
        self._form = writable_format_of(path.name)
        self._workplace = workplace
        self._builder = builder
        self._lease = lease
        self._heartbeat = heartbeat
        self._resources = resources
        self._stored: StoredTable | None = None
        self._marks, self._unlisted = bytearray(), 0
        #: Path of the errors file.
        self.errors = workplace / "errors.jsonl"
        #: Fingerprint of the table that was read, to detect a replacement; ``None`` if there was no table.
        self.fingerprint: str | None = None

    def read(self, *, ignore: bool) -> None:
        """
        Record the table's fingerprint, and copy the table.

        :param ignore: whether to ignore all its rows.
        """
        self.fingerprint = fingerprint(self._path)
        if self.fingerprint is None or ignore:
            return
        # A temporary file can seek, and it is removed even if the process is killed.
        copied = tempfile.TemporaryFile(prefix="imagekit-")  # noqa: SIM115
        self._resources.callback(copied.close)
        copy(self._path, copied)
        self._stored = stored_table(copied, self._form)

    def compare(self, worklist: Worklist, changed_by: ChangedBy) -> Comparison:
        """
        Compare the rows with the files of the selection, and record the state of each file in the worklist.

        :param worklist: the files.
        :param changed_by: how a changed file is recognized.
        :raises ImageKitInputError: if the table cannot be read, or was not written by this operator.
        """
        comparison = Comparison(worklist, changed_by, self._builder.allows)
        if self._stored is not None:
            known = Known(worklist.listings, self._builder.patterns)
            rows = usable(self._stored.rows(known), str(self._path))
            comparison.compare(self._heartbeat.track("Comparing the table", rows, None))
        self._marks, self._unlisted = comparison.marks, comparison.unlisted
        return comparison

    def replace(self, worklist: Worklist, run_time: str) -> int:
        """
        Write the new table and the errors file, and publish both together.

        :param worklist: the files and their results.
        :param run_time: ``deleted_at`` of files that the listing lacks.
        :return: number of rows of the table.
        :raises TableInUseError: if the table was replaced since it was read, or this run lost its lease.
        """
        for place in worklist.overruled():
            self._marks[place] = REWRITTEN
        pieces = () if self._stored is None else self._stored.pieces(self._marks)
        new = merged(pieces, worklist.entries(), run_time=run_time, redact=self._builder.redact)
        total = worklist.counts().total() + self._unlisted
        new = self._heartbeat.track("Writing the table", new, total, rows_in)
        with appear_together(self._workplace) as write:
            with write(self.errors) as stream:
                _write_errors(worklist.errors(), stream)
            if (mark := self._lease.mark).of_mapped_task:
                with write(mark.path) as stream:
                    mark.write(stream)
            with write(self._path) as stream:
                written = write_table(stream, new, self._form)
            self._check()
        return written

    def write_errors(self, worklist: Worklist) -> None:
        """Write only the errors file; the table stays unchanged."""
        with atomic_write(self.errors, self._workplace) as stream:
            _write_errors(worklist.errors(), stream)

    def _check(self) -> None:
        self._lease.check()
        if fingerprint(self._path) != self.fingerprint:
            raise TableInUseError(
                f"{self._path} was replaced during this run.",
                help="The next try starts from the current table.",
            )


def _write_errors(errors: Iterable[Row], stream: IO[bytes]) -> None:
    for row in errors:
        stream.write(json_line(row))
