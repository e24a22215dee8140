"""The operators that find near-duplicates in parts, on as many workers as the deployment has."""

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
    Plan a search for near-duplicates as parts that mapped tasks run, each on any worker.

    It reads the tables once and writes the distinct hashes, 16 bytes each, to ``parts/hashes.bin`` below
    ``output_path``. The parts share nothing but this storage.
    :class:`~airflow_provider_imagekit.operators.duplicates.FindNearDuplicatesOperator` with ``parts`` merges
    what they find; give it the same arguments as this task.

    :param output_path: folder to write to. (templated)
    :param parts: how many parts, 1 to 10,000. (templated)
    :param input_path: table of hashes. (templated)
    :param records: the table itself, as a list of objects. (templated) Exactly one of these two.
    :param known_path: table of pictures that were compared before. May not exist yet. (templated)
    :param reference_path: table of pictures that are only matched against. (templated)
    :param id_column: column of the pictures' names; ``fileId``, ``file_id`` or ``id`` unless given.
        (templated)
    :param phash_column: column of the hashes; ``pHash`` or ``phash`` unless given. (templated)
    :param low_information: hashes of flat pictures, which are set apart; zero is always one. (templated)
    :param max_distance: largest distance, 0 to 16, or a level; ``near_duplicate`` (8) is the default.
        (templated)
    :param force: whether to accept a ``max_distance`` above 16; the default is ``False``. (templated)
    :param max_pairs: refuse to find more pairs; the default is 5,000,000 (5000000). (templated)
    :return: what to expand
        :class:`~airflow_provider_imagekit.operators.duplicates_parts.SearchNearDuplicatesOperator` with: one
        object a part.
    :raises AirflowFailException: from the error that no retry can fix.
    :raises StorageError: if a storage does not answer.
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
    Do one part of a search for near-duplicates; a part that fails or is killed repeats alone.

    :param part: one object of what
        :class:`~airflow_provider_imagekit.operators.duplicates_parts.PlanNearDuplicatesOperator` returns.
        (templated)
    :return: ``part_path`` and ``pairs``, the number of pairs of distinct hashes that it found.
    :raises AirflowFailException: from the error that no retry can fix.
    :raises StorageError: if a storage does not answer.
    """

    template_fields: Sequence[str] = ("part",)

    def __init__(self, *, part: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.part = part

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        """Search and write what is found; see the class."""
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
                help="Expand this task with what PlanNearDuplicatesOperator returns.",
            ) from error
        number, of = given.pop("part"), given.pop("of")
        return path, number, of, given
