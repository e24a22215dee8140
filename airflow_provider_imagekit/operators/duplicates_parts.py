"""Operators that search for near-duplicates in parts, distributed over the workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import flag, whole_number
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.gates.references import parse_low_information
from airflow_provider_imagekit.io.mapped import only_writer
from airflow_provider_imagekit.io.object_storage import check_output, open_locally, upload_together
from airflow_provider_imagekit.io.progress import counted, progress_to
from airflow_provider_imagekit.operators.base import (
    ImageKitOperator,
    LocalWork,
    fail_without_retry,
    identity_of,
)
from airflow_provider_imagekit.operators.hash_tables import HashTables
from airflow_provider_imagekit.similarity.distance import check_radius
from airflow_provider_imagekit.similarity.near_duplicates import hashes_to_compare
from airflow_provider_imagekit.similarity.pairs.pairs import MAX_PAIRS
from airflow_provider_imagekit.similarity.pairs.parts import search_part, write_hashes

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = [
    "PlanNearDuplicatesOperator",
    "SearchNearDuplicatesOperator",
]

_MAX_PARTS = 10_000


class PlanNearDuplicatesOperator(HashTables, ImageKitOperator):
    """
    Split a search for near-duplicates into parts, which mapped tasks process on any worker.

    The operator reads the tables once and writes the distinct hashes, 16 bytes each, to ``parts/hashes.bin``
    in ``output_path``. The parts share only this storage.
    :class:`~airflow_provider_imagekit.operators.duplicates.FindNearDuplicatesOperator` with ``parts`` merges
    their results; pass it the same arguments as this task.

    :param output_path: folder to write to. (templated)
    :param parts: number of parts, 1 to 10,000. (templated)
    :param input_path: table of hashes. (templated)
    :param records: the table itself, as a list of objects. (templated) Exactly one of these two is required.
    :param known_path: table of pictures that were compared before. The file may not exist yet. (templated)
    :param reference_path: table of pictures that only the input is compared with. (templated)
    :param id_column: column of the picture ids; by default ``fileId``, ``file_id`` or ``id``. (templated)
    :param phash_column: column of the hashes; by default ``pHash`` or ``phash``. (templated)
    :param low_information: hashes of flat pictures, which are not compared; the zero hash is always one of
        them. (templated)
    :param max_distance: maximum distance in bits, 0 to 16, or a level; by default ``near_duplicate`` (8).
        (templated)
    :param force: whether to accept a ``max_distance`` above 16, where unrelated pictures match; by default
        false. (templated)
    :param max_pairs: maximum pairs, by default 5 million; more fail the task. (templated)
    :return: one object for each part, for ``expand()`` of
        :class:`~airflow_provider_imagekit.operators.duplicates_parts.SearchNearDuplicatesOperator`.
    :raises AirflowFailException: for an error that a retry cannot fix.
    :raises StorageError: if a storage does not respond.
    """

    template_fields: Sequence[str] = (
        "output_path",
        "parts",
        "input_path",
        "records",
        "known_path",
        "reference_path",
        "id_column",
        "phash_column",
        "low_information",
        "max_distance",
        "force",
        "max_pairs",
    )
    label_arguments = ("input_path", "output_path")
    _table_arguments = ("input_path", "known_path", "reference_path")
    template_fields_renderers = {"records": "json"}  # noqa: RUF012 - Airflow's own declaration

    def __init__(
        self,
        *,
        output_path: str,
        parts: int | str,
        input_path: str | None = None,
        records: Sequence[Mapping[str, Any]] | None = None,
        known_path: str | None = None,
        reference_path: str | None = None,
        id_column: str | None = None,
        phash_column: str | None = None,
        low_information: Sequence[str] | str = (),
        max_distance: int | str = "near_duplicate",
        force: bool | str = False,
        max_pairs: int | str = MAX_PAIRS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_path = output_path
        self.parts = parts
        self.input_path = input_path
        self.records = records
        self.known_path = known_path
        self.reference_path = reference_path
        self.id_column = id_column
        self.phash_column = phash_column
        self.low_information = low_information
        self.max_distance = max_distance
        self.force = force
        self.max_pairs = max_pairs
        self._named = self._given_tables()

    def execute(self, context: Context) -> Any:
        """Read the tables and write their hashes; see the class."""
        self._label(context)
        with fail_without_retry(), ExitStack() as resources, progress_to(self._progress):
            self._read_texts()
            parts = whole_number(self.parts, "parts", least=1, most=_MAX_PARTS)
            plan: dict[str, Any] = {
                "hashes_path": self._path("parts/hashes.bin"),
                "radius": check_radius(self.max_distance, "max_distance", force=flag(self.force, "force")),
                "max_pairs": whole_number(self.max_pairs, "max_pairs"),
                "of": parts,
            }
            low_information = parse_low_information(self.low_information)
            check_output(plan["hashes_path"])
            new, old = hashes_to_compare(**self._tables(resources), low_information=low_information)
            with (
                only_writer(plan["hashes_path"], identity_of(context)),
                upload_together() as upload,
                upload(plan["hashes_path"]) as file,
            ):
                write_hashes(file, new, old)
        self.log.info(
            "%s, and %s that are known or references.",
            counted(len(new), "picture"),
            counted(len(old), "picture"),
        )
        return [plan | {"part": number} for number in range(parts)]


class SearchNearDuplicatesOperator(LocalWork, ImageKitOperator):
    """
    Search one part for near-duplicates. A part that fails or is killed is retried alone.

    :param part: one of the objects that
        :class:`~airflow_provider_imagekit.operators.duplicates_parts.PlanNearDuplicatesOperator` returns.
        (templated)
    :return: ``part_path`` and ``pairs``, the number of pairs of distinct hashes found.
    :raises AirflowFailException: for an error that a retry cannot fix.
    :raises StorageError: if a storage does not respond.
    """

    template_fields: Sequence[str] = ("part",)

    def __init__(self, *, part: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.part = part

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        """Search the part and write the pairs; see the class."""
        with fail_without_retry(), progress_to(self._progress):
            path, number, of, limits = self._arguments()
            part_path = f"{path.rpartition('/')[0]}/pairs-{number:05}-of-{of:05}.bin"
            check_output(part_path)
            with (
                open_locally(path) as hashes,
                upload_together() as upload,
                upload(part_path) as file,
            ):
                pairs = search_part(hashes, file, part=(number, of), **limits)
        return {"part_path": part_path, "pairs": pairs}

    def _arguments(self) -> tuple[str, int, int, dict[str, int]]:
        try:
            given = {name: int(self.part[name]) for name in ("part", "of", "radius", "max_pairs")}
            path = str(self.part["hashes_path"])
        except (KeyError, TypeError, ValueError) as error:
            raise ImageKitInputError(
                f"part is {self.part!r:.200}, which is not a part of a plan.",
                help="Expand this task over the output of PlanNearDuplicatesOperator.",
            ) from error
        number, of = given.pop("part"), given.pop("of")
        return path, number, of, given
