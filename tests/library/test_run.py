"""A run updates a table with one metadata call per new or changed file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitInputError,
    ImageKitServerError,
    LibraryStoppedError,
    TooManyDeletedFilesError,
    TooManyFailedFilesError,
)
from airflow_provider_imagekit.library.sources import (
    Batch,
    Given,
    Search,
    files_of_rows,
    files_of_urls,
)
from airflow_provider_imagekit.library.table.privacy import GpsPolicy, PersonalPolicy, Privacy
from tests.library.nightly import FILES, Nightly

pytestmark = pytest.mark.slow

KEEP = Privacy(GpsPolicy.KEEP, PersonalPolicy.KEEP)
LISTED = 2  # one page, and the call that confirms the end
ALL = (LISTED, FILES)


class TestFirstRun:
    def test_every_file_is_a_row(self, nightly: Nightly) -> None:
        plan, counts = nightly.run()
        assert (plan.files, plan.new, plan.metadata_calls, plan.list_calls) == (
            FILES,
            FILES,
            FILES,
            LISTED,
        )
        assert (counts["rows"], counts["fetched"], counts["failed"]) == (FILES, FILES, 0)
        rows = nightly.rows()
        assert [row["file_id"] for row in rows] == sorted(row["file_id"] for row in rows)
        assert {row["name"] for row in rows} == {f"{number:04}.jpg" for number in range(FILES)}
        assert {(row["width"], row["height"], row["camera_make"]) for row in rows} == {(16, 12, "Canon")}
        assert all(re.fullmatch("[0-9a-f]{16}", row["phash"]) for row in rows)
        assert rows[0]["captured_at"].startswith("2024-06-01T10:00:")
        assert nightly.calls() == ALL

    def test_by_default_neither_place_nor_serial_number_is_in_it(self, nightly: Nightly) -> None:
        nightly.run()
        assert all(row["has_gps"] and row["latitude"] is None for row in nightly.rows())
        assert b"SN-0420" not in nightly.output.read_bytes()
        assert "GPSLatitude" not in str(nightly.rows())

    def test_coordinates_are_there_if_asked_for(self, nightly: Nightly) -> None:
        nightly.run(privacy=KEEP)
        assert {(row["latitude"], row["longitude"]) for row in nightly.rows()} == {(48.5, 9.25)}

    def test_nothing_but_table_and_errors_is_left(self, nightly: Nightly) -> None:
        nightly.run()
        left = {path.name for path in nightly.output.parent.rglob("*") if path.is_file()}
        assert left == {nightly.output.name, "errors.jsonl"}

    def test_an_empty_library_gives_an_empty_table(self, nightly: Nightly) -> None:
        _, counts = nightly.run(source=Search(path="/nowhere"))
        assert (counts["rows"], nightly.rows()) == (0, [])

    def test_a_line_about_the_progress_ends_the_fetching(self, nightly: Nightly) -> None:
        nightly.run(progress_seconds=0.0)
        fetching = [line for line in nightly.lines if " files, " in line and " refused; " in line]
        assert fetching[-1].startswith(f"{FILES} of {FILES} files, ")
        assert len(fetching) > 2

    def test_listing_comparing_and_writing_report_progress_too(self, nightly: Nightly) -> None:
        nightly.run(progress_seconds=0.0)
        nightly.run(progress_seconds=0.0)
        phases = [line.partition(":")[0] for line in nightly.lines]
        assert {"Listing", "Comparing the table", "Writing the table"} <= set(phases)
        assert nightly.lines[-1].startswith(f"Writing the table: {FILES} of {FILES} rows, ")


class TestNextRun:
    def test_an_unchanged_library_costs_list_calls_only(self, nightly: Nightly) -> None:
        nightly.run()
        before = nightly.rows()
        nightly.calls()
        plan, counts = nightly.run()
        assert (plan.unchanged, plan.metadata_calls, counts["unchanged"]) == (FILES, 0, FILES)
        assert nightly.calls() == (LISTED, 0)
        assert nightly.rows() == before

    def test_one_changed_file_costs_one_metadata_call(
        self, nightly: Nightly, redraw: Callable[[int, int], None]
    ) -> None:
        nightly.run()
        before = {row["name"]: row for row in nightly.rows()}
        nightly.calls()
        redraw(7, 300)
        plan, _ = nightly.run()
        assert (plan.changed, plan.unchanged, nightly.calls()) == (1, FILES - 1, (LISTED, 1))
        assert "Planned: 1 metadata call;" in str(plan)
        after = {row["name"]: row for row in nightly.rows()}
        assert {name for name in after if after[name] != before[name]} == {"0007.jpg"}
        assert after["0007.jpg"]["phash"] != before["0007.jpg"]["phash"]

    def test_a_deleted_file_is_marked_once_and_stays(self, nightly: Nightly, pictures: Path) -> None:
        nightly.run()
        (pictures / "0003.jpg").unlink()
        plan, _ = nightly.run(run_time=datetime(2024, 6, 2, tzinfo=UTC))
        assert (plan.deleted, plan.metadata_calls) == (1, 0)
        plan, counts = nightly.run(run_time=datetime(2024, 6, 3, tzinfo=UTC))
        assert (plan.deleted, counts["rows"], counts["files"]) == (0, FILES, FILES - 1)
        deleted = {row["name"]: row["deleted_at"] for row in nightly.rows() if row["deleted_at"]}
        assert deleted == {"0003.jpg": "2024-06-02T00:00:00.000Z"}

    def test_a_file_that_comes_back_is_no_longer_marked(
        self, nightly: Nightly, pictures: Path, redraw: Callable[[int, int], None]
    ) -> None:
        nightly.run()
        (pictures / "0003.jpg").unlink()
        nightly.run()
        redraw(3, 3)
        nightly.run()
        assert not any(row["deleted_at"] for row in nightly.rows())

    def test_a_full_refresh_fetches_all_and_forgets_the_deleted(
        self, nightly: Nightly, pictures: Path
    ) -> None:
        nightly.run()
        (pictures / "0003.jpg").unlink()
        nightly.calls()
        _, counts = nightly.run(full_refresh=True)
        assert (counts["rows"], counts["fetched"], nightly.calls()) == (
            FILES - 1,
            FILES - 1,
            (LISTED, FILES - 1),
        )

    def test_a_stricter_privacy_reaches_what_is_in_the_table_already(
        self, nightly: Nightly, pictures: Path
    ) -> None:
        nightly.run(privacy=KEEP)
        (pictures / "0003.jpg").unlink()
        nightly.calls()
        nightly.run(privacy=Privacy())
        assert nightly.calls() == (LISTED, 0)
        assert all(row["latitude"] is None and row["has_gps"] for row in nightly.rows())
        assert "GPSLatitude" not in str(nightly.rows())
        assert "SN-0420" not in str(nightly.rows())

    def test_a_dry_run_only_plans(self, nightly: Nightly) -> None:
        with nightly.open() as run:
            plan = run.plan(dry=True)
        assert (plan.metadata_calls, nightly.calls()) == (FILES, (LISTED, 0))
        assert not nightly.output.parent.exists()

    def test_a_file_of_another_program_is_not_overwritten(self, nightly_jsonl: Nightly) -> None:
        nightly_jsonl.output.parent.mkdir()
        nightly_jsonl.output.write_text('{"precious": 1}\n')
        with pytest.raises(ImageKitInputError, match="not a table that this operator wrote"):
            nightly_jsonl.run()
        assert nightly_jsonl.output.read_text() == '{"precious": 1}\n'

    def test_an_unsorted_table_is_refused(self, nightly_jsonl: Nightly) -> None:
        nightly_jsonl.run()
        lines = nightly_jsonl.output.read_text().splitlines(keepends=True)
        nightly_jsonl.output.write_text("".join(reversed(lines)))
        with pytest.raises(ImageKitInputError, match="not sorted"):
            nightly_jsonl.run()


class TestShortListings:
    @pytest.mark.parametrize("length", [0, 40])
    def test_a_response_that_is_cut_short_once_deletes_nothing(
        self, nightly: Nightly, server: ImageKitEmulator, length: int
    ) -> None:
        nightly.run()
        server.inject(status=200, body=server.files()[:length], match="skip=0&")
        plan, _ = nightly.run()
        assert (plan.files, plan.deleted, plan.unchanged) == (FILES, 0, FILES)
        assert not any(row["deleted_at"] for row in nightly.rows())

    def test_a_listing_that_shrinks_by_more_than_max_deleted_changes_nothing(
        self, nightly: Nightly, server: ImageKitEmulator
    ) -> None:
        nightly.run()
        before = nightly.output.read_bytes()
        server.inject(status=200, body=server.files()[:40], times=None, match="/v1/files?")
        with pytest.raises(
            TooManyDeletedFilesError, match=r"20 of the table's 60 files.*allows 12"
        ) as caught:
            nightly.run(run="one")
        assert 'max_deleted="100%"' in str(caught.value)
        assert nightly.output.read_bytes() == before
        assert nightly.calls()[1] == FILES
        plan, _ = nightly.run(run="one")
        assert (plan.deleted, plan.list_calls) == (0, LISTED)

    def test_max_deleted_allows_a_library_to_shrink(self, nightly: Nightly, pictures: Path) -> None:
        nightly.run()
        for number in range(30):
            (pictures / f"{number:04}.jpg").unlink()
        with nightly.open() as run:
            assert run.plan(dry=True).deleted == 30
        assert nightly.run(max_deleted=1.0)[0].deleted == 30
        assert sum(row["deleted_at"] is not None for row in nightly.rows()) == 30

    def test_a_listing_that_ignores_skip_ends(self, nightly: Nightly, server: ImageKitEmulator) -> None:
        nightly.run()
        server.inject(status=200, body=server.files(), times=None, match="/v1/files?")
        assert nightly.run()[0].unchanged == FILES


class TestFailures:
    def corrupt(self, pictures: Path, *numbers: int) -> None:
        for number in numbers:
            (pictures / f"{number:04}.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture at all")

    def test_one_bad_file_does_not_fail_the_run_and_is_reported(
        self, nightly: Nightly, pictures: Path
    ) -> None:
        self.corrupt(pictures, 5)
        _, counts = nightly.run()
        assert (counts["failed"], counts["fetched"]) == (1, FILES - 1)
        (error,) = nightly.errors()
        assert (error["error"], error["status"], error["lasting"]) == ("ImageKitBadRequestError", 400, True)
        assert error["request_id"]
        assert error["path"] == "/0005.jpg"
        (row,) = [row for row in nightly.rows() if row["error"]]
        assert (row["name"], row["error"], row["phash"]) == ("0005.jpg", "ImageKitBadRequestError", None)

    def test_a_file_that_cannot_be_read_costs_no_second_call(self, nightly: Nightly, pictures: Path) -> None:
        self.corrupt(pictures, 5)
        nightly.run()
        nightly.calls()
        plan, counts = nightly.run()
        assert (plan.unreadable, counts["unreadable"], nightly.calls()) == (1, 1, (LISTED, 0))

    def test_after_a_temporary_error_the_next_run_fetches_the_file_again(
        self, nightly: Nightly, server: ImageKitEmulator
    ) -> None:
        server.inject(status=500, times=2, match=server.file_id("0005.jpg"))
        _, counts = nightly.run()
        assert counts["failed"] == 1
        nightly.calls()
        plan, counts = nightly.run()
        assert (plan.failed_before, counts["failed"], nightly.calls()) == (1, 0, (LISTED, 1))
        assert not any(row["error"] for row in nightly.rows())

    def test_too_many_failures_fail_the_run_and_leave_the_table(
        self, nightly: Nightly, pictures: Path
    ) -> None:
        nightly.run()
        before = nightly.output.read_bytes()
        self.corrupt(pictures, 5, 6, 7)
        with pytest.raises(TooManyFailedFilesError, match="3 files failed; max_failed allows 2") as caught:
            nightly.run(max_failed=2)
        assert caught.value.lasting
        assert nightly.output.read_bytes() == before
        assert {error["path"] for error in nightly.errors()} == {"/0005.jpg", "/0006.jpg", "/0007.jpg"}

    def test_a_wrong_key_ends_the_run_at_once(self, nightly: Nightly, server: ImageKitEmulator) -> None:
        client = nightly.client()
        with nightly.open(client=client) as run:
            plan = run.plan()
            nightly.calls()
            server.private_key = "private_another"
            with pytest.raises(ImageKitAuthError):
                run.fetch(plan)
        assert nightly.calls()[1] < FILES

    def test_a_service_that_is_down_ends_the_run_long_before_its_last_file(
        self, nightly: Nightly, server: ImageKitEmulator
    ) -> None:
        server.inject(status=503, times=10_000, match="/metadata")
        ids = [f"{number:024x}" for number in range(500)]
        source = Given([{"fileId": file_id} for file_id in ids], "ids")
        with pytest.raises(ImageKitServerError):
            nightly.run(source=source, client=nightly.client(max_retries=0), max_failed=1.0)
        assert nightly.calls()[1] < 150

    def test_stopping_keeps_what_is_done(self, nightly: Nightly) -> None:
        def write(line: str) -> None:
            if line.startswith("20 "):
                run.stop()

        with nightly.open(run="one", progress_seconds=0.0, write=write) as run:
            plan = run.plan()
            with pytest.raises(LibraryStoppedError, match="Stopped after 20 files; the next try continues"):
                run.fetch(plan)
        plan, _ = nightly.run(run="one")
        assert plan.fetched_before >= 20
        lists, metadata = nightly.calls()
        assert lists == LISTED
        assert metadata <= FILES + 16
        assert len(nightly.rows()) == FILES

    @pytest.mark.parametrize("phase", ["Listing", "Comparing the table", "Writing the table"])
    def test_stopping_in_any_phase_leaves_the_table_and_no_incomplete_file(
        self, nightly: Nightly, phase: str
    ) -> None:
        def write(line: str) -> None:
            if line.startswith(phase):
                run.stop()

        nightly.run()
        before = nightly.output.read_bytes()
        with (  # noqa: PT012 - whichever of the steps it is
            pytest.raises(LibraryStoppedError),
            nightly.open(run="one", progress_seconds=0.0, write=write) as run,
        ):
            run.fetch(run.plan())
            run.publish()
        left = {path.name for path in nightly.output.parent.rglob("*") if path.is_file()}
        assert nightly.output.read_bytes() == before
        assert not [name for name in left if name.startswith(("unfinished", "former"))]
        plan, counts = nightly.run(run="one")
        assert (plan.files, counts["unchanged"]) == (FILES, FILES)


class TestSources:
    def test_each_given_id_is_fetched_once_and_nothing_is_listed(
        self, nightly: Nightly, server: ImageKitEmulator
    ) -> None:
        ids = [server.file_id("0001.jpg"), server.file_id("0002.jpg"), server.file_id("0001.jpg")]
        nightly.run(source=Given([{"fileId": file_id} for file_id in ids], "ids"))
        assert {row["file_id"] for row in nightly.rows()} == set(ids)
        assert nightly.calls() == (0, 2)

    def test_urls_and_their_signatures_stay_out_of_the_table(
        self, nightly: Nightly, server: ImageKitEmulator
    ) -> None:
        urls = [server.file_url("0001.jpg"), f"{server.file_url('0002.jpg')}?tr=w-8&ik-s=0123456789abcdef"]
        nightly.run(source=Given(list(files_of_urls(urls)), "urls"), max_failed=5)
        rows = nightly.rows()
        assert {row["url"] for row in rows} == {urls[0], urls[1].replace("0123456789abcdef", "***")}
        assert {row["file_id"] for row in rows} == {None}
        assert "0123456789abcdef" not in str([request.path for request in server.requests])

    def test_rows_of_a_listing_are_incremental_too(self, nightly: Nightly, server: ImageKitEmulator) -> None:
        def source() -> Given:
            return Given(list(files_of_rows(server.files(), file_id_column="fileId")), "listing")

        nightly.run(source=source())
        assert nightly.calls() == (0, FILES)
        nightly.run(source=source())
        assert nightly.calls() == (0, 0)
        assert {row["name"] for row in nightly.rows()} >= {"0000.jpg"}

    def test_batches_share_a_listing_without_overlap(self, server: ImageKitEmulator) -> None:
        parts = [
            {
                row["fileId"]
                for row in files_of_rows(server.files(), file_id_column="fileId", batch=Batch(n, 4))
            }
            for n in range(4)
        ]
        assert sum(map(len, parts)) == len(set.union(*parts)) == FILES
        assert all(len(part) > 5 for part in parts)

    @pytest.mark.parametrize("name", [None, "", "  ", 7])
    def test_a_row_without_a_name_is_refused_with_its_number(self, name: Any) -> None:
        with pytest.raises(ImageKitInputError, match=r"Row 2 .* 'id'"):
            list(files_of_rows([{"id": "a"}, {"id": name}], file_id_column="id"))

    def test_folders_in_a_search_are_not_files(self, nightly: Nightly, server: ImageKitEmulator) -> None:
        listing = [*server.files()[:3], {"type": "folder", "folderId": "f1", "name": "a", "folderPath": "/a"}]
        server.inject(status=200, body=listing, times=2, match="searchQuery")
        plan, _ = nightly.run(source=Search(search_query='name HAS "0"'))
        assert plan.files == 3


def test_the_plan_states_what_it_costs(nightly_jsonl: Nightly) -> None:
    with nightly_jsonl.open(client=nightly_jsonl.client(requests_per_second=20)) as run:
        plan = run.plan(dry=True)
    assert plan.as_dict()["seconds"] == FILES / 20
    assert str(plan) == (
        "60 files listed in 2 calls. To fetch: 60 new, 0 changed, 0 failed before. Skipped: none. "
        "Deleted: 0. Planned: 60 metadata calls; 3 s at 20 requests a second."
    )
    assert str(replace(plan, requests_per_second=1.0)).endswith("60 s at 1 request a second.")
    assert "account's limit" in str(replace(plan, requests_per_second=None))
