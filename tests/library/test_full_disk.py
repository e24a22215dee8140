"""A full disk fails a run, which leaves the table unchanged and no incomplete files."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import StorageError
from airflow_provider_imagekit.io.object_storage import storage_faults
from tests.library.nightly import FILES, Nightly, draw

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def run_with(
    max_bytes: int | None, server: ImageKitEmulator, output: Path
) -> subprocess.CompletedProcess[str]:
    """Run in a process with a maximum file size; a larger write fails as on a full disk."""

    def limit() -> None:
        if max_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))

    command = [sys.executable, "-m", "tests.library.one_run", server.url, server.private_key, str(output)]
    # Otherwise Python would write truncated bytecode files, too.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*command, "tonight"],
        cwd=ROOT,
        env=environment,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_whichever_write_fails_the_table_stays_and_the_next_try_resumes(
    ending: str, server: ImageKitEmulator, pictures: Path, tmp_path: Path
) -> None:
    nightly = Nightly(server, tmp_path / "tables" / f"library.{ending}")
    nightly.run(run="yesterday")
    yesterday = nightly.output.read_bytes()
    for number in range(FILES // 2):
        draw(pictures / f"new-{number:04}.jpg", number)
    nightly.calls()
    # With growing limits, these writes fail: the probe, the lease, the journal's head, its rows, the table.
    for max_bytes in (0, 1, 200, 10_000, len(yesterday) - 1):
        ended = run_with(max_bytes, server, nightly.output)
        assert ended.returncode == 1
        assert ended.stderr.splitlines()[-1].endswith("File too large")
        assert nightly.output.read_bytes() == yesterday
        assert not list(nightly.output.parent.rglob("unfinished-*"))
    assert nightly.calls()[1] <= 2 * FILES
    ended = run_with(None, server, nightly.output)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(nightly.rows()) == FILES + FILES // 2
    assert {path.name for path in nightly.output.parent.rglob("*.*") if path.is_file()} == {
        nightly.output.name,
        "errors.jsonl",
    }


def test_the_error_of_a_full_disk_names_the_output_and_is_retryable() -> None:
    with (
        pytest.raises(StorageError, match=r"/data/a\.jsonl cannot be written: .*No space left") as caught,
        storage_faults(["/data/a.jsonl"]),
    ):
        raise OSError(28, "No space left on device")
    assert caught.value.retryable
