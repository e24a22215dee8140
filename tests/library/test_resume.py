"""Whenever a run is killed, the next try resumes it, and the table equals that of an undisturbed run."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import LibraryStoppedError, TooManyFailedFilesError
from airflow_provider_imagekit.library.journal import Journal
from tests.library.nightly import FILES, Nightly
from tests.library.one_run import THREADS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KILLS = 10
PATIENCE = 120.0


class Process:
    """A run in a separate process."""

    def __init__(self, server: ImageKitEmulator, output: Path) -> None:
        command = [sys.executable, "-m", "tests.library.one_run", server.url, server.private_key]
        self.child = subprocess.Popen([*command, str(output), "one and the same"], cwd=ROOT)

    def ended_before(self, moment: Callable[[], bool]) -> bool:
        """Kill at a moment; return whether the run had ended before."""
        deadline = time.monotonic() + PATIENCE
        while self.child.poll() is None and time.monotonic() < deadline:
            if moment():
                self.child.send_signal(signal.SIGKILL)
                self.child.wait()
                return False
            time.sleep(0.005)
        assert self.child.wait(PATIENCE) == 0
        return True


class Moment:
    """A random moment: after some more metadata calls and some more milliseconds."""

    def __init__(self, server: ImageKitEmulator, chance: random.Random) -> None:
        self.server = server
        self.calls = metadata_calls(server) + chance.randrange(6)
        self.left = chance.randrange(20)

    def __call__(self) -> bool:
        if metadata_calls(self.server) >= self.calls:
            self.left -= 1
        return self.left < 0


@pytest.fixture
def slow_server(pictures: Path) -> Iterator[ImageKitEmulator]:
    with ImageKitEmulator(library=pictures, private_key="private_slow", latency=0.02) as emulator:
        yield emulator


def metadata_calls(server: ImageKitEmulator) -> int:
    return sum(request.path.endswith("/metadata") for request in server.requests)


@pytest.mark.parametrize(("ending", "seed"), [("jsonl", 1), ("parquet", 2)])
def test_kill_9_at_ten_random_moments(
    slow_server: ImageKitEmulator, tmp_path: Path, ending: str, seed: int
) -> None:
    undisturbed = Nightly(slow_server, tmp_path / "undisturbed" / f"library.{ending}")
    undisturbed.run()
    slow_server.clear()

    chance = random.Random(seed)
    output = tmp_path / "killed" / f"library.{ending}"
    kills = 0
    while not output.exists():
        process = Process(slow_server, output)
        moment = Moment(slow_server, chance) if kills < KILLS else lambda: False
        kills += not process.ended_before(moment)

    assert kills >= KILLS // 2
    assert output.read_bytes() == undisturbed.output.read_bytes()
    assert metadata_calls(slow_server) <= FILES + kills * THREADS
    assert {path.name for path in output.parent.rglob("*.*") if path.is_file()} == {
        output.name,
        "errors.jsonl",
    }


def test_kill_9_while_the_table_is_being_published(slow_server: ImageKitEmulator, tmp_path: Path) -> None:
    undisturbed = Nightly(slow_server, tmp_path / "undisturbed" / "library.jsonl")
    undisturbed.run()
    slow_server.clear()
    output = tmp_path / "killed" / "library.jsonl"
    folder = output.parent / "library.jsonl.run"

    def publishing() -> bool:
        return folder.exists() and any("unfinished" in path.name for path in folder.iterdir())

    for _ in range(3):
        Process(slow_server, output).ended_before(publishing)
    assert Process(slow_server, output).ended_before(lambda: False)
    assert output.read_bytes() == undisturbed.output.read_bytes()


def test_a_run_that_failed_in_the_listing_does_not_list_those_pages_again(
    nightly_jsonl: Nightly, server: ImageKitEmulator
) -> None:
    files = [{"fileId": f"{n:024x}", "versionInfo": {"id": "v"}} for n in range(1500)]
    server.inject(status=200, body=files[:1000], match="skip=0&")
    broken = server.inject(status=500, times=10, match="skip=999&")
    with pytest.raises(Exception, match="500"), nightly_jsonl.open(run="one") as run:
        run.plan()
    assert broken.hits == 2
    server.clear()
    server.inject(status=200, body=files[999:], match="skip=999&")
    server.inject(status=200, body=files[-1:], match="skip=1499&")
    with nightly_jsonl.open(run="one") as run:
        plan = run.plan()
    assert (plan.files, plan.list_calls) == (1500, 2)


def test_another_run_lists_again_and_uses_what_was_fetched(
    nightly: Nightly, pictures: Path, server: ImageKitEmulator
) -> None:
    with nightly.open(run="monday") as run:
        run.fetch(run.plan())  # and no table: killed before it is published
    nightly.calls()
    (pictures / "0003.jpg").unlink()
    plan, _ = nightly.run(run="tuesday")
    assert (plan.files, plan.fetched_before, nightly.calls()) == (FILES - 1, FILES - 1, (2, 0))


def test_other_settings_start_from_the_beginning(nightly: Nightly) -> None:
    with nightly.open(run="one") as run:
        run.fetch(run.plan())
    nightly.calls()
    plan, _ = nightly.run(run="one", timezone="Europe/Berlin")
    assert (plan.fetched_before, nightly.calls()) == (0, (2, FILES))


class TestDamagedJournals:
    """Journals of two stopped tries, with some bytes or lines damaged since."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "tables" / "library.jsonl.run"

    @pytest.fixture
    def journal(self, nightly_jsonl: Nightly, folder: Path) -> dict[str, bytes]:
        for _ in range(2):
            with (
                nightly_jsonl.open(run="one", write=self.stop, progress_seconds=0.0) as self.library_run,
                pytest.raises(LibraryStoppedError),
            ):
                self.library_run.fetch(self.library_run.plan())
        return {path.name: path.read_bytes() for path in folder.glob("journal-*")}

    def stop(self, line: str) -> None:
        if line.startswith("15 "):
            self.library_run.stop()

    @pytest.mark.parametrize("seed", range(25))
    def test_no_damage_crashes_the_run_or_loses_a_file(
        self, nightly_jsonl: Nightly, folder: Path, journal: dict[str, bytes], seed: int
    ) -> None:
        chance = random.Random(seed)
        for name, content in journal.items():
            (folder / name).write_bytes(damaged(content, chance))
        plan, counts = nightly_jsonl.run(run="one")
        assert (plan.files, counts["fetched"], counts["rows"]) == (FILES, FILES, FILES)
        assert {row["name"] for row in nightly_jsonl.rows()} == {f"{n:04}.jpg" for n in range(FILES)}
        assert not any(row["error"] or row["deleted_at"] or not row["phash"] for row in nightly_jsonl.rows())

    def test_a_damaged_line_is_counted_and_fetched_again(
        self, nightly_jsonl: Nightly, folder: Path, journal: dict[str, bytes]
    ) -> None:
        first = min(journal)
        lines = journal[first].splitlines(keepends=True)
        lines[-1] = lines[-1].replace(b'"row"', b'"r\0w"')
        (folder / first).write_bytes(b"".join(lines))
        before = sum(content.count(b'"row"') for content in journal.values())
        plan, _ = nightly_jsonl.run(run="one")
        assert plan.fetched_before == before - 1
        assert nightly_jsonl.warnings[0].endswith(
            " has 1 damaged line; the files recorded there are fetched again."
        )

    def test_a_page_that_is_missing_is_listed_again(
        self, nightly_jsonl: Nightly, folder: Path, journal: dict[str, bytes]
    ) -> None:
        nightly_jsonl.calls()
        first = min(journal)
        lines = journal[first].splitlines(keepends=True)
        assert b'"page"' in lines[1]
        (folder / first).write_bytes(b"".join([lines[0], *lines[2:]]))
        plan, _ = nightly_jsonl.run(run="one")
        assert (plan.files, plan.list_calls) == (FILES, 2)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return the content of a file with some bytes, some lines or a range changed."""
    for _ in range(chance.randint(1, 4)):
        at, lines = chance.randrange(len(content)), content.splitlines(keepends=True)
        match chance.randrange(7):
            case 0:
                content = content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]
            case 1:
                content = content[:at] + b"\0" * chance.randint(1, 50) + content[at + 1 :]
            case 2:
                content = content[:at] + content[at + chance.randint(1, 300) :]
            case 3:
                chance.shuffle(lines)
                content = b"".join(lines)
            case 4:
                content = b"".join(line for line in lines if chance.random() < 0.9)
            case 5:
                content = content[:at] + b"[" * 5000 + content[at:]
            case _:
                content = content[:at] + b"\n" + content[at:]
        content = content or b"\n"
    return content


class TestWholeRun:
    def test_the_share_that_may_fail_is_of_all_tries_together(
        self, nightly_jsonl: Nightly, server: ImageKitEmulator
    ) -> None:
        gone = sorted(file["fileId"] for file in server.files())[-3:]

        def lose() -> None:
            for file_id in gone:
                server.inject(status=404, times=None, match=file_id)

        def stop_late(line: str) -> None:
            if line.startswith("54 "):
                run.stop()

        lose()
        with (
            nightly_jsonl.open(
                run="one", write=stop_late, progress_seconds=0.0, threads=1, max_failed=0.05
            ) as run,
            pytest.raises(LibraryStoppedError),
        ):
            run.fetch(run.plan())
        server.clear()
        lose()
        plan, counts = nightly_jsonl.run(run="one", max_failed=0.05)
        assert (plan.fetched_before, plan.metadata_calls, counts["failed"]) == (54, 6, 3)

    def test_files_deleted_since_the_listing_are_no_failures(
        self, nightly_jsonl: Nightly, pictures: Path
    ) -> None:
        with nightly_jsonl.open(run="one") as run:
            plan = run.plan()
            for number in range(12):
                (pictures / f"{number:04}.jpg").unlink()
            again = run.fetch(plan)
            counts = run.publish()
        assert (plan.files, again.files) == (FILES, FILES - 12)
        assert (counts["failed"], counts["fetched"], counts["rows"]) == (0, FILES - 12, FILES - 12)
        assert nightly_jsonl.calls()[0] == 4

    def test_files_that_are_listed_and_not_found_fail_the_run_and_the_next_try_lists_again(
        self, nightly_jsonl: Nightly, server: ImageKitEmulator
    ) -> None:
        server.inject(status=404, times=None, match="/metadata")
        with pytest.raises(TooManyFailedFilesError):
            nightly_jsonl.run(run="one")
        nightly_jsonl.calls()
        plan, counts = nightly_jsonl.run(run="one")
        assert (plan.list_calls, counts["fetched"]) == (2, FILES)


class TestJournal:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "table.run"

    def journal(self, folder: Path, run: str = "one", settings: str = "s") -> Journal:
        return Journal(folder, run=run, settings=settings)

    def test_an_event_can_be_read_before_the_file_is_closed(self, folder: Path) -> None:
        writing = self.journal(folder)
        writing.append({"key": "a"})
        assert list(self.journal(folder).earlier()) == [(True, {"key": "a"})]
        writing.close()

    def test_a_truncated_line_is_ignored(self, folder: Path) -> None:
        journal = self.journal(folder)
        events = [{"key": "ä" * n} for n in range(5)]
        for event in events:
            journal.append(event)
        journal.close()
        (path,) = folder.iterdir()
        whole = path.read_bytes()
        for cut in range(len(whole) + 1):
            path.write_bytes(whole[:cut])
            read = [event for _, event in self.journal(folder).earlier()]
            assert read == events[: len(read)]
        assert read == events

    def test_each_try_writes_its_own_file_in_order(self, folder: Path) -> None:
        for number in range(12):
            journal = self.journal(folder)
            journal.append({"n": number})
            journal.close()
        assert [event["n"] for _, event in self.journal(folder).earlier()] == list(range(12))

    def test_other_runs_are_distinguished_and_other_settings_ignored(self, folder: Path) -> None:
        for run, settings in itertools.product(("one", "two"), ("s", "t")):
            journal = self.journal(folder, run, settings)
            journal.append({"of": run + settings})
            journal.close()
        assert list(self.journal(folder).earlier()) == [(True, {"of": "ones"}), (False, {"of": "twos"})]

    def test_clearing_removes_the_journal_and_leaves_other_files(self, folder: Path) -> None:
        journal = self.journal(folder)
        journal.append({"key": "a"})
        (folder / "errors.jsonl").write_text("")
        journal.clear()
        assert [path.name for path in folder.iterdir()] == ["errors.jsonl"]


def test_the_errors_file_survives_a_new_try(nightly_jsonl: Nightly, pictures: Path) -> None:
    (pictures / "0005.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with nightly_jsonl.open(run="one") as run:
        run.fetch(run.plan())
    nightly_jsonl.calls()
    nightly_jsonl.run(run="one")
    assert nightly_jsonl.calls() == (0, 0)
    assert json.dumps([error["path"] for error in nightly_jsonl.errors()]) == '["/0005.jpg"]'
