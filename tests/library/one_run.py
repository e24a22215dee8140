"""One run in a separate process, to be killed: ``python -m tests.library.one_run URL KEY OUTPUT RUN``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.library.run import LibraryRun, RunSettings
from airflow_provider_imagekit.library.sources import Search

THREADS = 4
AS_OF = datetime(2024, 6, 1, tzinfo=UTC)


def main(url: str, key: str, output: str, run: str) -> None:
    with LibraryRun(
        ImageKitClient(key, base_url=url),
        Search(),
        Path(output),
        RunSettings(threads=THREADS),
        run=run,
        run_time=AS_OF,
    ) as library_run:
        plan = library_run.plan()
        library_run.fetch(plan)
        library_run.publish()


if __name__ == "__main__":
    main(*sys.argv[1:])
