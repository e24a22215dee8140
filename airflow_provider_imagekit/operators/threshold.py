"""Operator that suggests the maximum distance of near-duplicates for a library."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import choice, is_absent, named, number, whole_number
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.gates.references import parse_low_information
from airflow_provider_imagekit.io.object_storage import check_output, read_table, upload_together
from airflow_provider_imagekit.io.progress import counted
from airflow_provider_imagekit.io.tables import columns_needed
from airflow_provider_imagekit.operators.base_hash_table import HashTableOperator
from airflow_provider_imagekit.similarity.distance import check_radius
from airflow_provider_imagekit.similarity.pairs.pairs import MAX_PAIRS
from airflow_provider_imagekit.similarity.threshold.labels import LabelledPair, read_labels
from airflow_provider_imagekit.similarity.threshold.plot import check_plot, plot_threshold_report
from airflow_provider_imagekit.similarity.threshold.report import threshold_report

if TYPE_CHECKING:
    from airflow_provider_imagekit.similarity.records import HashRecord

__all__ = ["ThresholdReportOperator"]

_PLOT_FORMATS = ("png", "svg", "pdf")


class ThresholdReportOperator(HashTableOperator):
    """
    Suggest a ``max_distance`` for a library, with a report on each distance.

    For each distance the report states how many pairs it finds and how many are expected by chance. With
    pairs that a person judged, it also states precision and recall.

    The operator writes ``threshold.md``, ``threshold.json`` and an optional plot to ``output_path``. XCom
    contains the suggestion for the next task: ``max_distance=report.output["suggested_radius"]``.

    :param output_path: folder to write to. (templated)
    :param input_path: table of hashes (``.jsonl``, ``.csv``, ``.parquet``) of the whole library, since the
        number of chance pairs grows with its square. (templated)
    :param records: the table itself, as a list of objects. (templated) Exactly one of these two is required.
    :param labels_path: table of judged pairs: ``same`` (true or false), and ``id`` and ``other_id`` or
        ``phash`` and ``other_phash``. (templated)
    :param labels: the judged pairs themselves, as a list of objects. (templated)
    :param id_column: column of the picture ids; by default ``fileId``, ``file_id`` or ``id``. (templated)
    :param phash_column: column of the hashes; by default ``pHash`` or ``phash``. (templated)
    :param max_distance: maximum distance to report, 0 to 16; by default ``review`` (12). (templated)
    :param max_false_share: maximum expected share of chance pairs among the pairs found at the suggested
        distance, 0 to 1; by default 0.05. (templated)
    :param min_precision: minimum precision of the suggested distance, 0 to 1, if there are labels; by default
        0.99. (templated)
    :param low_information: hashes of flat pictures, which are not compared; the zero hash is always one of
        them. (templated)
    :param max_pairs: maximum pairs, by default 5 million; more fail the task, which then needs a smaller
        ``max_distance``. (templated)
    :param plot_format: ``png``, ``svg`` or ``pdf`` for a plot, which requires the extra ``report``; by
        default no plot is written. (templated)
    :param report_url: address of the report for people, used by the task's link. (templated)
    :return: ``suggested_radius``, ``risk`` (as text), ``pictures``, ``left_out``, ``labels`` (counts), and
        ``report_path``, ``json_path``, ``plot_path``.
    :raises AirflowFailException: for an error that a retry cannot fix.
    :raises StorageError: if a storage does not respond.
    """

    template_fields: Sequence[str] = (
        *HashTableOperator.template_fields,
        "labels_path",
        "labels",
        "max_distance",
        "max_false_share",
        "min_precision",
        "plot_format",
    )

    _table_arguments = ("input_path", "labels_path")

    def __init__(
        self,
        *,
        output_path: str,
        input_path: str | None = None,
        records: Sequence[Mapping[str, Any]] | None = None,
        labels_path: str | None = None,
        labels: Sequence[Mapping[str, Any]] = (),
        max_distance: int | str = "review",
        max_false_share: float | str = 0.05,
        min_precision: float | str = 0.99,
        plot_format: str | None = None,
        id_column: str | None = None,
        phash_column: str | None = None,
        low_information: Sequence[str] | str = (),
        max_pairs: int | str = MAX_PAIRS,
        report_url: str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            output_path=output_path,
            input_path=input_path,
            records=records,
            id_column=id_column,
            phash_column=phash_column,
            low_information=low_information,
            max_pairs=max_pairs,
            report_url=report_url,
            multiple_outputs=multiple_outputs,
            **kwargs,
        )
        self.labels_path = labels_path
        self.labels = labels
        self.max_distance = max_distance
        self.max_false_share = max_false_share
        self.min_precision = min_precision
        self.plot_format = plot_format
        self._named = self._given_tables()

    def _find(self) -> dict[str, Any]:
        plot_format = None
        if not is_absent(self.plot_format):
            plot_format = choice(self.plot_format, "plot_format", _PLOT_FORMATS)
            with named("plot_format"):
                check_plot()
        names = ["threshold.md", "threshold.json", *([f"threshold.{plot_format}"] if plot_format else [])]
        check_output(*map(self._path, names))
        records = list(self._input())
        report = threshold_report(
            records,
            labels=self._labels(records),
            max_radius=check_radius(self.max_distance, "max_distance"),
            max_false_share=number(self.max_false_share, "max_false_share", most=1),
            min_precision=number(self.min_precision, "min_precision", most=1),
            low_information=parse_low_information(self.low_information),
            max_pairs=whole_number(self.max_pairs, "max_pairs"),
        )
        if not report.pictures:
            self.log.warning("No picture has a pHash to compare. Check input_path or records.")
        text = report.as_markdown()
        self.log.info("%s.\n%s", counted(report.pictures, "picture"), text)
        paths = {"report_path": self._path("threshold.md"), "json_path": self._path("threshold.json")}
        with upload_together() as upload:
            with upload(paths["report_path"]) as file:
                file.write(f"{text}\n".encode())
            with upload(paths["json_path"]) as file:
                file.write(json.dumps(report.as_dict(), allow_nan=False).encode())
            if plot_format:
                paths["plot_path"] = self._path(f"threshold.{plot_format}")
                with upload(paths["plot_path"]) as file:
                    plot_threshold_report(report, file, image_format=plot_format)
        counts = {name: getattr(report, name) for name in ("pictures", "left_out", "labels")}
        return {"suggested_radius": report.suggested_radius, "risk": report.risk, **counts, **paths}

    def _labels(self, records: list[HashRecord]) -> list[LabelledPair]:
        in_use = columns_needed(["same"], ["phash", "other_phash", "id", "other_id"])
        rows: Any = read_table(self.labels_path, in_use) if self.labels_path else self.labels or ()
        if not self.labels_path and not _are_objects(rows):
            raise ImageKitInputError(f"labels is {rows!r:.100}.", help="Pass a list of objects.")
        with named(f"labels_path {self.labels_path}" if self.labels_path else "labels"):
            return list(read_labels(rows, {record.id: record.phash for record in records}))


def _are_objects(rows: Any) -> bool:
    return isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows)
