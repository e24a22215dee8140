"""The library operator, as little of Airflow as it needs, and what it wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator

AS_OF = datetime(2024, 6, 1, tzinfo=UTC)


class Task:
    """As much of a task instance as an operator looks at."""

    dag_id, task_id, map_index = "dag", "library", -1

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id


def context(run: str = "run", **more: Any) -> Any:
    return {"ti": Task(run), "dag_run": SimpleNamespace(start_date=AS_OF), **more}


def operator(output: object, **arguments: Any) -> LibraryMetadataOperator:
    return LibraryMetadataOperator(task_id="library", output_path=str(output), **arguments)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def metadata_calls(imagekit: ImageKitEmulator) -> int:
    return sum("metadata" in request.path for request in imagekit.requests)
