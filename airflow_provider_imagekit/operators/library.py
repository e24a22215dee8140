"""Operator that keeps a table of a whole media library up to date."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import (
    choice,
    count_or_share,
    flag,
    is_absent,
    named,
    refuse_nothing,
    text,
    whole_number,
)
from airflow_provider_imagekit.assets.datasets import table
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.object_storage import storage_faults, storage_path
from airflow_provider_imagekit.library.run import LibraryRun, RunSettings
from airflow_provider_imagekit.library.table.files import writable_format_of
from airflow_provider_imagekit.library.table.privacy import GpsPolicy, PersonalPolicy, Privacy
from airflow_provider_imagekit.library.table.rows import ChangedBy
from airflow_provider_imagekit.library.table.schema import COLUMNS
from airflow_provider_imagekit.links.imagekit import ImageKitReportLink
from airflow_provider_imagekit.operators.base import (
    CONNECTION_ARGUMENTS,
    LIBRARY_LINKS,
    ImageKitOperator,
    fail_without_retry,
    identity_of,
    is_mapped,
    no_files_warning,
)
from airflow_provider_imagekit.operators.dry_run import DryRunArgument
from airflow_provider_imagekit.operators.library_source import FILE_ARGUMENTS, FILTERS, parse_source
from airflow_provider_imagekit.operators.metadata import parse_privacy
from airflow_provider_imagekit.operators.time_window import WINDOW_ARGUMENTS, search_in_window

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context
    from airflow_provider_imagekit.library.sources import Source

__all__ = ["LibraryMetadataOperator"]

_FILTERS = (*FILTERS, *WINDOW_ARGUMENTS)
_COLUMNS = {column.name: column.kind.value for column in COLUMNS}
_MAX_THREADS = 32  # the number of sockets that the client keeps open


class LibraryMetadataOperator(ImageKitOperator):
    """
    Update a table of the media library's metadata with one metadata call for each changed file.

    The operator lists the files, compares them with the table, logs the expected cost of the run, and fetches
    new and changed files with many calls at once within the account's rate limit. Then the complete new table
    replaces the old one. After a killed or failed try, the next one resumes where it stopped. Files that no
    longer exist are marked as deleted. A file that cannot be read is listed in the errors file and does not
    fail the run.

    .. seealso:: ``docs/library.md`` for the table's columns, the cost, and the use of several workers.

    The files are selected either by ``search_query`` and ``path`` (without both, the whole library), or by
    one of ``file_ids``, ``urls`` and ``input_path``.

    :param output_path: path of the table, ``.jsonl`` or ``.parquet`` (extra ``parquet``), on this machine or
        in any storage that ``ObjectStoragePath`` supports: ``s3://my_conn_id@bucket/library.parquet``.
        (templated)
    :param search_query: query in ImageKit's search language, such as ``path : "/products/"`` for a folder
        with its subfolders; by default all files. (templated)
    :param path: a folder, without its subfolders; by default all folders. (templated)
    :param file_type: ``all`` (the default), ``image`` or ``non-image``. (templated)
    :param created_after: only files created at or after this time: a datetime, or an ISO 8601 text. A value
        without a time zone is in the DAG's time zone. (templated)
    :param created_before: only files created before this time (exclusive). (templated)
    :param updated_after: only files updated at or after this time. Use a separate table for each time window:
        files of the table that are outside the window count as deleted. (templated)
    :param file_ids: ids of files, or file records as ImageKit lists them: a list, or a comma-separated text.
        Ids alone carry no version, so each run fetches these files. (templated)
    :param urls: delivery URLs of the account; each run fetches them, too. (templated)
    :param input_path: a table of files (``.jsonl``, ``.csv``, ``.parquet``), or the output of a
        ``ListFilesOperator`` with ``output_path``: all of its pointers, or one of them. If it has
        ``versionInfo`` or ``updatedAt``, only changed files are fetched. (templated)
    :param file_id_column: column of the file ids in ``input_path``; by default ``fileId``. (templated)
    :param url_column: column of the delivery URLs in ``input_path``, which replaces ``file_id_column``.
        (templated)
    :param gps: how coordinates are stored: ``drop`` (the default), ``coarse`` (rounded to a tenth of a
        degree) or ``keep``. (templated)
    :param personal: how serial numbers and people's names are stored: ``drop`` (the default) or ``keep``.
        (templated)
    :param timezone: time zone of the camera's clock for files that do not specify one; by default ``UTC``.
        (templated)
    :param changed_by: which property marks a file as changed, so that its metadata is fetched again:
        ``version`` (the default; an edit of tags costs no metadata call) or ``version_and_time``. (templated)
    :param full_refresh: whether to fetch all files and rewrite the table without deleted files; by default
        false. (templated)
    :param dry_run: whether to stop after logging the plan; by default false. (templated)
    :param max_failed: maximum failed files; more fail the task. A number from 1, or a share of the planned
        calls: below 1 such as ``0.05`` (the default), or a percentage such as ``"5%"``. A share allows at
        least one file. (templated)
    :param max_deleted: maximum files of the table that may be missing from the listing; if more are missing,
        the task fails and the table is not changed. A number such as ``10``, or a share of the table's files
        such as ``0.2`` (the default) or ``"20%"``. A share allows at least one file. After you deleted more
        files, run once with ``"100%"``. (templated)
    :param threads: concurrent metadata calls, 1 to 32 (the default). (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`, whose
        ``requests_per_second`` sets the rate; by default ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ``path``, ``errors_path``, ``counts``, ``plan``, ``seconds``; each also under its own XCom key
        and in the events of outlet assets.
    :raises AirflowFailException: for an error that a retry cannot fix.
    :raises ImageKitError: for any other error; the next try resumes.
    """

    template_fields: Sequence[str] = (
        "output_path",
        *FILE_ARGUMENTS,
        *WINDOW_ARGUMENTS,
        "gps",
        "personal",
        "timezone",
        "changed_by",
        "full_refresh",
        "dry_run",
        "max_failed",
        "max_deleted",
        "threads",
        *CONNECTION_ARGUMENTS,
    )
    label_arguments = ("output_path",)
    operator_extra_links = (*LIBRARY_LINKS, ImageKitReportLink())
    lists_library = True
    dry_run = DryRunArgument()  # type: ignore[assignment]

    def __init__(
        self,
        *,
        output_path: str,
        search_query: str | None = None,
        path: str | None = None,
        file_type: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        updated_after: datetime | str | None = None,
        file_ids: Sequence[Any] | str | None = None,
        urls: Sequence[str] | str | None = None,
        input_path: Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | None = None,
        file_id_column: str = "fileId",
        url_column: str | None = None,
        gps: str = GpsPolicy.DROP.value,
        personal: str = PersonalPolicy.DROP.value,
        timezone: str = "UTC",
        changed_by: str = ChangedBy.VERSION.value,
        full_refresh: bool | str = False,
        dry_run: bool | str = False,
        max_failed: float | str = 0.05,
        max_deleted: float | str = 0.2,
        threads: int | str = _MAX_THREADS,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.output_path = output_path
        self.search_query = search_query
        self.path = path
        self.file_type = file_type
        self.created_after = created_after
        self.created_before = created_before
        self.updated_after = updated_after
        self.file_ids = file_ids
        self.urls = urls
        self.input_path = input_path
        self.file_id_column = file_id_column
        self.url_column = url_column
        self.gps = gps
        self.personal = personal
        self.timezone = timezone
        self.changed_by = changed_by
        self.full_refresh = full_refresh
        self.dry_run = dry_run
        self.max_failed = max_failed
        self.max_deleted = max_deleted
        self.threads = threads
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)
        self._named = tuple(name for name in _FILTERS if getattr(self, name) is not None)
        self._run: LibraryRun | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Update the table; see the class."""
        self._label(context)
        files = {name: getattr(self, name) for name in FILE_ARGUMENTS}
        window = {name: getattr(self, name) for name in WINDOW_ARGUMENTS}
        with fail_without_retry(), storage_faults([str(self.output_path)]), ExitStack() as resources:
            filters = {name: (files | window)[name] for name in _FILTERS}
            refuse_nothing(filters, self._named)
            if is_mapped(context) and all(is_absent(value) for value in filters.values()):
                raise ImageKitInputError(
                    "This task is mapped, but none of its arguments selects files: the template gave None.",
                    help=f"Pass one of {', '.join(_FILTERS)} to expand().",
                )
            files["search_query"] = search_in_window(self.search_query, window, context)
            result = self._update(context, parse_source(resources, **files))
        if "counts" in result:
            self.written_datasets = (
                table(self.output_path, columns=_COLUMNS, rows=result["counts"]["rows"]),
            )
        self._add_asset_event_extra(context, result)
        return result

    def on_kill(self) -> None:
        """Stop within a second. The next try resumes from there."""
        if self._run is not None:
            self._run.stop()

    def _update(self, context: Context, source: Source) -> dict[str, Any]:
        output = storage_path(self.output_path, "output_path")
        self._persist_library_link(context)
        ImageKitReportLink.persist(context, self.output_path)
        only_plan = flag(self.dry_run, "dry_run")
        with named("output_path"):
            form = writable_format_of(output.name)
        result: dict[str, Any] = {"path": self.output_path, "format": form.value}
        times = {"start": time.monotonic()}
        with LibraryRun(
            self.hook.get_conn(),
            source,
            output,
            self._settings(),
            run=identity_of(context),
            run_time=_run_time(context),
            write=self.log.info,
            warn=self.log.warning,
        ) as self._run:
            plan = self._run.plan(dry=only_plan)
            times["plan"] = time.monotonic()
            self.log.info("%s", plan)
            if not plan.files:
                self.log.warning("%s", no_files_warning({name: getattr(self, name) for name in _FILTERS}))
            result |= {"dry_run": only_plan, "plan": plan.as_dict()}
            if not only_plan:
                plan = self._run.fetch(plan)
                result["plan"] = plan.as_dict()
                times["fetch"] = time.monotonic()
                result["counts"] = self._run.publish()
                result["errors_path"] = f"{self.output_path}.run/{self._run.errors.name}"
                times["publish"] = time.monotonic()
                self.log.info("%s: %s", self.output_path, result["counts"])
        result["seconds"] = {
            name: round(end - start, 3) for (_, start), (name, end) in itertools.pairwise(times.items())
        }
        return result

    def _settings(self) -> RunSettings:
        return RunSettings(
            privacy=parse_privacy(self.gps, self.personal, self.hook.get_conn())
            or Privacy(GpsPolicy.KEEP, PersonalPolicy.KEEP),
            timezone=text(self.timezone, "timezone"),
            changed_by=ChangedBy(choice(self.changed_by, "changed_by", ChangedBy)),
            full_refresh=flag(self.full_refresh, "full_refresh"),
            max_failed=count_or_share(self.max_failed, "max_failed"),
            max_deleted=count_or_share(self.max_deleted, "max_deleted"),
            threads=whole_number(self.threads, "threads", least=1, most=_MAX_THREADS),
        )


def _run_time(context: Context) -> datetime:
    """Return the time at which the DAG run started, which is the same in all tries."""
    moment = getattr(context.get("dag_run"), "start_date", None)
    return moment if isinstance(moment, datetime) else datetime.now(UTC)
