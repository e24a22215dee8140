"""The example of the quarantine: what a person has told apart is published and never comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.dagruns import run_dags
from demo.environment import EXAMPLE_DAGS
from demo.plan import Run
from tests import pictures

pytestmark = pytest.mark.airflow_db

DAG_ID = "example_imagekit_quarantine"


def test_a_decision_is_remembered_and_never_comes_back(tmp_path: Path) -> None:
    library = pictures.draw(tmp_path / "library")
    conf = {"output": (tmp_path / "output").as_uri()}

    def run_once() -> dict[str, list[Any]]:
        connection = json.dumps(imagekit.airflow_connection)
        [run] = run_dags([Run(DAG_ID, "", str, conf)], [EXAMPLE_DAGS], connection, tmp_path / "log", {})
        assert run.state == "success", (tmp_path / "log").read_text()[-4000:]
        return run.results

    with ImageKitEmulator(library=library) as imagekit:
        client = ImageKitClient(imagekit.private_key, base_url=imagekit.url)
        client.upload_file((library / pictures.ORIGINAL).read_bytes(), "original.jpg", folder="/products")
        copy = client.upload_file((library / pictures.RESIZED).read_bytes(), "copy.png", folder="/variants")
        client.upload_file((library / pictures.NO_PICTURE).read_bytes(), "paper.pdf", folder="/variants")
        assert run_once()["quarantine"][0]["counts"] == {"files": 1, "updated": 1, "failed": 0}
        held = client.get_file_details(copy["fileId"])
        assert (held["isPublished"], held["tags"]) == (False, ["quarantine"])
        client.add_tags([copy["fileId"]], ["approved"])  # what a person does in the dashboard
        for published in (1, 0):
            results = run_once()
            assert results["publish"][0]["counts"]["updated"] == published
            assert results["quarantine"][0]["counts"]["files"] == 0
            released = client.get_file_details(copy["fileId"])
            assert (released["isPublished"], released["tags"]) == (True, ["approved"])
