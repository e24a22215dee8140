"""A first run without a configured rate over more files than the account's limit admits at once."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator, RateLimit, RateLimits
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from tests import pictures
from tests.doubles import context
from tests.first_hour.scene import warnings_of

FILES, LIMIT = 90, "30/s"


def account(library: Path, folder: Path, **arguments: Any) -> ImageKitEmulator:
    """Return an account with many files and a new key, for which no rate has been learned yet."""
    files = folder / "many"
    files.mkdir()
    for number in range(FILES):
        shutil.copy(library / pictures.RESIZED, files / f"{number}.png")
    key = f"private_{secrets.token_urlsafe(20)}="
    return ImageKitEmulator(library=files, private_key=key, **arguments)


def a_night(
    imagekit: ImageKitEmulator, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, int], int]:
    """Fetch the account's metadata; return the operator's counts, and the number of refused requests."""
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))
    task = LibraryMetadataOperator(task_id="t", output_path=str(folder / "table.jsonl"))
    counts = task.execute(context())["counts"]
    return counts, sum(request.status == 429 for request in imagekit.requests)


def test_refusals_are_logged_as_one_line_and_lose_no_file(
    library: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    limits = RateLimits(read=(RateLimit.parse(LIMIT),))
    with account(library, tmp_path, rate_limits=limits) as imagekit:
        counts, refused = a_night(imagekit, tmp_path, monkeypatch)
    assert (counts["fetched"], counts["failed"]) == (FILES, 0)
    assert refused, "the limit was never reached"
    lines = warnings_of(capsys, caplog)
    assert len(lines) == 1, lines
    [line] = lines
    assert "over its rate limit" in line
    assert "continue at 27 a second" in line


def test_refusals_without_a_limit_in_their_headers_lose_no_file(
    library: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with account(library, tmp_path) as imagekit:
        imagekit.inject(status=429, match="/metadata", times=40)
        counts, refused = a_night(imagekit, tmp_path, monkeypatch)
    assert (counts["fetched"], counts["failed"], refused) == (FILES, 0, 40)
    [line] = warnings_of(capsys, caplog)
    assert "over its rate limit" in line
