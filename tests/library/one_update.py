"""One run of changes in a separate process, to be killed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.library.journal import Journal
from airflow_provider_imagekit.library.updates.change import Change
from airflow_provider_imagekit.library.updates.update_run import UpdateRun

TAG = "duplicate"


def main(url: str, key: str, folder: str, writes_per_second: str) -> None:
    ids = json.loads(Path(folder, "ids.json").read_text("utf-8"))
    client = ImageKitClient(key, base_url=url, writes_per_second=float(writes_per_second))
    targets: dict[str, dict[str, str]] = {file_id: {} for file_id in ids}
    journal = Journal(Path(folder, "run"), run="the same", settings="the same")
    run = UpdateRun(client, targets, Change(add_tags=(TAG,)), journal)
    run.plan()
    run.run()
    Path(folder, "rows.json").write_text(json.dumps(list(run.rows())), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
