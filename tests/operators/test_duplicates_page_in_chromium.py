"""
The operator's page in a real browser, with pictures that the local ImageKit server transforms.

With ``IMAGEKIT_WRITE_SCREENSHOTS`` the test also writes the screenshot in ``docs/images/``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from demo.catalogue import build
from tests.doubles import context

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENSHOT = Path(__file__).parents[2] / "docs/images/find-near-duplicates.png"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1320,900",
    "--virtual-time-budget=15000",
]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]


def chromium(page: str, profile: Path, *flags: str) -> str:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *flags, f"file://{page}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=180).stdout


def records(imagekit: ImageKitEmulator) -> list[dict[str, Any]]:
    from airflow_provider_imagekit.client import ImageKitClient

    with ImageKitClient(imagekit.private_key, base_url=imagekit.url) as client:
        return [
            file | client.get_file_metadata(file["fileId"]) | {"size": file["size"]}
            for folder in ("/landscapes", "/products", "/photos", "/variants")
            for file in client.list_files(path=folder, file_type="image")
        ]


def test_every_thumbnail_loads_and_keeper_and_distance_are_visible(tmp_path: Path) -> None:
    build(tmp_path / "library")
    with ImageKitEmulator(library=tmp_path / "library") as imagekit:
        rows = records(imagekit)
        found = FindNearDuplicatesOperator(
            task_id="find",
            records=rows,
            output_path=str(tmp_path / "out"),
            preferred_folders=["/landscapes", "/products", "/photos"],
            report_title="Near-duplicates in the catalogue",
        ).execute(context())
        imagekit.clear()
        dom = chromium(found["report_path"], tmp_path / "profile", "--dump-dom").partition("<footer>")[0]
        thumbnails = [
            request for request in imagekit.requests if request.query.get("tr", "").startswith("w-480")
        ]
        picture = tmp_path / "page.png"
        chromium(found["report_path"], tmp_path / "profile", f"--screenshot={picture}")

    shown = found["groups"] + found["duplicates"]
    assert found["groups"] >= 2
    assert found["groups"] <= 20, "more than a page"
    assert len(thumbnails) == shown
    assert {request.status for request in thumbnails} == {200}
    assert "cannot be shown" not in dom
    assert dom.count("✓ Keep") == found["groups"]
    assert len(re.findall(r"<b>\d+ bits?</b>|equal hash", dom)) >= found["duplicates"]
    assert "in a preferred folder" in dom
    with Image.open(picture) as image:
        assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 5_000, "no photograph is to be seen"
        if os.environ.get("IMAGEKIT_WRITE_SCREENSHOTS"):
            image.convert("RGB").quantize(192).save(SCREENSHOT, optimize=True)
    assert SCREENSHOT.stat().st_size < 200_000
