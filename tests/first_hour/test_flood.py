"""A first run, without any setting of the pace, over more files than the account's limit admits at once."""

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
    """Return an account with many files, and with a key of its own: so its pace is to be learned."""
    files = folder / "many"
    files.mkdir()
    for number in range(FILES):
        shutil.copy(library / pictures.RESIZED, files / f"{number}.png")
    key = f"private_{secrets.token_urlsafe(20)}="
    return ImageKitEmulator(library=files, private_key=key, **arguments)


def a_night(
    imagekit: ImageKitEmulator, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, int], int]:
    """Fetch the account's metadata; return what was counted, and how many requests were refused."""
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))
    task = LibraryMetadataOperator(task_id="t", output_path=str(folder / "table.jsonl"))
    counts = task.execute(context())["counts"]
    return counts, sum(request.status == 429 for request in imagekit.requests)


def test_refusals_are_one_line_and_no_file_is_given_up(
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
    assert refused, "the limit was never met"
    lines = warnings_of(capsys, caplog)
    assert len(lines) == 1, lines
    [line] = lines
    assert "over its rate limit" in line
    assert "continue at 27 a second" in line


def test_refusals_that_name_no_limit_give_no_file_up_either(
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
