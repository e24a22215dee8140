"""Base of the operators that process whole tables of hashes: input, output and reporting."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_imagekit.arguments import named
from airflow_provider_imagekit.io.mapped import only_writer
from airflow_provider_imagekit.io.object_storage import read_table
from airflow_provider_imagekit.io.progress import progress_to, track
from airflow_provider_imagekit.links.imagekit import ImageKitReportLink
from airflow_provider_imagekit.operators.base import ImageKitOperator, fail_without_retry, identity_of
from airflow_provider_imagekit.operators.hash_tables import HashTables
from airflow_provider_imagekit.similarity.pairs.pairs import MAX_PAIRS
from airflow_provider_imagekit.similarity.records import read_records

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context
    from airflow_provider_imagekit.similarity.records import HashRecord

__all__ = ["HashTableOperator"]


class HashTableOperator(HashTables, ImageKitOperator):
    """
    Reads a table of hashes and writes the results to a folder.

    :param output_path: folder to write to. (templated)
    :param input_path: table of hashes. (templated)
    :param records: the table itself, as a list of objects. (templated) Exactly one of these two is required.
    :param id_column: column of the picture ids. (templated)
    :param phash_column: column of the hashes. (templated)
    :param low_information: hashes of flat pictures. (templated)
    :param max_pairs: maximum pairs; more fail the task. (templated)
    :param report_url: address of the report for people, used by the task's link. (templated)
    """

    template_fields: Sequence[str] = (
        "output_path",
        "input_path",
        "records",
        "id_column",
        "phash_column",
        "low_information",
        "max_pairs",
        "report_url",
    )
    label_arguments = ("input_path", "output_path")
    _text_arguments: ClassVar[tuple[str, ...]] = ("id_column", "phash_column", "report_url")
    template_fields_renderers = {"records": "json"}  # noqa: RUF012 - Airflow's own declaration
    operator_extra_links = (ImageKitReportLink(),)

    def __init__(
        self,
        *,
        output_path: str,
        input_path: str | None = None,
        records: Sequence[Mapping[str, Any]] | None = None,
        id_column: str | None = None,
        phash_column: str | None = None,
        low_information: Sequence[str] | str = (),
        max_pairs: int | str = MAX_PAIRS,
        report_url: str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.output_path = output_path
        self.input_path = input_path
        self.records = records
        self.id_column = id_column
        self.phash_column = phash_column
        self.low_information = low_information
        self.max_pairs = max_pairs
        self.report_url = report_url

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the table and write the results; see the class."""
        self._label(context)
        with fail_without_retry():
            self._read_texts()
            with (
                only_writer(self._path(""), identity_of(context), name="output"),
                progress_to(self._progress),
            ):
                found = self._find()
        if found.get("report_path"):
            address = ImageKitReportLink.persist(context, found["report_path"], self.report_url)
            self.log.info(
                "The report is at %s%s.",
                found["report_path"],
                f", {address}" if address and not self.report_url else "",
            )
        self._add_asset_event_extra(context, found)
        return found

    @abstractmethod
    def _find(self) -> dict[str, Any]:
        """Return counts and paths for XCom and for the outlets' asset events, as plain JSON."""

    def _input(self) -> Iterator[HashRecord]:
        if self._reads_input_path():
            return self._read(read_table(str(self.input_path), self._columns()), "input_path")
        return self._read(self._given_rows(), "records")

    def _read(self, rows: Any, argument: str) -> Iterator[HashRecord]:
        columns = {"id_column": self.id_column or "", "phash_column": self.phash_column or ""}
        with named(argument):
            yield from track("Reading", read_records(rows, **columns), unit="rows", stride=1000)
