"""Helpers of the tests of the library operator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator


def operator(output: object, **arguments: Any) -> LibraryMetadataOperator:
    return LibraryMetadataOperator(task_id="library", output_path=str(output), **arguments)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def metadata_calls(imagekit: ImageKitEmulator) -> int:
    return sum("metadata" in request.path for request in imagekit.requests)
