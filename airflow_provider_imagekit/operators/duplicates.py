"""Operator that finds near-duplicates in a library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

from airflow_provider_imagekit.arguments import choice, flag, named, texts, whole_number
from airflow_provider_imagekit.assets.datasets import table
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.gates.references import parse_low_information
from airflow_provider_imagekit.io.formulas import escape_formulas
from airflow_provider_imagekit.io.object_storage import (
    check_output,
    open_locally,
    read_table,
    upload_together,
)
from airflow_provider_imagekit.io.progress import counted, track
from airflow_provider_imagekit.io.tables import (
    Chunk,
    TableFormat,
    check_format,
    columns_needed,
    write_columns,
)
from airflow_provider_imagekit.operators.base_hash_table import HashTableOperator
from airflow_provider_imagekit.similarity.distance import check_radius
from airflow_provider_imagekit.similarity.near_duplicates import (
    GROUP_COLUMNS,
    PAIR_COLUMNS,
    NearDuplicates,
    find_near_duplicates,
)
from airflow_provider_imagekit.similarity.pairs.pairs import MAX_PAIRS, Pairs
from airflow_provider_imagekit.similarity.pairs.parts import MergedSearch
from airflow_provider_imagekit.similarity.pairs.search import join
from airflow_provider_imagekit.similarity.records import (
    KNOWN_COLUMNS,
    read_id_pairs,
    read_kept,
)
from airflow_provider_imagekit.similarity.review.groups_page import write_groups_page
from airflow_provider_imagekit.similarity.survivors import DEFAULT_RULES, SurvivorPolicy

__all__ = ["MAX_PAGE_GROUPS", "FindNearDuplicatesOperator"]

#: Maximum groups on the page, the largest first: a browser holds all of them in memory.
MAX_PAGE_GROUPS: Final = 50_000


class FindNearDuplicatesOperator(HashTableOperator):
    """
    Find all near-duplicates in a table of hashes, and write groups, pairs and an HTML page for review.

    The search is exact: it finds every pair within the distance. Nothing is downloaded and nothing is
    deleted; the picture to keep (the keeper) is a suggestion. The operator writes ``groups.jsonl`` (one row
    for each picture), ``pairs.jsonl`` and ``groups.html`` to ``output_path``, and the task links to the page.

    Paths are paths of Airflow's ``ObjectStoragePath``, with the id of an Airflow Connection before the bucket
    if needed: ``s3://aws_default@bucket/dedup``. Tables are ``.jsonl``, ``.csv`` or ``.parquet`` files. Rows
    with a ``deleted_at`` are skipped.

    :param output_path: folder to write to. (templated)
    :param input_path: table of hashes. The keeper rules and the page use columns such as ``path``, ``url``,
        ``width``, ``height``, ``size`` and ``created_at``. (templated)
    :param records: the table itself, as a list of objects. (templated) Exactly one of these two is required.
    :param known_path: table of pictures that were compared before, which avoids comparing them again: input
        that is in this table with the same hash is compared only with new pictures. The file may not exist
        yet. (templated)
    :param reference_path: table of pictures, such as masters. Only the input is compared with them; they are
        always kept and never counted as duplicates. (templated)
    :param not_duplicates_path: table of pairs (``id``, ``other_id``) that a person marked as not duplicates;
        they are never paired or grouped again. The page saves such a table as ``decisions.csv``. The file may
        not exist yet. (templated)
    :param keep_path: table of pictures (``id``) that a person chose to keep, which takes precedence over all
        rules; the same ``decisions.csv`` can be used. The file may not exist yet. (templated)
    :param parts: the output of the mapped
        :class:`~airflow_provider_imagekit.operators.duplicates_parts.SearchNearDuplicatesOperator`. The pairs
        are read from it instead of being searched for here. The tables must be the planned ones. (templated)
    :param id_column: column of the picture ids; by default ``fileId``, ``file_id`` or ``id``. (templated)
    :param phash_column: column of the hashes; by default ``pHash`` or ``phash``. (templated)
    :param max_distance: maximum distance in bits, 0 to 16, or a level: ``identical`` (0), ``strict`` (4,
        recommended above 50,000 pictures), ``near_duplicate`` (8, the default), ``review`` (12). (templated)
    :param force: whether to accept a ``max_distance`` above 16, where unrelated pictures match; by default
        false. (templated)
    :param survivor_rules: rules that choose the picture to keep, in order of precedence:
        ``preferred_folder``, ``preferred_format``, ``most_pixels``, ``oldest``, ``largest`` (the default is
        these, in this order), ``newest``. The reason in the table begins with ``uncertain:`` if a later rule
        prefers another picture. (templated)
    :param preferred_folders: preferred folders, best first; subfolders are included. (templated)
    :param preferred_formats: preferred formats, best first, such as ``["png", "jpg"]``; ``image/jpeg`` is
        ``jpg``. (templated)
    :param low_information: hashes of flat pictures, which are not compared; the zero hash is always one of
        them. (templated)
    :param max_pairs: maximum pairs, by default 5 million; more fail the task, and the error names the remedy.
        (templated)
    :param output_format: ``jsonl`` (the default), ``csv`` or ``parquet``. (templated)
    :param escape_formulas: whether to put an apostrophe before texts of a CSV file that begin with ``=``,
        ``+``, ``-`` or ``@``, so that a spreadsheet does not evaluate them; by default false, since an
        escaped name no longer equals the picture's name. (templated)
    :param write_pairs: whether to write the table of pairs; by default true. (templated)
    :param write_report: whether to write the page; by default true. (templated)
    :param report_title: title of the page; by default "Near-duplicates". (templated)
    :param report_fields: further columns of the tables to show on the page for comparison. (templated)
    :param report_url: address of the page for people, used by the task's link; derived from the path for S3,
        Google Cloud Storage and web addresses. (templated)
    :return: ``radius``, ``compared``, ``groups``, ``duplicates``, ``low_information``, ``without_phash``,
        ``pairs`` as counts, and ``groups_path``, ``pairs_path``, ``report_path``. The events of outlet assets
        have the same content.
    :raises AirflowFailException: for an error that a retry cannot fix.
    :raises StorageError: if a storage does not respond.
    """

    template_fields: Sequence[str] = (
        *HashTableOperator.template_fields,
        "known_path",
        "reference_path",
        "not_duplicates_path",
        "keep_path",
        "parts",
        "max_distance",
        "force",
        "survivor_rules",
        "preferred_folders",
        "preferred_formats",
        "output_format",
        "escape_formulas",
        "write_pairs",
        "write_report",
        "report_title",
        "report_fields",
    )

    _text_arguments = ("id_column", "phash_column", "report_url", "report_title")
    _table_arguments = ("input_path", "known_path", "reference_path", "not_duplicates_path", "keep_path")

    def __init__(
        self,
        *,
        output_path: str,
        input_path: str | None = None,
        records: Sequence[Mapping[str, Any]] | None = None,
        known_path: str | None = None,
        reference_path: str | None = None,
        not_duplicates_path: str | None = None,
        keep_path: str | None = None,
        parts: Sequence[Mapping[str, Any]] | None = None,
        max_distance: int | str = "near_duplicate",
        force: bool | str = False,
        survivor_rules: Sequence[str] | str = DEFAULT_RULES,
        preferred_folders: Sequence[str] | str = (),
        preferred_formats: Sequence[str] | str = (),
        output_format: str = TableFormat.JSONL.value,
        escape_formulas: bool | str = False,
        write_pairs: bool | str = True,
        write_report: bool | str = True,
        report_title: str = "Near-duplicates",
        report_fields: Sequence[str] | str = (),
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
        self.known_path = known_path
        self.reference_path = reference_path
        self.not_duplicates_path = not_duplicates_path
        self.keep_path = keep_path
        self.parts = parts
        self.max_distance = max_distance
        self.force = force
        self.survivor_rules = survivor_rules
        self.preferred_folders = preferred_folders
        self.preferred_formats = preferred_formats
        self.output_format = output_format
        self.escape_formulas = escape_formulas
        self.write_pairs = write_pairs
        self.write_report = write_report
        self.report_title = report_title
        self.report_fields = report_fields
        self._named = self._given_tables()
        self._columns_found = {}

    def _find(self) -> dict[str, Any]:
        self.output_format = choice(self.output_format, "output_format", TableFormat)
        flag(self.escape_formulas, "escape_formulas")
        with named("output_format"):
            check_format(self.output_format)
        check_output(*self._outputs().values())
        radius = check_radius(self.max_distance, "max_distance", force=flag(self.force, "force"))
        policy = SurvivorPolicy(
            texts(self.survivor_rules, "survivor_rules"),
            texts(self.preferred_folders, "preferred_folders"),
            texts(self.preferred_formats, "preferred_formats"),
            self._read_decisions("keep_path", read_kept),
        )
        not_duplicates = self._read_decisions("not_duplicates_path", read_id_pairs)
        with ExitStack() as resources:
            tables = self._tables(resources)
            self._check_named("report_fields", texts(self.report_fields, "report_fields"))
            found = find_near_duplicates(
                radius=radius,
                force=True,
                policy=policy,
                not_duplicates=not_duplicates,
                low_information=parse_low_information(self.low_information),
                max_pairs=whole_number(self.max_pairs, "max_pairs"),
                search=self._search(),
                properties=self._other_columns(),
                **tables,
            )
            for preference in found.unmatched_preferences:
                self.log.warning("No picture has the preferred folder or format %r.", preference)
            self.log.info("Found: %s", found.counts())
            if not (found.compared or len(tables["known"])):
                self.log.warning("No picture has a pHash to compare. Check input_path or records.")
            decided = {"kept": policy.kept, "not_duplicates": not_duplicates}
            return found.counts() | self._write(found, decided)

    def _search(self) -> Callable[..., Pairs]:
        """Return the function that finds the pairs, or that merges the pairs found in parts."""
        if self.parts is None:
            return join
        try:
            paths = [str(part["part_path"]) for part in self.parts]
        except (KeyError, TypeError) as error:
            raise ImageKitInputError(
                f"parts is {self.parts!r:.200}.",
                help="Pass the output of the mapped SearchNearDuplicatesOperator.",
            ) from error
        with ExitStack() as opened:
            return MergedSearch(opened.enter_context(open_locally(path)) for path in paths)

    def _other_columns(self) -> Iterable[str]:
        return (*KNOWN_COLUMNS, *texts(self.report_fields, "report_fields"))

    def _read_decisions(
        self, argument: str, read: Callable[[Iterable[dict[str, Any]]], frozenset[Any]]
    ) -> frozenset[Any]:
        with named(argument):
            path = getattr(self, argument)
            in_use = columns_needed(["id"], ["other_id", "decision"])
            return read(read_table(path, in_use) if self._table_exists(argument) else ())

    def _outputs(self) -> dict[str, str]:
        """Return the paths of the files to write."""
        outputs = {"groups_path": self._path(f"groups.{self.output_format}")}
        if flag(self.write_pairs, "write_pairs"):
            outputs["pairs_path"] = self._path(f"pairs.{self.output_format}")
        if flag(self.write_report, "write_report"):
            outputs["report_path"] = self._path("groups.html")
        return outputs

    def _write(self, found: NearDuplicates, decided: dict[str, Any]) -> dict[str, Any]:
        written: dict[str, Any] = self._outputs()
        with upload_together() as upload:
            with upload(written["groups_path"]) as file:
                groups = self._cells(_tracked("Writing groups", found.group_columns()))
                write_columns(file, groups, GROUP_COLUMNS, self.output_format)
            if "pairs_path" in written:
                with upload(written["pairs_path"]) as file:
                    pairs = self._cells(_tracked("Writing pairs", found.pair_columns()))
                    written["pairs"] = write_columns(file, pairs, PAIR_COLUMNS, self.output_format)
            if "report_path" in written:
                with upload(written["report_path"]) as file:
                    write_groups_page(
                        file,
                        found,
                        limit=MAX_PAGE_GROUPS,
                        title=self.report_title or "",
                        note=self._note(found),
                        fields=texts(self.report_fields, "report_fields"),
                        **decided,
                    )
        self.written_datasets = tuple(
            table(
                written[f"{name}_path"], columns={column: kind.__name__ for column, kind in columns.items()}
            )
            for name, columns in (("groups", GROUP_COLUMNS), ("pairs", PAIR_COLUMNS))
            if f"{name}_path" in written
        )
        return written

    def _cells(self, chunks: Iterable[Chunk]) -> Iterable[Chunk]:
        escaped = self.output_format == TableFormat.CSV and flag(self.escape_formulas, "escape_formulas")
        return escape_formulas(chunks) if escaped else chunks

    def _note(self, found: NearDuplicates) -> str:
        counts = found.counts()
        note = (
            f"{counted(counts['duplicates'], 'near-duplicate')} in {counted(counts['groups'], 'group')}: "
            f"within {found.radius} of 64 bits, among {counted(found.compared, 'picture')}."
        )
        if counts["low_information"] or counts["without_phash"]:
            apart = f"{counts['low_information']:,} flat, {counts['without_phash']:,} without a pHash"
            note += f" Set apart: {apart}."
        if counts["groups"] > MAX_PAGE_GROUPS:
            note += f" The {MAX_PAGE_GROUPS:,} largest groups are shown here."
        return note


def _tracked(phase: str, chunks: Iterator[dict[str, Sequence[Any]]]) -> Iterator[dict[str, Sequence[Any]]]:
    return track(phase, chunks, unit="rows", size=lambda chunk: len(chunk["id"]))
