"""One run over a library: list, plan, fetch what changed, publish; and go on where a killed try stopped."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_imagekit.exceptions import (
    ImageKitError,
    LibraryStoppedError,
    TooManyDeletedFilesError,
    TooManyFailedFilesError,
)
from airflow_provider_imagekit.io.paths import atomic_write, copy
from airflow_provider_imagekit.io.tables import json_line
from airflow_provider_imagekit.library.failures import (
    Failures,
    error_row,
    is_lasting,
    is_of_the_run,
    max_files,
)
from airflow_provider_imagekit.library.fetch import Outcome, fetch_all
from airflow_provider_imagekit.library.journal import Journal
from airflow_provider_imagekit.library.listing import list_files, recall_results
from airflow_provider_imagekit.library.merge import compare, in_order, merged
from airflow_provider_imagekit.library.plan import Plan
from airflow_provider_imagekit.library.progress import Progress
from airflow_provider_imagekit.library.table.capture import zone_of
from airflow_provider_imagekit.library.table.coerce import iso
from airflow_provider_imagekit.library.table.files import read_table, writable_format_of, write_table
from airflow_provider_imagekit.library.table.privacy import Privacy
from airflow_provider_imagekit.library.table.rows import RowBuilder
from airflow_provider_imagekit.library.worklist import State, Task, Worklist

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.io.paths import StoragePath
    from airflow_provider_imagekit.library.sources import Source
    from airflow_provider_imagekit.library.table.schema import Row

__all__ = ["LibraryRun", "RunSettings"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """
    How a run goes about it.

    :param privacy: what the table may hold of people.
    :param timezone: zone of cameras' clocks of which nothing else is known.
    :param full_refresh: whether to fetch everything and write the table anew.
    :param max_failed: files that may fail: a number (``int``) or a share of the calls (``float``).
    :param max_deleted: files of the table that the listing may lack: a number or a share, too.
    :param threads: metadata calls at once.
    :param progress_seconds: seconds between lines about the progress.
    """

    privacy: Privacy = field(default_factory=Privacy)
    timezone: str = "UTC"
    full_refresh: bool = False
    max_failed: float = 0.05
    max_deleted: float = 0.2
    threads: int = 32
    progress_seconds: float = 10.0


class LibraryRun:
    """
    Brings one table up to date with the files of one source; use it as a context manager.

    Beside the table there is a folder ``<table>.run`` with ``errors.jsonl``, and while a run is under way its
    journal. The table itself is the manifest: it tells which version of each file is known.

    :param client: asks ImageKit.
    :param source: which files.
    :param output: the table; its ending says whether it is JSON Lines or Parquet.
    :param settings: how to go about it.
    :param run: what identifies the run over all its tries.
    :param run_time: the time of the run, the same in all its tries; it marks what is deleted.
    :param write: takes the lines of the log.
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._source = source
        self._output = output
        self._form = writable_format_of(output.name)
        self._settings = settings
        self._as_of = iso(run_time)
        self._write = write
        self._clock = clock
        self._workplace = output.parent / f"{output.name}.run"
        self._builder = RowBuilder(zone_of(settings.timezone), settings.privacy)
        depends_on = (source.describe(), settings.privacy, settings.timezone, settings.full_refresh)
        digest = hashlib.sha256(repr(depends_on).encode()).hexdigest()
        self._journal = Journal(self._workplace, run=run, settings=digest, clock=clock)
        self._resources = ExitStack()
        self._stopped = False

    def __enter__(self) -> Self:
        folder = tempfile.TemporaryDirectory(prefix="imagekit-library-")
        self._scratch = Path(self._resources.enter_context(folder))
        self._ledger = Worklist(self._scratch / "worklist.sqlite")
        self._resources.callback(self._ledger.close)
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
        :raises TooManyDeletedFilesError: unless ``dry``, if the listing lacks more files than it may.
        :raises ImageKitError: if the files cannot be listed, or the published table cannot be used.
        """
        list_calls = list_files(
            self._client, self._source, self._ledger, self._journal, dry=dry, stopped=lambda: self._stopped
        )
        before, gone = compare(self._published(), self._ledger)
        if not dry:
            self._check_deleted(gone, before)
        recall_results(self._journal, self._ledger, of_other_runs=not self._settings.full_refresh)
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
            self._journal.append({"list_again": True})
            raise TooManyDeletedFilesError(
                f"{gone:,} of the table's {before:,} files are not in the listing; "
                f"max_deleted allows {allowed:,}.",
                help='If they are deleted indeed, run once with max_deleted="100%". If not, the listing was '
                "cut short, or is one of other files. The table is unchanged, and the next try lists again.",
            )

    def fetch(self, plan: Plan) -> None:
        """
        Fetch what the plan says.

        :raises TooManyFailedFilesError: if more files fail than may.
        :raises LibraryStoppedError: if the run was told to stop.
        :raises ImageKitError: if nothing comes back at all.
        """
        failures = Failures(self._settings.max_failed, plan.metadata_calls)
        threads, every = self._settings.threads, self._settings.progress_seconds
        progress = Progress(plan.metadata_calls, threads, self._client.waits, self._write, every, self._clock)
        try:
            for _ in range(self._ledger.counts()[State.FAILED]):
                failures.count(lasting=True)  # only what lasts is recalled from an earlier try
            failures.check()
            done = 0
            for outcome in fetch_all(self._ledger.tasks(), self._ask, threads=threads):
                if self._stopped:
                    raise LibraryStoppedError(f"Stopped after {done:,} files, which the next try has.")
                if outcome is not None:
                    done += 1
                    self._settle(outcome, failures)
                progress.look(done, failures.failed)
            self._write(progress.line(done, failures.failed))
        except TooManyFailedFilesError:
            self._write_errors()
            raise

    def publish(self) -> dict[str, int]:
        """
        Write the table and put it in place whole; then the journal has done its work.

        :return: how many rows the table has, and how many files ended how.
        """
        self._journal.flush()
        self._write_errors()
        rows = merged(
            self._published(), self._ledger.entries(), run_time=self._as_of, redact=self._builder.redact
        )
        with atomic_write(self._output, self._workplace) as stream:
            written = write_table(stream, rows, self._form)
        counts = self._ledger.counts()
        self._journal.clear()
        return {
            "rows": written,
            "files": counts.total(),
            "fetched": counts[State.FETCHED],
            "failed": counts[State.FAILED],
            "unchanged": counts[State.UNCHANGED],
            "unreadable": counts[State.UNREADABLE],
        }

    def _published(self) -> Iterator[Row]:
        """Yield the rows of the published table, from a copy: nobody changes it under us, and it can seek."""
        if self._settings.full_refresh:
            return
        local = self._scratch / "published"
        if not local.exists():
            if not self._output.exists():
                return
            copy(self._output, local)
        with local.open("rb") as stream:
            yield from in_order(read_table(stream, self._form))

    def _ask(self, task: Task) -> dict[str, Any]:
        if task.file_id is not None:
            return self._client.get_file_metadata(task.file_id)
        return self._client.get_remote_url_metadata(task.url)

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

    def _write_errors(self) -> None:
        with atomic_write(self.errors, self._workplace) as stream:
            for row in self._ledger.errors():
                stream.write(json_line(row))
