"""Repeated runs over a library of tiny pictures."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.io.tables import format_of
from airflow_provider_imagekit.library.plan import Plan
from airflow_provider_imagekit.library.run import LibraryRun, RunSettings
from airflow_provider_imagekit.library.sources import Search, Source
from airflow_provider_imagekit.library.table.stored import stored_table

FILES = 60
AS_OF = datetime(2024, 6, 1, tzinfo=UTC)


def draw(path: Path, number: int) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    exif.get_ifd(0x8769).update({0x9003: f"2024:06:01 10:00:{number % 60:02}", 0xA431: "SN-0420"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 30.0, 0.0), 3: "E", 4: (9.0, 15.0, 0.0)})
    picture = Image.new("RGB", (16, 12), (number % 256, number * 7 % 256, number * 13 % 256))
    picture.paste((255 - number % 256, 0, 0), (0, 0, 8, 6))
    picture.save(path, quality=90, exif=exif)


class Nightly:
    """Consecutive runs over one library into one table."""

    def __init__(self, server: ImageKitEmulator, output: Path) -> None:
        self.server = server
        self.output = output
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self._numbers = itertools.count()

    def client(self, **arguments: Any) -> ImageKitClient:
        return ImageKitClient(
            self.server.private_key,
            base_url=self.server.url,
            jitter=lambda: 0.0,
            **{"max_retries": 1, **arguments},
        )

    def open(
        self,
        *,
        source: Source | None = None,
        run: str | None = None,
        run_time: datetime = AS_OF,
        client: ImageKitClient | None = None,
        write: Callable[[str], None] | None = None,
        **settings: Any,
    ) -> LibraryRun:
        return LibraryRun(
            client or self.client(),
            source or Search(),
            self.output,
            RunSettings(**{"threads": 8, **settings}),
            run=run or f"run {next(self._numbers)}",
            run_time=run_time,
            write=write or self.lines.append,
            warn=self.warnings.append,
        )

    def run(self, **arguments: Any) -> tuple[Plan, dict[str, int]]:
        with self.open(**arguments) as library_run:
            plan = library_run.plan()
            library_run.fetch(plan)
            return plan, library_run.publish()

    def rows(self) -> list[dict[str, Any]]:
        with self.output.open("rb") as stream:
            table = stored_table(stream, format_of(self.output.name))
            return [row for _, row in table.pieces(bytearray(10_000))]

    def errors(self) -> list[dict[str, Any]]:
        path = self.output.parent / f"{self.output.name}.run" / "errors.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def calls(self) -> tuple[int, int]:
        """Return the number of list and metadata calls since the last time."""
        paths = [request.path for request in self.server.requests]
        self.server.clear()
        lists = sum(path == "/v1/files" for path in paths)
        return lists, len(paths) - lists
