"""Operator that checks pictures against quality rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import about, is_absent, items, named, optional_text, text, texts
from airflow_provider_imagekit.assets.datasets import Check, table
from airflow_provider_imagekit.compat import AirflowFailException, BranchMixIn
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.io.mapped import only_writer
from airflow_provider_imagekit.io.object_storage import check_output, read_table, upload_together
from airflow_provider_imagekit.io.progress import counted, progress_to, track
from airflow_provider_imagekit.io.tables import TableFormat, check_format, format_of, write_rows
from airflow_provider_imagekit.library.quality import (
    VIOLATION_COLUMNS,
    Inspection,
    Rule,
    Severity,
    parse_rules,
)
from airflow_provider_imagekit.library.table.coerce import as_number
from airflow_provider_imagekit.library.table.privacy import Privacy
from airflow_provider_imagekit.library.table.rows import RowBuilder
from airflow_provider_imagekit.library.table.schema import COLUMNS, TYPES
from airflow_provider_imagekit.links.imagekit import ImageKitReportLink, media_library_url
from airflow_provider_imagekit.operators.base import (
    CONNECTION_ARGUMENTS,
    PICTURE_LINKS,
    ImageKitOperator,
    LocalWork,
    fail_without_retry,
    identity_of,
)
from airflow_provider_imagekit.operators.branching import check_task_ids, take_branch
from airflow_provider_imagekit.operators.picture import metadata_of

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["ImageQualityOperator"]

_REPORTED = ("file_id", "path", "url", "file_type", "deleted_at")
_READERS: Mapping[type, Callable[[Any], Any]] = {
    int: as_number,
    float: as_number,
    bool: lambda value: {"true": True, "false": False}.get(str(value).lower()),
}
_BRANCHES = ("follow_task_ids_if_passed", "follow_task_ids_if_broken")


class ImageQualityOperator(LocalWork, ImageKitOperator, BranchMixIn):
    """
    Check a library table, or one file, against quality rules.

    The ``severity`` of a broken rule decides whether the task fails, the run follows another branch, or the
    task only logs a warning. Rows of deleted files and of files that are not images are skipped.

    .. seealso:: ``docs/quality.md`` for the rules.

    :param rules: objects with ``rule``, ``value``, ``severity`` (``fail``, ``branch`` or ``warn``; by default
        ``fail``) and ``name``: ``[{"rule": "min_width", "value": 1000, "severity": "warn"}]``. (templated)
    :param input_path: a table of ``LibraryMetadataOperator``, or another table with the columns that the
        rules need. (templated)
    :param file_id: id of one file, whose metadata is fetched. (templated)
    :param url: delivery URL of one file. (templated) Exactly one of these three is required.
    :param output_path: table of the violations, ``.jsonl``, ``.csv`` or ``.parquet``: one row for each rule
        that a file breaks, with links. By default no table is written. (templated)
    :param follow_task_ids_if_passed: tasks or task groups to run if no rule with the severity ``branch`` is
        broken: one id, a list, or an empty list for none. (templated)
    :param follow_task_ids_if_broken: likewise, if such a rule is broken. (templated) Pass both or neither;
        rules with the severity ``branch`` require them.
    :param report_url: address of the table of violations for people, used by the task's link; derived from
        the path for S3, Google Cloud Storage and web addresses. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ``checked``, ``passed``, ``score`` (the share of files that pass all rules), ``broken`` (number
        of files by broken rule), ``violations``, ``violations_path``, ``severity`` (the highest of the broken
        rules, or null) and ``branch``. Each is also under its own XCom key, even if the task fails, and in
        the events of outlet assets.
    :raises AirflowFailException: if a rule with the severity ``fail`` is broken, or an argument is not valid.
    :raises ImageKitError: for any other error.
    """

    template_fields: Sequence[str] = (
        "rules",
        "input_path",
        "file_id",
        "url",
        "output_path",
        "follow_task_ids_if_passed",
        "follow_task_ids_if_broken",
        "report_url",
        *CONNECTION_ARGUMENTS,
    )
    template_fields_renderers = {"rules": "json"}  # noqa: RUF012 - Airflow's own declaration
    label_arguments = ("file_id", "url", "input_path")
    operator_extra_links = (*PICTURE_LINKS, ImageKitReportLink())
    # Airflow's scheduler reads this to decide whether to skip a cleared downstream task again.
    inherits_from_skipmixin = True

    def __init__(
        self,
        *,
        rules: Sequence[Mapping[str, Any]] | str,
        input_path: str | None = None,
        file_id: str | None = None,
        url: str | None = None,
        output_path: str | None = None,
        follow_task_ids_if_passed: str | Sequence[str] | None = None,
        follow_task_ids_if_broken: str | Sequence[str] | None = None,
        report_url: str | None = None,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.rules = rules
        self.input_path = input_path
        self.file_id = file_id
        self.url = url
        self.output_path = output_path
        self.follow_task_ids_if_passed = follow_task_ids_if_passed
        self.follow_task_ids_if_broken = follow_task_ids_if_broken
        self.report_url = report_url
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the pictures; see the class."""
        self._label(context)
        with fail_without_retry():
            rules = parse_rules(items(self.rules, "rules"))
            output_path = optional_text(self.output_path, "output_path")
            self.report_url = optional_text(self.report_url, "report_url")
            branches = self._branches(context, rules)
            if output_path is not None:
                with named("output_path"):
                    check_format(format_of(output_path))
                check_output(output_path)
            inspection = Inspection(rules)
            with only_writer(output_path, identity_of(context)), progress_to(self._progress):
                result = self._inspect(inspection, self._rows(context, rules), output_path)
        self._report(context, rules, inspection, result)
        broken = inspection.severity in (Severity.FAIL, Severity.BRANCH)
        result["branch"] = list(branches[broken]) if branches else None
        self._push(context, result)
        if inspection.severity is Severity.FAIL:
            raise AirflowFailException(f"{_sentence(result)}{f' See {output_path}.' if output_path else ''}")
        if branches:
            take_branch(self, context, result["branch"])
        return result

    def _branches(self, context: Context, rules: Iterable[Rule]) -> tuple[Sequence[str], ...]:
        given = {name: getattr(self, name) for name in _BRANCHES}
        absent = [name for name, ids in given.items() if is_absent(ids)]
        if len(absent) == 1 or (absent and any(rule.severity is Severity.BRANCH for rule in rules)):
            raise ImageKitInputError(
                f"{' and '.join(f'{name} is {ids!r:.60}' for name, ids in given.items())}.",
                help="Pass task ids to both follow_task_ids arguments, or to neither and use no rule "
                "with the severity branch.",
            )
        if absent:
            return ()
        branches = {name: texts(ids, name) for name, ids in given.items()}
        check_task_ids(context, branches)
        return tuple(branches.values())

    def _rows(self, context: Context, rules: Iterable[Rule]) -> Iterator[Mapping[str, Any]]:
        sources = {name: getattr(self, name) for name in ("input_path", "file_id", "url")}
        given = [name for name, value in sources.items() if not is_absent(value)]
        if len(given) != 1:
            raise ImageKitInputError(
                f"Exactly one of {', '.join(sources)} is required; given: {', '.join(given) or 'none'}."
            )
        if given == ["input_path"]:
            columns = {*_REPORTED, *(column for rule in rules for column in rule.columns)}
            path = text(self.input_path, "input_path")
            with named("input_path"):
                form = format_of(path)
            rows = read_table(path, lambda names: [name for name in names if name in columns] or names)
            if form is TableFormat.CSV:
                rows = map(_typed, rows)
            return about("input_path", track("Checking", rows, unit="rows", stride=1000))
        return iter([self._row_of_file(context)])

    def _row_of_file(self, context: Context) -> Mapping[str, Any]:
        """Return the file as a row of a library table."""
        row = dict.fromkeys(column.name for column in COLUMNS)
        _, metadata = metadata_of(
            self.hook, self.file_id, self.url, lambda: self._persist_picture_links(context)
        )
        built = RowBuilder(UTC, Privacy()).build(metadata)
        return row | built | {"file_id": self.file_id, "url": self.url}

    def _inspect(
        self, inspection: Inspection, rows: Iterable[Mapping[str, Any]], output_path: str | None
    ) -> dict[str, Any]:
        violations = map(_with_link, inspection.violations(rows))
        if output_path is None:
            count = sum(1 for _ in violations)
        else:
            with upload_together() as upload, upload(output_path) as file:
                count = write_rows(file, violations, VIOLATION_COLUMNS, format_of(output_path))
        return {
            "checked": inspection.checked,
            "passed": inspection.passed,
            "score": round(inspection.score, 6),
            "broken": dict(inspection.broken),
            "violations": count,
            "violations_path": output_path,
            "severity": inspection.severity and inspection.severity.value,
        }

    def _report(
        self, context: Context, rules: Iterable[Rule], inspection: Inspection, result: dict[str, Any]
    ) -> None:
        """Report the result to the log, the outlets' asset events, the task's link and OpenLineage."""
        (self.log.warning if result["violations"] else self.log.info)("%s", _sentence(result))
        self._add_asset_event_extra(context, dict(result))
        checks = tuple(
            Check(rule.name, not inspection.broken[rule.name], rule.columns[0] if rule.columns else None)
            for rule in rules
        )
        if not is_absent(self.input_path):
            self.read_datasets = (table(str(self.input_path), checks=checks),)
        if path := result["violations_path"]:
            columns = {name: kind.__name__ for name, kind in VIOLATION_COLUMNS.items()}
            self.written_datasets = (table(path, columns=columns, rows=result["violations"]),)
            ImageKitReportLink.persist(context, path, self.report_url)


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a CSV file, whose values are text, with the types of a library table."""
    return {
        name: _READERS.get(TYPES.get(name, str), str)(value) if value else None for name, value in row.items()
    }


def _with_link(violation: dict[str, Any]) -> dict[str, Any]:
    file_id = violation["file_id"]
    return violation | {"media_library_url": media_library_url(file_id) if file_id else None}


def _sentence(result: Mapping[str, Any]) -> str:
    broken = ", ".join(f"{name}: {count:,}" for name, count in result["broken"].items() if count)
    passed = f"{result['passed']:,} of {counted(result['checked'], 'file')} passed all rules."
    return f"{passed} Files by broken rule: {broken}." if broken else passed
