"""Two runs over one table: only one works at a time, and neither undoes the other's work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_imagekit.exceptions import ImageKitInputError, TableInUseError
from airflow_provider_imagekit.library.lease import Lease
from tests.library.nightly import FILES, Nightly


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tables" / "library.jsonl.run"


def test_a_second_run_over_the_same_table_is_refused_while_the_first_works(
    nightly_jsonl: Nightly, folder: Path
) -> None:
    with nightly_jsonl.open(run="monday") as monday:
        plan = monday.plan()
        with nightly_jsonl.open(run="tuesday") as tuesday, pytest.raises(TableInUseError) as caught:
            tuesday.plan()
        assert "'monday'" in caught.value.message
        assert str(folder / "lease.json") in str(caught.value)
        monday.fetch(plan)
        assert monday.publish()["rows"] == FILES
    assert nightly_jsonl.run(run="tuesday")[0].unchanged == FILES


def test_a_dry_run_needs_no_lease(nightly_jsonl: Nightly) -> None:
    with nightly_jsonl.open(run="monday") as monday, nightly_jsonl.open(run="tuesday") as tuesday:
        monday.plan()
        assert tuesday.plan(dry=True).new == FILES


def test_another_try_of_the_same_run_takes_over_and_the_first_one_stops(nightly_jsonl: Nightly) -> None:
    with nightly_jsonl.open(run="one") as first, nightly_jsonl.open(run="one") as second:
        plan = first.plan()
        first.fetch(plan)
        second.plan()
        with pytest.raises(TableInUseError):
            first.publish()
        second.fetch(plan)
        assert second.publish()["rows"] == FILES


def test_instances_of_one_mapped_task_do_not_replace_each_others_table(nightly_jsonl: Nightly) -> None:
    nightly_jsonl.run(run="dag/task/monday/0")
    with (
        nightly_jsonl.open(run="dag/task/monday/11") as other,
        pytest.raises(ImageKitInputError, match=r"written by instance 0 .* instance 11 .*{{ ti.map_index }}"),
    ):
        other.plan()
    for same_or_another_run in ("dag/task/monday/0", "dag/task/tuesday/11", "dag/task/wednesday/-1", "run"):
        assert nightly_jsonl.run(run=same_or_another_run)[0].unchanged == FILES


@pytest.mark.parametrize("damaged", ["", "[]", "{}", '{"owner": 7}', "no JSON", "[" * 5000])
def test_a_damaged_mark_of_the_writer_does_not_stop_a_run(
    damaged: str, nightly_jsonl: Nightly, folder: Path
) -> None:
    nightly_jsonl.run(run="dag/task/monday/0")
    (folder / "writer.json").write_text(damaged)
    assert nightly_jsonl.run(run="dag/task/monday/1")[0].unchanged == FILES


def test_a_table_that_was_replaced_since_the_plan_is_not_overwritten(
    nightly_jsonl: Nightly, redraw: Callable[[int, int], None]
) -> None:
    nightly_jsonl.run()
    redraw(3, 300)
    with nightly_jsonl.open(run="one") as run:
        run.fetch(run.plan())
        newer = nightly_jsonl.output.read_bytes() + b" "
        nightly_jsonl.output.write_bytes(newer)
        with pytest.raises(TableInUseError, match="was replaced"):
            run.publish()
    assert nightly_jsonl.output.read_bytes() == newer


def test_a_listing_from_before_another_run_published_is_listed_again(
    nightly_jsonl: Nightly, pictures: Path, redraw: Callable[[int, int], None]
) -> None:
    with nightly_jsonl.open(run="monday") as monday:
        monday.plan()
    redraw(FILES, FILES)  # a new file
    nightly_jsonl.run(run="tuesday")
    nightly_jsonl.calls()
    plan, counts = nightly_jsonl.run(run="monday")
    assert (plan.files, plan.deleted, plan.list_calls, counts["rows"]) == (FILES + 1, 0, 2, FILES + 1)
    assert not any(row["deleted_at"] for row in nightly_jsonl.rows())


def test_the_end_of_a_run_leaves_the_journal_of_one_with_other_settings(nightly_jsonl: Nightly) -> None:
    with nightly_jsonl.open(run="one", timezone="Europe/Berlin") as run:
        run.fetch(run.plan())
    nightly_jsonl.run(run="two")
    nightly_jsonl.calls()
    with nightly_jsonl.open(run="one", timezone="Europe/Berlin") as run:
        assert run.plan().fetched_before == FILES


class TestLease:
    def lease(self, folder: Path, owner: str, clock: list[float]) -> Lease:
        return Lease(folder, owner=owner, seconds=300.0, clock=lambda: clock[0])

    def test_it_expires_some_minutes_after_the_last_renewal(self, folder: Path) -> None:
        clock = [1_000_000.0]
        one, two = self.lease(folder, "one", clock), self.lease(folder, "two", clock)
        one.acquire()
        clock[0] += 200
        one.renew()
        clock[0] += 299
        with pytest.raises(TableInUseError, match="1970-01-12 13:55:00"):
            two.acquire()
        clock[0] += 2
        two.acquire()
        with pytest.raises(TableInUseError, match="'two'"):
            one.renew()
        one.release()
        two.check()

    def test_a_released_lease_is_free(self, folder: Path) -> None:
        one, two = self.lease(folder, "one", [0.0]), self.lease(folder, "two", [0.0])
        one.acquire()
        one.release()
        two.acquire()

    @pytest.mark.parametrize(
        "content", [b"", b"\0", b"[]", b"null", b'{"owner": "x"}', b'{"owner":1,"token":2,"until":"x"}']
    )
    def test_a_damaged_lease_file_is_ignored(self, folder: Path, content: bytes) -> None:
        folder.mkdir(parents=True)
        (folder / "lease.json").write_bytes(content)
        self.lease(folder, "one", [0.0]).acquire()
        assert json.loads((folder / "lease.json").read_bytes())["owner"] == "one"
