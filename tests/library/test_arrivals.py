"""The cursor of a watch reports new, changed and deleted files, whatever happens in the library."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.arrivals import (
    MAX_REMEMBERED,
    Arrival,
    Cursor,
    Listing,
    event_of,
    iso,
    milliseconds,
)
from tests.library.arriving import OVERLAP, START, listed


def take(cursor: Cursor, *files: dict[str, Any], present: Any = None, **options: Any) -> Any:
    options = {"now_ms": START, "overlap_ms": OVERLAP, **options}
    return cursor.take(Listing(files, present), **options)


def kinds(arrivals: list[Arrival]) -> list[tuple[str, int]]:
    return [(arrival.kind, int(arrival.file_id, 16)) for arrival in arrivals]


class Library:
    """Files by number; a search returns those since a floor, some of them late."""

    def __init__(self) -> None:
        self.files: dict[int, dict[str, Any]] = {}
        self.hidden: set[int] = set()

    def since(self, floor: int) -> list[dict[str, Any]]:
        return [
            file
            for number, file in self.files.items()
            if number not in self.hidden and milliseconds(file["updatedAt"]) >= floor
        ]


Name = tuple[str, str]


class Watch:
    """A watch of a library: what it reported, and what it may report again because it was killed."""

    def __init__(self) -> None:
        self.library = Library()
        self.now = START
        self.cursor = self.stored = Cursor.at(START, OVERLAP)
        self.reported: list[Name] = []
        self.repeatable: set[Name] = set()

    def upload(self, number: int) -> None:
        self.library.files.setdefault(number, listed(number, self.now))

    def version(self, number: int) -> None:
        if number in self.library.files:
            self.library.files[number] = listed(number, self.now, version=self.now - START + 2)

    def hide(self, number: int) -> None:
        self.library.hidden.add(number)

    def show(self, number: int) -> None:
        self.library.hidden.discard(number)

    def poll(self, _: int = 0) -> list[Name]:
        listing = Listing(self.library.since(self.cursor.floor_ms))
        found, self.cursor = self.cursor.take(listing, now_ms=self.now, overlap_ms=OVERLAP)
        names = [(file.file_id, file.version_id) for file in found]
        self.reported += names
        if names:
            self.stored = self.cursor
        return names

    def poll_and_be_killed(self, _: int) -> None:
        stored = self.stored
        self.repeatable |= set(self.poll())
        self.stored = stored
        self.restart(0)

    def restart(self, _: int) -> None:
        self.cursor = self.stored = Cursor.from_json(json.loads(json.dumps(self.stored.to_json())))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["upload", "version", "poll", "poll_and_be_killed", "hide", "show", "restart"]),
        st.integers(0, 12),
        st.integers(0, 60_000),
    ),
    max_size=60,
)


@given(steps=STEPS)
@settings(max_examples=300)
def test_nothing_is_lost_and_only_what_a_kill_left_unstored_is_reported_again(steps: Any) -> None:
    watch = Watch()
    for step, number, passing in steps:
        watch.now += passing
        getattr(watch, step)(number)
    watch.library.hidden.clear()
    watch.poll()
    newest = max((milliseconds(file["updatedAt"]) for file in watch.library.files.values()), default=0)
    # Files that the search hid for longer than the overlap cannot be found.
    expected = {
        (file["fileId"], file["versionInfo"]["id"])
        for file in watch.library.files.values()
        if milliseconds(file["updatedAt"]) >= newest - OVERLAP
    }
    assert expected <= set(watch.reported)
    assert all(watch.reported.count(name) == 1 for name in watch.reported if name not in watch.repeatable)


def test_a_file_that_the_search_shows_late_is_found_within_the_overlap() -> None:
    cursor = Cursor.at(START, OVERLAP)
    found, cursor = take(cursor, listed(2, START + 1000))
    late, cursor = take(cursor, listed(1, START), listed(2, START + 1000))
    assert (kinds(found), kinds(late)) == ([("new", 2)], [("new", 1)])
    assert kinds(take(cursor, listed(1, START), listed(2, START + 1000))[0]) == []


def test_a_file_that_the_search_omits_for_a_moment_is_reported_once() -> None:
    found, cursor = take(Cursor.at(START, OVERLAP), listed(1, START))
    assert kinds(found) == [("new", 1)]
    _, cursor = take(cursor)
    assert take(cursor, listed(1, START))[0] == []


def test_a_new_version_and_a_change_of_an_old_file_are_changes() -> None:
    cursor = Cursor.at(START, OVERLAP)
    found, cursor = take(cursor, listed(1, START), listed(2, START, created=START - 10**9))
    assert kinds(found) == [("new", 1), ("changed", 2)]
    assert kinds(take(cursor, listed(1, START + 1, version=2))[0]) == [("changed", 1)]


def test_a_time_in_the_future_does_not_blind_the_watch() -> None:
    found, cursor = take(Cursor.at(START, OVERLAP), listed(1, START + 10**12))
    assert kinds(found) == [("new", 1)]
    assert kinds(take(cursor, listed(2, START + 1))[0]) == [("new", 2)]


def test_a_file_counts_as_deleted_when_two_polls_in_a_row_miss_it() -> None:
    one, two = f"{1:024x}", f"{2:024x}"
    _, cursor = take(Cursor.at(START, OVERLAP), present=frozenset({one, two}))
    missed, cursor = take(cursor, present=frozenset({one}))
    again, back = take(cursor, present=frozenset({one, two}))
    gone, cursor = take(cursor, present=frozenset({one}))
    assert (missed, again, kinds(gone)) == ([], [], [("deleted", 2)])
    assert take(cursor, present=frozenset({one}))[0] == []
    assert kinds(take(take(back, present=frozenset({one}))[1], present=frozenset({one}))[0]) == [
        ("deleted", 2)
    ]


def test_known_files_are_not_reported_again_and_too_recent_ones_are_left_for_later() -> None:
    cursor, file = Cursor.at(START, OVERLAP), listed(1, START)
    known = frozenset({Arrival.of(file, START).digest})
    found, after = take(cursor, file, known=known)
    assert (found, take(after, file)[0]) == ([], [])
    early, after = take(cursor, file, until_ms=START - 1)
    assert (early, kinds(take(after, file, until_ms=START)[0])) == ([], [("new", 1)])


@given(count=st.integers(0, 6000), spread=st.integers(1, OVERLAP), watched=st.booleans())
@settings(max_examples=15)
def test_the_state_is_at_most_64_kb_and_comes_back_as_it_was(count: int, spread: int, watched: bool) -> None:
    files = [listed(number, START + number * spread // (count or 1)) for number in range(count)]
    present = frozenset(f"{number:024x}" for number in range(999)) if watched else None
    other = frozenset(f"{number:024x}" for number in range(500, 1499)) if watched else None
    _, cursor = take(Cursor.at(START, OVERLAP), *files, present=present)
    found, cursor = take(cursor, *files, present=other)
    assert len(cursor.reported) <= MAX_REMEMBERED
    assert [file for file in found if file.kind != "deleted"] == []
    state = json.loads(json.dumps(cursor.to_json()))
    assert len(json.dumps(state)) <= 64_000
    assert Cursor.from_json(state) == cursor


@pytest.mark.parametrize("state", [{}, {"floor": "x", "since": 1, "reported": ""}, {"floor": 1, "since": 1}])
def test_an_invalid_state_is_refused(state: Any) -> None:
    with pytest.raises(ImageKitInputError, match="state of the watch"):
        Cursor.from_json(state)


def test_an_event_is_small_and_says_where_to_search() -> None:
    files = [Arrival.of(listed(number, START + number), START) for number in range(5000)]
    event = event_of([Arrival("deleted", "f" * 24), *files])
    assert (event["from"], event["to"]) == (iso(START), iso(START + 4999))
    assert (event["count"], event["new"], event["deleted"], len(event["files"])) == (5001, 5000, 1, 20)
    assert event["files"][0] == {
        "kind": "new", "fileId": f"{0:024x}", "versionId": f"{0:024x}", "filePath": "/folder/0.jpg",
    }  # fmt: skip
    assert len(json.dumps(event)) < 4000
    assert event_of([Arrival("deleted", "f" * 24)])["from"] is None
