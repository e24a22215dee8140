"""Runs a library update: list, plan, fetch what changed, publish; resumes where a killed try stopped."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Self

from airflow_provider_imagekit.exceptions import (
    LibraryStoppedError,
    TooManyDeletedFilesError,
    TooManyFailedFilesError,
)
from airflow_provider_imagekit.io.paths import check_writable
from airflow_provider_imagekit.io.progress import Progress, counted
from airflow_provider_imagekit.io.together import remove_leftovers
from airflow_provider_imagekit.library.failures import max_files
from airflow_provider_imagekit.library.fetch import Fetching, FetchProgress, PatientClient
from airflow_provider_imagekit.library.heartbeat import Heartbeat
from airflow_provider_imagekit.library.journal import Journal
from airflow_provider_imagekit.library.lease import Lease
from airflow_provider_imagekit.library.listing import list_again, list_files, recall_results
from airflow_provider_imagekit.library.plan import Plan
from airflow_provider_imagekit.library.published import PublishedTable
from airflow_provider_imagekit.library.table.capture import zone_of
from airflow_provider_imagekit.library.table.coerce import iso
from airflow_provider_imagekit.library.table.privacy import Privacy
from airflow_provider_imagekit.library.table.rows import ChangedBy, RowBuilder
from airflow_provider_imagekit.library.worklist import State, Worklist

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.io.paths import StoragePath
    from airflow_provider_imagekit.library.sources import Source

__all__ = ["LibraryRun", "RunSettings"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """
    Settings of a run.

    :param privacy: which personal data the table may contain.
    :param timezone: time zone of camera clocks for which no other information exists.
    :param changed_by: how a changed file is recognized.
    :param full_refresh: whether to fetch everything and rewrite the whole table.
    :param max_failed: files that may fail: a number (``int``) or a share of the calls (``float``).
    :param max_deleted: files of the table that the listing may lack: a number or a share, too.
    :param threads: number of concurrent metadata calls.
    :param progress_seconds: seconds between progress lines.
    """

    privacy: Privacy = field(default_factory=Privacy)
    timezone: str = "UTC"
    changed_by: ChangedBy = ChangedBy.VERSION
    full_refresh: bool = False
    max_failed: float = 0.05
    max_deleted: float = 0.2
    threads: int = 32
    progress_seconds: float = 10.0


class LibraryRun:
    """
    Updates one table from the files of one source; use it as a context manager.

    A folder ``<table>.run`` beside the table contains ``errors.jsonl`` and, during a run, its journal and its
    lease, which lets only one run at a time work on the table. The table itself is the manifest: it records
    which version of each file is known.

    :param client: sends the requests.
    :param source: the files.
    :param output: the table; its extension selects JSON Lines or Parquet.
    :param settings: settings of the run.
    :param run: identifies the run across all its tries.
    :param run_time: time of the run, the same in all its tries; the ``deleted_at`` of deleted files.
    :param write: receives log lines.
    :param warn: receives warnings.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        client: ImageKitClient,
        source: Source,
        output: StoragePath,
        settings: RunSettings,
        *,
        run: str,
        run_time: datetime,
        write: Callable[[str], None] = log.info,
        warn: Callable[[str], None] = log.warning,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._output = output
        self._settings = settings
        self._run_time = iso(run_time)
        self._write = write
        self._warn = warn
        self._clock = clock
        self._requests_per_second = client.requests_per_second
        self._workplace = output.parent / f"{output.name}.run"
        self._journal = Journal(self._workplace, run=run, settings=_digest(source, settings), clock=clock)
        self._lease = Lease(self._workplace, owner=run)
        self._progress = Progress(
            write, every=settings.progress_seconds, clock=clock, error=LibraryStoppedError
        )
        self._heartbeat = Heartbeat(self._lease, self._progress)
        self._client = PatientClient(client, self._heartbeat)
        self._resources = ExitStack()
        self._builder = RowBuilder(zone_of(settings.timezone), settings.privacy)
        self._table = PublishedTable(
            output, self._workplace, self._builder, self._lease, self._heartbeat, self._resources
        )

    def __enter__(self) -> Self:
        self._worklist = Worklist(self._settings.changed_by)
        self._resources.callback(self._worklist.close)
        self._resources.callback(self._lease.release)
        self._resources.callback(self._journal.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def errors(self) -> StoragePath:
        """Return the path of the errors file."""
        return self._table.errors

    def stop(self) -> None:
        """Stop the run within a second and keep its results; safe to call in a signal handler."""
        self._progress.stop()

    def plan(self, *, dry: bool = False) -> Plan:
        """
        List the files and determine which to fetch.

        :param dry: whether only to plan, without a lease and without writing a journal.
        :raises TableInUseError: unless ``dry``, if another run works on the table.
        :raises TooManyDeletedFilesError: unless ``dry``, if the listing lacks more files than allowed.
        :raises ImageKitError: if the files cannot be listed, or the table cannot be read or written.
        """
        if not dry:
            check_writable(self._output, "output_path")
            self._lease.acquire()
            remove_leftovers(self._workplace)
        self._table.read(ignore=self._settings.full_refresh)
        return self._plan(dry=dry)

    def _plan(self, *, dry: bool = False) -> Plan:
        list_calls = list_files(
            self._client.send,
            self._source,
            self._worklist,
            self._journal,
            table=self._table.fingerprint,
            dry=dry,
            heartbeat=self._heartbeat,
        )
        comparison = self._table.compare(self._worklist, self._settings.changed_by)
        if not dry:
            self._check_deleted(comparison.gone, comparison.before)
        recall_results(self._journal, self._worklist, of_other_runs=not self._settings.full_refresh)
        if self._journal.damaged:
            self._warn(
                f"The journal in {self._workplace} has {counted(self._journal.damaged, 'damaged line')}; "
                "the files recorded there are fetched again."
            )
        return Plan.of(
            self._worklist.counts(),
            deleted=comparison.gone,
            list_calls=list_calls,
            requests_per_second=self._requests_per_second,
        )

    def _check_deleted(self, gone: int, before: int) -> None:
        allowed = max_files(self._settings.max_deleted, before)
        if gone > allowed:
            list_again(self._journal)
            raise TooManyDeletedFilesError(
                f"The listing lacks {gone:,} of the table's {counted(before, 'file')}; "
                f"max_deleted allows {allowed:,}.",
                help='If they were deleted, run once with max_deleted="100%". Otherwise the listing was '
                "incomplete or selects other files. The table is unchanged, and the next try lists again.",
            )

    def fetch(self, plan: Plan) -> Plan:
        """
        Fetch the planned files.

        If too many files fail and some of them were not found (404), they may have been deleted since the
        listing. The files are then listed again, once.

        :return: the plan, or that of the second listing.
        :raises TooManyFailedFilesError: if more files fail than allowed, or none of the new and changed files
            was fetched.
        :raises LibraryStoppedError: if the run was stopped.
        :raises ImageKitError: if every other file would fail as well.
        """
        try:
            try:
                self._fetch(plan)
            except TooManyFailedFilesError:
                if not self._may_have_changed():
                    raise
                plan = self._fetch_again()
            self._check_fetched(plan)
        except TooManyFailedFilesError:
            if self._may_have_changed():
                list_again(self._journal)
            self._table.write_errors(self._worklist)
            raise
        return plan

    def _fetch(self, plan: Plan) -> None:
        settings, waits = self._settings, self._client.rate_limit_stats
        fetching = Fetching(
            self._client,
            self._worklist,
            self._journal,
            self._builder.build,
            self._heartbeat,
            settings.threads,
        )
        progress = FetchProgress(
            plan.metadata_calls, settings.threads, waits, self._write, settings.progress_seconds, self._clock
        )
        fetching.run(plan.metadata_calls, settings.max_failed, progress)

    def _fetch_again(self) -> Plan:
        self._write("Too many files failed, some of them with 404: listing again.")
        list_again(self._journal)
        self._worklist.clear()
        plan = self._plan()
        self._write(str(plan))
        self._fetch(plan)
        return plan

    def _may_have_changed(self) -> bool:
        """Return whether listed files were not found, so the listing may be out of date."""
        return self._source.costs_calls and "ImageKitNotFoundError" in self._worklist.error_classes()

    def _check_fetched(self, plan: Plan) -> None:
        """Warn about failed files; raise an error if none of the new and changed files was fetched."""
        counts, kinds = self._worklist.counts(), self._worklist.error_classes()
        failed = counts[State.FAILED]
        if not failed:
            return
        mostly, how_many = kinds.most_common(1)[0]
        sentence = (
            f"{failed:,} of {counted(failed + counts[State.FETCHED], 'file')} failed, "
            f"mostly with {mostly} ({how_many:,})."
        )
        lasting = all(error["lasting"] for error in self._worklist.errors())
        only_failed = plan.new + plan.changed and not counts[State.FETCHED]
        if only_failed and not (lasting and counts[State.UNCHANGED]):
            raise TooManyFailedFilesError(
                f"No file was fetched: {sentence}", help=f"See {self.errors}.", lasting=lasting
            )
        self._warn(f"{sentence} See {self.errors}.")

    def publish(self) -> dict[str, int]:
        """
        Write the table and the errors file, publish both together, and then clear the journal.

        :return: number of rows of the table, and number of files by result.
        :raises TableInUseError: if the table was replaced since the plan, or this run lost its lease.
        """
        self._journal.flush()
        written = self._table.replace(self._worklist, self._run_time)
        counts = self._worklist.counts()
        self._journal.clear(of_others=not self._settings.full_refresh)
        return {
            "rows": written,
            "files": counts.total(),
            "fetched": counts[State.FETCHED],
            "failed": counts[State.FAILED],
            "unchanged": counts[State.UNCHANGED],
            "unreadable": counts[State.UNREADABLE],
        }


def _digest(source: Source, settings: RunSettings) -> str:
    """Return a digest of everything on which the events of a journal depend."""
    depends_on = (source.describe(), settings.privacy, settings.timezone, settings.changed_by)
    return hashlib.sha256(repr((*depends_on, settings.full_refresh)).encode()).hexdigest()
