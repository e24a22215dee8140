"""Callers that send their requests once: the client and every operator."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.exceptions import TooManyFailedFilesError
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator, RemoteUrlMetadataOperator
from airflow_provider_imagekit.operators.phash import PHashBranchOperator, PHashShortCircuitOperator
from airflow_provider_imagekit.operators.transformations import TransformationCheckOperator
from airflow_provider_imagekit.operators.usage import UsageOperator
from tests.faults.expected import BRANCH, CHECK, LIBRARY, LISTING, SHORT_CIRCUIT, USAGE
from tests.faults.scene import PLENTY, Scene

__all__ = ["CALLS", "OPERATORS", "FileFailedError"]


def call_client(scene: Scene) -> Any:
    return scene.hook().get_conn().get_file_metadata(scene.file_id)


def run_file_operator(scene: Scene) -> Any:
    return scene.run(FileMetadataOperator, file_id=scene.file_id)


def run_url_operator(scene: Scene) -> Any:
    return scene.run(RemoteUrlMetadataOperator, url=scene.url)


class Branch(PHashBranchOperator):
    """The operator without downstream tasks, which Airflow would skip."""

    def _act(self, context: Any, value: dict[str, Any]) -> None:
        pass


def run_branch(scene: Scene) -> Any:
    return scene.run(
        Branch,
        file_id=scene.file_id,
        reference_phash=scene.reference,
        follow_task_ids_if_similar="same",
        follow_task_ids_if_different="other",
        follow_task_ids_if_undecidable="ask",
    )["branch"]


def run_short_circuit(scene: Scene) -> Any:
    return scene.run(
        PHashShortCircuitOperator,
        file_id=scene.file_id,
        reference_phash=scene.reference,
        on_undecidable="continue",
    )["decision"]


def run_transformation_check(scene: Scene) -> Any:
    phash, variants = scene.reference, [{"url": scene.url}]
    return scene.run(TransformationCheckOperator, phash=phash, variants=variants)["passed"]


def run_listing(scene: Scene) -> Any:
    return scene.run(ListFilesOperator, max_xcom_bytes=1 << 20, limit=len(scene.imagekit.files()))


def run_usage(scene: Scene) -> Any:
    return scene.run(UsageOperator, limits=PLENTY)["exceeded"]


class FileFailedError(Exception):
    """Raised when the run continued without the file; the text is the file's error."""


def run_library(scene: Scene) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "table.jsonl")
        try:
            scene.run(LibraryMetadataOperator, file_ids=[scene.file_id], output_path=str(table), threads=1)
        except (AirflowFailException, TooManyFailedFilesError):
            # This is the only file; with others, the run would continue without it.
            errors = Path(f"{table}.run", "errors.jsonl")
            for failed in _rows(errors) if errors.exists() else ():
                raise FileFailedError(failed["error"]) from None
            raise
        [row] = _rows(table)
        return row.get("phash")


def _rows(table: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(table).read_text("utf-8").splitlines()]


#: Callers by name: a function, and the number of the check with which the fault begins.
CALLS: dict[str, tuple[Callable[[Scene], Any], int]] = {
    "client call": (call_client, 1),
    "FileMetadataOperator": (run_file_operator, 1),
    "RemoteUrlMetadataOperator": (run_url_operator, 1),
}
OPERATORS: dict[str, tuple[Callable[[Scene], Any], int]] = {
    BRANCH: (run_branch, 1),
    SHORT_CIRCUIT: (run_short_circuit, 1),
    CHECK: (run_transformation_check, 1),
    LISTING: (run_listing, 1),
    LIBRARY: (run_library, 1),
    USAGE: (run_usage, 1),
}
