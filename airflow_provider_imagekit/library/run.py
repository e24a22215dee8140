"""One run over a library: list, plan, fetch what changed, publish; and go on where a killed try stopped."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

from airflow_provider_imagekit.client import endpoints
from airflow_provider_imagekit.exceptions import (
    ImageKitError,
    LibraryStoppedError,
    TableInUseError,
    TooManyDeletedFilesError,
    TooManyFailedFilesError,
)
from airflow_provider_imagekit.io.paths import check_writable, copy, fingerprint
from airflow_provider_imagekit.io.tables import json_line
from airflow_provider_imagekit.io.together import appear_together, atomic_write, remove_leftovers
from airflow_provider_imagekit.library.failures import (
    Failures,
    error_row,
    is_lasting,
    is_of_the_run,
    max_files,
)
from airflow_provider_imagekit.library.fetch import Outcome, fetch_all, wait_for_limit
from airflow_provider_imagekit.library.journal import Journal
from airflow_provider_imagekit.library.lease import Lease
from airflow_provider_imagekit.library.listing import list_again, list_files, recall_results
from airflow_provider_imagekit.library.merge import Comparison, merged
from airflow_provider_imagekit.library.plan import Plan
from airflow_provider_imagekit.library.progress import Progress
from airflow_provider_imagekit.library.table.capture import zone_of
from airflow_provider_imagekit.library.table.check import usable
from airflow_provider_imagekit.library.table.coerce import iso
from airflow_provider_imagekit.library.table.files import writable_format_of, write_table
from airflow_provider_imagekit.library.table.privacy import Privacy
from airflow_provider_imagekit.library.table.rows import ChangedBy, RowBuilder
from airflow_provider_imagekit.library.table.stored import stored_table
from airflow_provider_imagekit.library.worklist import State, Task, Worklist

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.client.endpoints import Request
    from airflow_provider_imagekit.io.paths import StoragePath
    from airflow_provider_imagekit.library.sources import Source
    from airflow_provider_imagekit.library.table.stored import StoredTable

__all__ = ["LibraryRun", "RunSettings"]

log = logging.getLogger(__name__)

T = TypeVar("T")


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
        self._client = client
        self._source = source
        self._output = output
        self._form = writable_format_of(output.name)
        self._settings = settings
        self._as_of = iso(run_time)
        self._write = write
        self._warn = warn
        self._clock = clock
        self._workplace = output.parent / f"{output.name}.run"
        self._builder = RowBuilder(zone_of(settings.timezone), settings.privacy)
        depends_on = (source.describe(), settings.privacy, settings.timezone, settings.changed_by)
        digest = hashlib.sha256(repr((*depends_on, settings.full_refresh)).encode()).hexdigest()
        self._journal = Journal(self._workplace, run=run, settings=digest, clock=clock)
        self._lease = Lease(self._workplace, owner=run)
        self._resources = ExitStack()
        self._stopped = False
        self._stored: StoredTable | None = None

    def __enter__(self) -> Self:
        self._ledger = Worklist(self._settings.changed_by)
        self._resources.callback(self._ledger.close)
        self._resources.callback(self._lease.release)
        self._resources.callback(self._journal.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def errors(self) -> StoragePath:
        """Return the path of the errors file."""
        return self._workplace / "errors.jsonl"

    def stop(self) -> None:
        """Make the run end within a second and keep what is done; safe to call in a signal handler."""
        self._stopped = True

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
        self._planned_against = fingerprint(self._output)
        copied = self._copied()
        self._stored = None if copied is None else stored_table(copied, self._form)
        return self._plan(dry=dry)

    def _plan(self, *, dry: bool = False) -> Plan:
        list_calls = list_files(
            self._send,
            self._source,
            self._ledger,
            self._journal,
            table=self._planned_against,
            dry=dry,
            check=self._check,
        )
        self._comparison = Comparison(self._ledger, self._settings.changed_by, self._builder.redact)
        if self._stored is not None:
            self._comparison.compare(self._watched(usable(self._stored.rows(), str(self._output))))
        gone = self._comparison.gone
        if not dry:
            self._check_deleted(gone, self._comparison.before)
        recall_results(self._journal, self._ledger, of_other_runs=not self._settings.full_refresh)
        if self._journal.damaged:
            self._warn(
                f"{self._journal.damaged:,} lines of the journal in {self._workplace} are damaged; "
                "what they held is fetched again."
            )
        counts = self._ledger.counts()
        return Plan(
            files=counts.total(),
            new=counts[State.NEW],
            changed=counts[State.CHANGED],
            failed_before=counts[State.FAILED_BEFORE],
            fetched_before=counts[State.FETCHED],
            unchanged=counts[State.UNCHANGED],
            unreadable=counts[State.UNREADABLE] + counts[State.FAILED],
            deleted=gone,
            list_calls=list_calls,
            requests_per_second=self._client.requests_per_second,
        )

    def _check_deleted(self, gone: int, before: int) -> None:
        allowed = max_files(self._settings.max_deleted, before)
        if gone > allowed:
            list_again(self._journal)
            raise TooManyDeletedFilesError(
                f"{gone:,} of the table's {before:,} files are not in the listing; "
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
                if not (self._source.costs_calls and self._kinds()["ImageKitNotFoundError"]):
                    raise
                self._write("Too many files failed, some of them with 404: listing again.")
                list_again(self._journal)
                self._ledger.clear()
                plan = self._plan()
                self._write(str(plan))
                self._fetch(plan)
            self._check_fetched(plan)
        except TooManyFailedFilesError:
            if self._source.costs_calls and self._kinds()["ImageKitNotFoundError"]:
                list_again(self._journal)
            with atomic_write(self.errors, self._workplace) as stream:
                self._write_errors(stream)
            raise
        return plan

    def _fetch(self, plan: Plan) -> None:
        settled = self._ledger.counts()
        tried_before = settled[State.FETCHED] + settled[State.FAILED]
        failures = Failures(self._settings.max_failed, plan.metadata_calls + tried_before)
        threads, every = self._settings.threads, self._settings.progress_seconds
        progress = Progress(plan.metadata_calls, threads, self._client.waits, self._write, every, self._clock)
        for _ in range(settled[State.FAILED]):
            failures.count(lasting=True)  # only what lasts is recalled from an earlier try
        failures.check()
        done = 0
        for outcome in fetch_all(self._ledger.tasks(), self._ask, threads=threads):
            if self._stopped:
                raise LibraryStoppedError(f"Stopped after {done:,} files, which the next try has.")
            self._lease.renew()
            if outcome is not None:
                done += 1
                self._settle(outcome, failures)
            progress.look(done, failures.failed)
        self._write(progress.line(done, failures.failed))

    def _check_fetched(self, plan: Plan) -> None:
        """Warn of the files that failed, and raise if that is all that came of the new and changed ones."""
        counts, kinds = self._ledger.counts(), self._kinds()
        failed = counts[State.FAILED]
        if not failed:
            return
        mostly, how_many = kinds.most_common(1)[0]
        sentence = (
            f"{failed:,} of {failed + counts[State.FETCHED]:,} files failed, "
            f"mostly with {mostly} ({how_many:,})."
        )
        lasting = all(error["lasting"] for error in self._ledger.errors())
        if (
            plan.new + plan.changed
            and not counts[State.FETCHED]
            and not (lasting and counts[State.UNCHANGED])
        ):
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
        stored = () if self._stored is None else self._watched(self._stored.pieces(self._comparison.marks))
        rows = merged(stored, self._ledger.entries(), run_time=self._as_of, redact=self._builder.redact)
        with appear_together(self._workplace) as write:
            with write(self.errors) as stream:
                self._write_errors(stream)
            if self._lease.of_mapped_task:
                with write(self._lease.writer) as stream:
                    self._lease.sign(stream)
            with write(self._output) as stream:
                written = write_table(stream, rows, self._form)
            self._check_table()
        counts = self._ledger.counts()
        self._journal.clear(of_others=not self._settings.full_refresh)
        return {
            "rows": written,
            "files": counts.total(),
            "fetched": counts[State.FETCHED],
            "failed": counts[State.FAILED],
            "unchanged": counts[State.UNCHANGED],
            "unreadable": counts[State.UNREADABLE],
        }

    def _check_table(self) -> None:
        self._lease.check()
        if fingerprint(self._output) != self._planned_against:
            raise TableInUseError(
                f"{self._output} was replaced while this run was under way.",
                help="The next try plans again, from the table as it is now.",
            )

    def _check(self) -> None:
        if self._stopped:
            raise LibraryStoppedError("Stopped while listing.")
        self._lease.renew()

    def _watched(self, items: Iterable[T]) -> Iterator[T]:
        for number, item in enumerate(items):
            if number % 1000 == 0:
                self._lease.renew()
            yield item

    def _copied(self) -> IO[bytes] | None:
        if self._settings.full_refresh or self._planned_against is None:
            return None
        # Nothing of it is left when the process is killed, and it can seek.
        copied = tempfile.TemporaryFile(prefix="imagekit-")  # noqa: SIM115
        self._resources.callback(copied.close)
        copy(self._output, copied)
        return copied

    def _send(self, request: Request) -> Any:
        """Send a request; wait for the account's limit however long that takes."""
        return wait_for_limit(
            lambda: self._client.call(request),
            stopped=lambda: self._stopped,
            waits=self._client.waits,
            sleep=self._client.sleep,
        )

    def _ask(self, task: Task) -> dict[str, Any]:
        if task.file_id is not None:
            metadata: dict[str, Any] = self._send(endpoints.file_metadata(task.file_id))
        else:
            metadata = self._send(endpoints.remote_url_metadata(task.url))
        return metadata

    def _settle(self, outcome: Outcome, failures: Failures) -> None:
        """Keep what came of one file."""
        task, error = outcome.task, outcome.error
        event: dict[str, Any] = {"key": task.key, "version": task.version}
        if error is None:
            row = self._builder.build(outcome.metadata or {})
            self._ledger.settle(task.key, task.version, State.FETCHED, row)
            self._journal.append(event | {"row": row})
            failures.succeed()
        elif is_of_the_run(error) or not isinstance(error, ImageKitError):
            raise error
        else:
            failed = error_row(self._ledger.listing(task.key), error)
            self._ledger.settle(task.key, task.version, State.FAILED, failed)
            if is_lasting(error):
                self._journal.append(event | {"failed": failed})
            failures.fail(error)

    def _kinds(self) -> Counter[str]:
        """Return how many files failed with which class of error."""
        return Counter(error["error"] for error in self._ledger.errors())

    def _write_errors(self, stream: IO[bytes]) -> None:
        for row in self._ledger.errors():
            stream.write(json_line(row))
