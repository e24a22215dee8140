"""
### Are the pictures of a folder good enough?

A table of the folder, and rules on it: large enough, the shop's aspect ratio, an embedded colour profile.
What breaks a rule fails the run, is only warned of, or sends it down another branch, as the params say.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pendulum

from airflow_provider_imagekit.compat import DAG, AirflowFailException, ObjectStoragePath, Param, task
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
TABLE = (HOME / "imagekit" / "quality.jsonl").as_uri()

with DAG(
    dag_id="example_imagekit_library_quality",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"retries": 1},
    params={
        "table": Param(TABLE, type="string", description="Where the table is, on a disk or in a store"),
        "folder": Param("/products", type="string"),
        "min_width": Param(1000, type="integer", description="Pixels that the shop needs"),
        "on_finding": Param("branch", enum=["fail", "warn", "branch"]),
    },
    tags=["example", "imagekit"],
    doc_md=__doc__,
):
    library = LibraryMetadataOperator(
        task_id="library", path="{{ params.folder }}", file_type="image", output_path="{{ params.table }}"
    )

    @task(multiple_outputs=False)  # or each picture would be an XCom of its own
    def findings(table: dict[str, Any], min_width: str) -> dict[str, list[str]]:
        """Hold each picture against the rules; a file that could not be read is a finding too."""
        found: dict[str, list[str]] = {}
        for row in map(json.loads, ObjectStoragePath(table["path"]).read_text().splitlines()):
            width, height = row["width"] or 0, row["height"] or 1
            broken = {
                "unreadable": bool(row["error"]),
                "too small": width < int(min_width),
                "wrong ratio": not 0.5 <= width / height <= 2,
                "no colour profile": not row["has_color_profile"],
            }
            if any(broken.values()) and not row["deleted_at"]:
                found[row["path"]] = [rule for rule, is_broken in broken.items() if is_broken]
        return found

    # [START howto_library_quality_gate]
    @task.branch
    def gate(found: dict[str, list[str]], on_finding: str) -> str:
        if found and on_finding == "fail":
            raise AirflowFailException(f"{len(found)} pictures break a rule: {found}")
        return "review" if found and on_finding == "branch" else "publish"

    # [END howto_library_quality_gate]

    found = findings(library.output, "{{ params.min_width }}")
    gate(found, "{{ params.on_finding }}") >> [
        task(task_id="publish")(lambda: "published")(),
        task(task_id="review")(lambda: "sent to review")(),
    ]
