"""Tags many files while the process is killed repeatedly: each file is tagged once, within the rate limit."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.library.one_update import TAG

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
FILES = int(os.environ.get("IMAGEKIT_TAGGED_FILES", "2000"))
WRITES_PER_SECOND = 8.0
KILLS = 4
PATIENCE = 120.0


def tagging(server: ImageKitEmulator) -> list[float]:
    return [request.time for request in server.requests if request.path == "/v1/files/addTags"]


def tagged(server: ImageKitEmulator) -> dict[str, Any]:
    return {file["fileId"]: file["updatedAt"] for file in server.files() if TAG in (file["tags"] or ())}


def start(server: ImageKitEmulator, folder: Path) -> subprocess.Popen[bytes]:
    arguments = [server.url, server.private_key, str(folder), str(WRITES_PER_SECOND)]
    return subprocess.Popen([sys.executable, "-m", "tests.library.one_update", *arguments], cwd=ROOT)


def kill_after(server: ImageKitEmulator, child: subprocess.Popen[bytes], requests: int) -> bool:
    """Kill a run after some more requests; return whether it was still running."""
    aim, deadline = len(tagging(server)) + requests, time.monotonic() + PATIENCE
    while child.poll() is None and len(tagging(server)) < aim and time.monotonic() < deadline:
        time.sleep(0.002)
    killed = child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    return killed


def test_kill_9_in_the_middle_of_tagging_tags_each_file_once_within_the_rate_limit(tmp_path: Path) -> None:
    library, chance = tmp_path / "library", random.Random(9)
    for number in range(FILES):
        file = library / f"{number // 1000}" / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(number))
    with ImageKitEmulator(library=library, private_key="private_kill", latency=0.02) as server:
        (tmp_path / "ids.json").write_text(json.dumps([file["fileId"] for file in server.files()]))
        share = FILES // 50 // (KILLS + 1)
        for _ in range(KILLS):
            assert kill_after(server, start(server, tmp_path), share + chance.randrange(-2, 3))
            server.requests  # noqa: B018 - what was under way has arrived
            time.sleep(0.3)
            before = tagged(server)
            assert 0 < len(before) < FILES
            # A tagged file is never changed again, so its time of change stays.
            checkpoint = tmp_path / "before.json"
            earlier = json.loads(checkpoint.read_text()) if checkpoint.exists() else {}
            assert earlier.items() <= before.items()
            checkpoint.write_text(json.dumps(before))
        assert start(server, tmp_path).wait(PATIENCE) == 0
        after = tagged(server)
        assert len(after) == FILES
        assert before.items() <= after.items()
        times = tagging(server)
    within = [sum(start <= each < start + 1 for each in times) for start in times]
    assert max(within) <= WRITES_PER_SECOND
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["status"] for row in rows] == ["updated"] * FILES
    print(f"{FILES} files, {KILLS} kills, {len(times)} requests, at most {max(within)} a second")
