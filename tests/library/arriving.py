"""Builds files of a listing that were updated at given times."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit.library.arrivals import iso

START = 1_800_000_000_000
OVERLAP = 300_000


def listed(number: int, updated: int, *, version: int = 1, created: int | None = None) -> dict[str, Any]:
    file_id = f"{number:024x}"
    return {
        "fileId": file_id,
        "versionInfo": {"id": file_id if version == 1 else f"{number:08x}{version:016x}"},
        "filePath": f"/folder/{number}.jpg",
        "createdAt": iso(updated if created is None else created),
        "updatedAt": iso(updated),
    }
