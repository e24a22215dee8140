"""Concurrent calls: their number is limited, none is lost, and they follow the rate limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.arguments import count_or_share
from airflow_provider_imagekit.client.retry import RateLimitStats
from airflow_provider_imagekit.emulator import ImageKitEmulator, RateLimits
from airflow_provider_imagekit.exceptions import ImageKitNotFoundError
from airflow_provider_imagekit.library.failures import Failures
from airflow_provider_imagekit.library.fetch import FetchProgress, fetch_all
from airflow_provider_imagekit.library.worklist import Task
from tests.library.nightly import FILES, Nightly
from tests.support import Clock

LIMIT = 40


def tasks(count: int) -> Iterator[Task]:
    return (Task(str(number), str(number), "", None) for number in range(count))


class TestFetchAll:
    @pytest.mark.parametrize(("count", "threads"), [(0, 4), (1, 4), (100, 4), (100, 1)])
    def test_every_task_has_an_outcome(self, count: int, threads: int) -> None:
        outcomes = [o for o in fetch_all(tasks(count), lambda t: {"of": t.key}, threads=threads) if o]
        assert {outcome.task.key for outcome in outcomes} == {str(number) for number in range(count)}
        assert all(outcome.metadata == {"of": outcome.task.key} for outcome in outcomes)

    def test_no_more_calls_are_under_way_than_threads(self) -> None:
        lock, under_way, most = threading.Lock(), [0], [0]

        def fetch(task: Task) -> dict[str, Any]:
            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
            time.sleep(0.002)
            with lock:
                under_way[0] -= 1
            return {}

        assert len(list(fetch_all(tasks(60), fetch, threads=6))) >= 60
        assert 1 < most[0] <= 6

    def test_tasks_are_taken_as_they_are_needed(self) -> None:
        taken: list[str] = []

        def endless() -> Iterator[Task]:
            for task in tasks(10_000):
                taken.append(task.key)
                yield task

        outcomes = fetch_all(endless(), lambda _: {}, threads=4)
        for _ in range(10):
            next(outcomes)
        outcomes.close()  # type: ignore[attr-defined]
        assert len(taken) <= 10 + 4

    def test_errors_are_outcomes_too(self) -> None:
        def fetch(task: Task) -> dict[str, Any]:
            raise ImageKitNotFoundError("gone") if task.key == "3" else KeyError("a bug")

        kinds = [type(o.error) for o in fetch_all(tasks(5), fetch, threads=2) if o]
        assert sorted(kind.__name__ for kind in kinds) == ["ImageKitNotFoundError"] + ["KeyError"] * 4

    def test_the_caller_regains_control_while_nothing_arrives(self) -> None:
        release = threading.Event()

        def fetch(task: Task) -> dict[str, Any]:
            release.wait(10)
            return {}

        outcomes = fetch_all(tasks(1), fetch, threads=1)
        assert next(outcomes) is None
        release.set()
        assert next(outcome for outcome in outcomes if outcome is not None).metadata == {}

    def test_no_thread_is_left(self) -> None:
        before = threading.active_count()
        list(fetch_all(tasks(20), lambda _: {}, threads=8))
        assert threading.active_count() == before


def test_the_accounts_limit_is_used_and_no_file_lost(pictures: Path, tmp_path: Path) -> None:
    with ImageKitEmulator(library=pictures, rate_limits=RateLimits.of(f"{LIMIT}/s")) as server:
        nightly = Nightly(server, tmp_path / "library.jsonl")
        start = time.monotonic()
        _, counts = nightly.run(client=nightly.client(requests_per_second=LIMIT, max_retries=5))
        elapsed = time.monotonic() - start
    assert (counts["fetched"], counts["failed"]) == (FILES, 0)
    # With a refusal before each file, it would take a second; benchmarks/library.py requires 95 %.
    assert elapsed < FILES / LIMIT + 15


class TestFailures:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("10", 10),
            (0, 0),
            ("0.05", 0.05),
            ("5%", 0.05),
            (0.5, 0.5),
            ("100%", 1.0),
            ("1.0", 1),
            (1.0, 1),
            ("10.0", 10),
            (0.0, 0),
        ],
    )
    def test_max_failed_is_a_number_or_a_share(self, value: Any, expected: float) -> None:
        parsed = count_or_share(value, "max_failed")
        assert (parsed, type(parsed)) == (expected, type(expected))

    @pytest.mark.parametrize(("share", "calls", "allowed"), [(0.05, 1000, 50), (0.05, 3, 1), (0.0, 10, 1)])
    def test_one_file_may_always_fail_of_a_share(self, share: float, calls: int, allowed: int) -> None:
        assert Failures(share, calls).allowed == allowed


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def progress(lines: list[str]) -> Callable[[Clock], FetchProgress]:
    def make(clock: Clock) -> FetchProgress:
        return FetchProgress(1000, 10, RateLimitStats(), lines.append, 10.0, clock)

    return make


def test_progress_is_written_at_the_given_interval(
    lines: list[str], progress: Callable[[Clock], FetchProgress]
) -> None:
    clock = Clock()
    written = progress(clock)
    for done in range(1, 101):
        clock.sleep(0.25)
        written.report(done, 2)
    assert len(lines) == 2
    assert lines[0] == (
        "40 of 1,000 files, 4.0 a second, 2 failed; "
        "0 of 10 s waiting for the rate limit, 0 refused; 4 min left"
    )
