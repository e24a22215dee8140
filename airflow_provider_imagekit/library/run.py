"""One run over a library: list, plan, fetch what changed, publish; and go on where a killed try stopped."""

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
    How a run goes about it.

    :param privacy: what the table may hold of people.
    :param timezone: zone of cameras' clocks of which nothing else is known.
    :param changed_by: what shows that a file has changed.
    :param full_refresh: whether to fetch everything and write the whole table again.
    :param max_failed: files that may fail: a number (``int``) or a share of the calls (``float``).
    :param max_deleted: files of the table that the listing may lack: a number or a share, too.
    :param threads: metadata calls at once.
    :param progress_seconds: seconds between lines about the progress.
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
    Brings one table up to date with the files of one source; use it as a context manager.

    Beside the table there is a folder ``<table>.run`` with ``errors.jsonl``, and while a run is under way its
    journal and its lease: one run at a time works on a table. The table itself is the manifest: it says which
    version of each file is known.

    :param client: asks ImageKit.
    :param source: which files.
    :param output: the table; its ending says whether it is JSON Lines or Parquet.
    :param settings: how to go about it.
    :param run: what identifies the run over all its tries.
    :param run_time: the time of the run, the same in all its tries; it marks what is deleted.
    :param write: takes the lines of the log.
    :param warn: takes its warnings.
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
        """Make the run end within a second and keep what is done; safe to call in a signal handler."""
        self._progress.stop()

    def plan(self, *, dry: bool = False) -> Plan:
        """
        List the files and find out what is to be fetched.

        :param dry: whether to leave no journal, since nothing follows.
        :raises TableInUseError: unless ``dry``, if another run works on the table.
        :raises TooManyDeletedFilesError: unless ``dry``, if the listing lacks more files than it may.
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
                "what stood there is fetched again."
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
                help='If they are deleted indeed, run once with max_deleted="100%". If not, the listing was '
                "cut short, or is one of other files. The table is unchanged, and the next try lists again.",
            )

    def fetch(self, plan: Plan) -> Plan:
        """
        Fetch what the plan says.

        If too many files fail and some of them were not found (404), they may have been deleted since the
        listing. The files are then listed again, once.

        :return: the plan, or the one of the second listing.
        :raises TooManyFailedFilesError: if more files fail than may, or nothing was fetched though something
            was to be.
        :raises LibraryStoppedError: if the run was told to stop.
        :raises ImageKitError: if nothing comes back at all.
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
        """Return whether listed files were not found, so that the listing may be out of date."""
        return self._source.costs_calls and "ImageKitNotFoundError" in self._worklist.error_classes()

    def _check_fetched(self, plan: Plan) -> None:
        """Warn of the files that failed, and raise if that is all that came of the new and changed ones."""
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
        Write the table and the errors file and put both in place whole; then the journal has done its work.

        :return: how many rows the table has, and how many files ended how.
        :raises TableInUseError: if the table is no longer the one that was planned against.
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
    """Return what changes with everything on which the events of a journal depend."""
    depends_on = (source.describe(), settings.privacy, settings.timezone, settings.changed_by)
    return hashlib.sha256(repr((*depends_on, settings.full_refresh)).encode()).hexdigest()
