"""Operator that changes tags, custom metadata and the publication status of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.arguments import (
    about,
    count_or_share,
    flag,
    is_absent,
    mapping,
    meant,
    named,
    optional_text,
    text,
    texts,
    whole_number,
)
from airflow_provider_imagekit.exceptions import ImageKitInputError, TooManyFailedFilesError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.mapped import only_writer
from airflow_provider_imagekit.io.object_storage import (
    check_output,
    read_table,
    storage_path,
    upload_together,
)
from airflow_provider_imagekit.io.progress import counted
from airflow_provider_imagekit.io.tables import Columns, check_format, format_of, storable, write_rows
from airflow_provider_imagekit.library.failures import max_files
from airflow_provider_imagekit.library.journal import Journal
from airflow_provider_imagekit.library.updates.change import Change, Targets
from airflow_provider_imagekit.library.updates.fields import FieldSchemas, field_schemas
from airflow_provider_imagekit.library.updates.update_run import ROW_COLUMNS, UpdateRun
from airflow_provider_imagekit.operators.base import CONNECTION_ARGUMENTS, fail_without_retry, identity_of
from airflow_provider_imagekit.operators.base_write import (
    WritingOperator,
    columns_matched,
    file_ids_of,
    matching_rows,
)

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["UpdateFilesOperator"]

_SOURCES: Final = ("file_ids", "input_path", "records")
_CHANGES: Final = ("add_tags", "remove_tags", "custom_metadata", "custom_metadata_columns", "published")
_MAX_THREADS: Final = 16
_MAX_FAILED_IN_XCOM: Final = 20


class UpdateFilesOperator(WritingOperator):
    """
    Add and remove tags, set custom metadata, and publish or unpublish files of the media library.

    The files are one id, a list, or rows of a table, such as the near-duplicates that are not kept::

        UpdateFilesOperator(
            task_id="tag",
            input_path="{{ ti.xcom_pull(task_ids='find')['groups_path'] }}",
            where={"keep": False},
            add_tags=["duplicate"],
            output_path="s3://bucket/tagged/{{ run_id }}.jsonl",
        )

    Before the first change, the operator checks custom metadata against the account's fields and all rows for
    their ids, and logs the plan. Tags are changed in requests of 50 files, everything else file by file, at
    the ``writes_per_second`` of the Airflow Connection. With ``output_path``, the result for each file is
    written there, with a journal in the same folder, so that the next try of a killed task does not change a
    file twice.

    :param file_ids: ids of the files, or records with ``fileId``: one, a list, or a comma-separated text.
        (templated)
    :param input_path: a table (``.jsonl``, ``.csv``, ``.parquet``) in any storage that ``ObjectStoragePath``
        supports. (templated)
    :param records: the table itself, as a list of objects. (templated) Exactly one of these three is
        required.
    :param where: values by column that a row of the table must have; a list matches any of its values. By
        default all rows. (templated)
    :param id_column: column of the file ids; by default ``fileId``, ``file_id`` or ``id``. (templated)
    :param add_tags: tags to add. (templated)
    :param remove_tags: tags to remove. (templated)
    :param custom_metadata: values by field, for all files. (templated)
    :param custom_metadata_columns: columns of the table by field; if a column is null, the file keeps its
        value. (templated)
    :param create_fields: custom metadata fields to create if the account does not have them: types by name,
        such as ``{"camera": "Text"}``, or complete schemas. (templated)
    :param published: whether the files are published; by default not changed. (templated)
    :param output_path: table to write with the result for each file: ``file_id``, ``status``, ``error``. By
        default no table is written. (templated)
    :param max_failed: maximum failed files; more fail the task. A number, or a share such as ``1%``; by
        default 0. (templated)
    :param threads: concurrent requests, 1 to 16, by default 4. (templated)
    :param dry_run: whether to check everything, log the plan and change nothing, by default false.
        (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ``dry_run``, ``plan``, ``counts`` (``files``, ``updated``, ``failed``), ``failed`` (the rows of
        the first 20 failed files) and ``output_path``.
    :raises AirflowFailException: for an error that a retry cannot fix; before any change, if an argument, a
        row or a value is not valid.
    :raises TooManyFailedFilesError: if more than ``max_failed`` files failed; the others were changed.
    :raises ImageKitError: for any other error.
    """

    template_fields: Sequence[str] = (
        *_SOURCES,
        "where",
        "id_column",
        *_CHANGES,
        "create_fields",
        "output_path",
        "max_failed",
        "threads",
        "dry_run",
        *CONNECTION_ARGUMENTS,
    )
    template_fields_renderers = {"records": "json"}  # noqa: RUF012 - Airflow's own declaration
    label_arguments = ("file_ids", "input_path")

    def __init__(
        self,
        *,
        file_ids: Sequence[Any] | str | None = None,
        input_path: str | None = None,
        records: Sequence[Mapping[str, Any]] | None = None,
        where: Mapping[str, Any] | str | None = None,
        id_column: str | None = None,
        add_tags: Sequence[str] | str | None = None,
        remove_tags: Sequence[str] | str | None = None,
        custom_metadata: Mapping[str, Any] | str | None = None,
        custom_metadata_columns: Mapping[str, str] | str | None = None,
        create_fields: Mapping[str, Any] | str | None = None,
        published: bool | str | None = None,
        output_path: str | None = None,
        max_failed: float | str = 0,
        threads: int | str = 4,
        dry_run: bool | str = False,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.file_ids = file_ids
        self.input_path = input_path
        self.records = records
        self.where = where
        self.id_column = id_column
        self.add_tags = add_tags
        self.remove_tags = remove_tags
        self.custom_metadata = custom_metadata
        self.custom_metadata_columns = custom_metadata_columns
        self.create_fields = create_fields
        self.published = published
        self.output_path = output_path
        self.max_failed = max_failed
        self.threads = threads
        self.dry_run = dry_run
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)
        guarded = (*_SOURCES, "where", "id_column", *_CHANGES, "output_path")
        self._named = tuple(name for name in guarded if getattr(self, name) is not None)
        self._run: UpdateRun | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Change the files; see the class."""
        self._label(context)
        with fail_without_retry():
            result = self._update(context)
        self._add_asset_event_extra(context, {"counts": result["counts"]})
        return result

    def on_kill(self) -> None:
        """Stop after the requests in flight. The next try resumes from there."""
        if self._run is not None:
            self._run.stop()

    def _update(self, context: Context) -> dict[str, Any]:
        self._refuse_nothing(self._named, self._named)
        allowed = count_or_share(self.max_failed, "max_failed")
        change, output = self._change(), self._output()
        threads = whole_number(self.threads, "threads", least=1, most=_MAX_THREADS)
        targets, missing = self._checked(self._targets())
        journal = self._journal(context, output, change.digest(targets)) if output else None
        if not targets:
            self.log.warning("No files to change: there is no id, or no row matches.")
        self._run = UpdateRun(self.hook.get_conn(), targets, change, journal, threads=threads)
        plan = self._run.plan()
        only_plan = self._only_plan(f"{plan}{_creation_note(missing)}")
        if not only_plan:
            _create(self.hook, missing)
            with only_writer(output, identity_of(context)):
                self._run.run()
                self._publish(self._run, output)
            self._check_failed(self._run, max_files(allowed, len(targets)), output)
        return self._result(self._run, only_plan) | {"plan": plan.as_dict(), "output_path": output}

    def _change(self) -> Change:
        if all(is_absent(getattr(self, name)) for name in _CHANGES):
            raise ImageKitInputError(
                "There is nothing to change.", help=f"Pass at least one of {', '.join(_CHANGES)}."
            )
        published = None if self.published is None else flag(self.published, "published")
        return Change(
            texts(self.add_tags, "add_tags"), texts(self.remove_tags, "remove_tags"), published
        ).checked()

    def _output(self) -> str | None:
        output = optional_text(self.output_path, "output_path")
        if output:
            storage_path(output, "output_path")
            check_format(format_of(output))
            check_output(output)
        return output

    def _targets(self) -> dict[str, dict[str, Any]]:
        """Return the custom metadata values by file id."""
        columns = {
            field: text(column, "custom_metadata_columns")
            for field, column in mapping(self.custom_metadata_columns, "custom_metadata_columns").items()
        }
        same = mapping(self.custom_metadata, "custom_metadata")
        targets: dict[str, dict[str, Any]] = {}
        for file_id, row in self._rows(list(columns.values())):
            values = same | {field: row.get(column) for field, column in columns.items()}
            if targets.setdefault(file_id, values) != values:
                raise ImageKitInputError(
                    f"The file {file_id} is in several rows with different values.",
                    help="Select one of the rows with where.",
                )
        return targets

    def _rows(self, columns: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        given = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ImageKitInputError(
                f"Exactly one of {', '.join(_SOURCES)} is required; given: {', '.join(given) or 'none'}."
            )
        if given == ["file_ids"]:
            if columns or not is_absent(self.where):
                raise ImageKitInputError(
                    "where and custom_metadata_columns require a table.", help="Pass input_path or records."
                )
            return ((file_id, {}) for file_id in file_ids_of(self.file_ids, "file_ids"))
        where = mapping(self.where, "where")
        needed = dict.fromkeys(columns, None)
        id_column = optional_text(self.id_column, "id_column")
        in_use = columns_matched(where, id_column, columns)
        table = f"input_path {self.input_path}" if given == ["input_path"] else "records"
        rows = about(table, matching_rows(self._table(in_use), where, id_column))
        return ((file_id, _with_columns(row, needed)) for file_id, row in rows)

    def _table(self, in_use: Columns) -> Iterator[Mapping[str, Any]]:
        if self.records is None:
            return read_table(text(self.input_path, "input_path"), in_use)
        records: Any = self.records
        if not isinstance(records, Sequence) or not all(isinstance(row, Mapping) for row in records):
            raise ImageKitInputError(
                f"records is {records!r:.100}.", help='Pass a list of objects such as {"fileId": …}.'
            )
        return map(storable, records)

    def _checked(self, targets: dict[str, dict[str, Any]]) -> tuple[Targets, dict[str, dict[str, Any]]]:
        """Return the targets with values converted to the account's fields, and the fields to create."""
        names = {name for values in targets.values() for name in values}
        requested = field_schemas(mapping(self.create_fields, "create_fields"))
        if not names and not requested:
            return targets, {}
        known = FieldSchemas(self.hook.list_custom_metadata_fields(), requested)
        with named("custom_metadata"):
            known.check_names(sorted(names))
        return {key: known.fit(values, f"File {key}") for key, values in targets.items()}, known.missing

    def _journal(self, context: Context, output: str, digest: str) -> Journal:
        path = storage_path(output, "output_path")
        return Journal(path.parent / f"{path.name}.run", run=identity_of(context), settings=digest)

    def _publish(self, run: UpdateRun, output: str | None) -> None:
        if output:
            with upload_together() as upload, upload(output) as file:
                write_rows(file, run.rows(), ROW_COLUMNS, format_of(output))
        run.forget()

    def _check_failed(self, run: UpdateRun, allowed: int, output: str | None) -> None:
        if len(run.errors) > allowed:
            first = "; ".join(f"{file_id}: {error}" for file_id, error in islice(run.errors.items(), 3))
            raise TooManyFailedFilesError(
                f"{counted(len(run.errors), 'file')} failed; max_failed allows {allowed:,}. {first}",
                help=f"See {output}." if output else "Set output_path for a table of all of them.",
                lasting=run.lasting,
            )
        if run.errors:
            self.log.warning("%s failed; max_failed allows %d.", counted(len(run.errors), "file"), allowed)

    def _result(self, run: UpdateRun, only_plan: bool) -> dict[str, Any]:
        failed = [row for row in run.rows() if row["error"]]
        files = sum(1 for _ in run.rows())
        updated = 0 if only_plan else files - len(failed)
        return {
            "dry_run": only_plan,
            "counts": {"files": files, "updated": updated, "failed": len(failed)},
            "failed": failed[:_MAX_FAILED_IN_XCOM],
        }


def _creation_note(fields: Mapping[str, Any]) -> str:
    return f" Custom metadata fields to create: {', '.join(fields)}." if fields else ""


def _create(hook: ImageKitHook, fields: Mapping[str, dict[str, Any]]) -> None:
    for name, schema in fields.items():
        hook.create_custom_metadata_field(name, name.replace("_", " "), schema)


def _with_columns(row: Mapping[str, Any], needed: Mapping[str, Any]) -> Mapping[str, Any]:
    if missing := next((name for name in needed if name not in row), None):
        raise ImageKitInputError(
            f"custom_metadata_columns names {missing!r}, which is not a column of the table.",
            help=f"{meant(missing, row)}There are: {', '.join(map(str, row))}.",
        )
    return row
