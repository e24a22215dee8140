"""Operator that checks pictures against rules of quality."""

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

_NAMED = ("file_id", "path", "url", "file_type", "deleted_at")
_READERS: Mapping[type, Callable[[Any], Any]] = {
    int: as_number,
    float: as_number,
    bool: lambda value: {"true": True, "false": False}.get(str(value).lower()),
}
_BRANCHES = ("follow_task_ids_if_passed", "follow_task_ids_if_broken")


class ImageQualityOperator(LocalWork, ImageKitOperator, BranchMixIn):
    """
    Check a library's table, or one file, against rules of quality.

    A broken rule fails the task, sends the run down another branch, or is only warned of, as its ``severity``
    says. Rows of deleted files, and of files that are not images, are skipped.

    .. seealso:: ``docs/quality.md`` for the rules.

    :param rules: objects with ``rule``, ``value``, ``severity`` (``fail``, ``branch`` or ``warn``; by default
        ``fail``) and ``name``: ``[{"rule": "min_width", "value": 1000, "severity": "warn"}]``. (templated)
    :param input_path: a table of ``LibraryMetadataOperator``, or another with the columns that the rules
        need. (templated)
    :param file_id: id of one file, whose metadata is fetched. (templated)
    :param url: delivery URL of one file. (templated) Exactly one of these three.
    :param output_path: table of the violations, ``.jsonl``, ``.csv`` or ``.parquet``: one row for each rule
        that a file breaks, with links. By default none is written. (templated)
    :param follow_task_ids_if_passed: tasks or task groups to run if no rule with the severity ``branch`` is
        broken: one id, a list, or an empty list for none. (templated)
    :param follow_task_ids_if_broken: likewise, if one is. (templated) Both or neither; rules with the
        severity ``branch`` need them.
    :param report_url: where people read the table of violations, for the task's link; told from the path
        for S3, Google Cloud Storage and web addresses. (templated)
    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds until one answer has arrived whole, instead of the Connection's
        ``timeout``. (templated)
    :param max_retries: maximum repetitions of a request, instead of the Connection's. (templated)
    :param max_calls: maximum requests of a try of this task, each repetition counted; one more fails the
        task, without another try. By default there is no maximum. (templated)
    :return: ``checked``, ``passed``, ``score`` (the share of files that keep all rules), ``broken`` (files by
        rule), ``violations``, ``violations_path``, ``severity`` (the gravest of a broken rule, or null) and
        ``branch``; each under its own key too, also if the task fails, and in the events of its assets.
    :raises AirflowFailException: if a rule with the severity ``fail`` is broken, or an argument cannot be
        used.
    :raises ImageKitError: for everything else that goes wrong.
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
    # Airflow's scheduler asks it: whether a cleared task behind this one is to be skipped again.
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
        """Check; see the class."""
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
        self._tell(context, rules, inspection, result)
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
                help="Pass ids of tasks to both of the follow_task_ids, or to neither of them and no rule "
                "with the severity branch.",
            )
        if absent:
            return ()
        ways = {name: texts(ids, name) for name, ids in given.items()}
        check_task_ids(context, ways)
        return tuple(ways.values())

    def _rows(self, context: Context, rules: Iterable[Rule]) -> Iterator[Mapping[str, Any]]:
        sources = {name: getattr(self, name) for name in ("input_path", "file_id", "url")}
        given = [name for name, value in sources.items() if not is_absent(value)]
        if len(given) != 1:
            raise ImageKitInputError(
                f"Exactly one of {', '.join(sources)} is needed; given: {', '.join(given) or 'none'}."
            )
        if given == ["input_path"]:
            wanted = {*_NAMED, *(column for rule in rules for column in rule.columns)}
            path = text(self.input_path, "input_path")
            with named("input_path"):
                form = format_of(path)
            rows = read_table(path, lambda names: [name for name in names if name in wanted] or names)
            if form is TableFormat.CSV:
                rows = map(_typed, rows)
            return about("input_path", track("Checking", rows, unit="rows", stride=1000))
        return iter([self._row_of_file(context)])

    def _row_of_file(self, context: Context) -> Mapping[str, Any]:
        """Return one file as a row of the table."""
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

    def _tell(
        self, context: Context, rules: Iterable[Rule], inspection: Inspection, result: dict[str, Any]
    ) -> None:
        """Report what was found to the log, the outlets' events, the link and OpenLineage."""
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
    """Return a row of a CSV file, where all is text, with the types that the library's table has."""
    return {
        name: _READERS.get(TYPES.get(name, str), str)(value) if value else None for name, value in row.items()
    }


def _with_link(violation: dict[str, Any]) -> dict[str, Any]:
    file_id = violation["file_id"]
    return violation | {"media_library_url": media_library_url(file_id) if file_id else None}


def _sentence(result: Mapping[str, Any]) -> str:
    broken = ", ".join(f"{name}: {count:,}" for name, count in result["broken"].items() if count)
    kept = f"All rules are kept by {result['passed']:,} of {counted(result['checked'], 'file')}."
    return f"{kept} Files that break a rule: {broken}." if broken else kept
