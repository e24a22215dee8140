"""A first run, without any setting of the pace, over more files than the account's limit admits at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator, RateLimit, RateLimits
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from tests import pictures
from tests.doubles import context
from tests.first_hour.scene import warnings_of

FILES, LIMIT = 90, "30/s"


def test_refusals_are_one_line_and_no_file_is_given_up(
    library: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(FILES):
        shutil.copy(library / pictures.RESIZED, folder / f"{number}.png")
    limits = RateLimits(read=(RateLimit.parse(LIMIT),))
    with ImageKitEmulator(library=folder, rate_limits=limits, private_key="private_flood") as imagekit:
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))
        task = LibraryMetadataOperator(task_id="t", output_path=str(tmp_path / "table.jsonl"))
        counts = task.execute(context())["counts"]
        refused = [request for request in imagekit.requests if request.status == 429]
    assert (counts["fetched"], counts["failed"]) == (FILES, 0)
    assert refused, "the limit was never met"
    lines = warnings_of(capsys, caplog)
    assert len(lines) == 1, lines
    [line] = lines
    assert "over its rate limit" in line
    assert "go out at 27 a second" in line
