"""Listings stay complete while files are uploaded and deleted."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.client.pagination import Page, identity, pages

SIZE = 10


def item(number: int) -> dict[str, Any]:
    return {"fileId": f"{number:05}"}


class ChangingLibrary:
    """A listing of numbers to which one edit is applied after each call."""

    def __init__(self, count: int, edits: list[tuple[str, float]]) -> None:
        self.numbers = list(range(count))
        self.edits = list(edits)
        self.stayed = set(self.numbers)
        self.uploads = 0
        self.calls = 0

    def fetch(self, skip: int, limit: int) -> list[dict[str, Any]]:
        self.calls += 1
        page = [item(number) for number in self.numbers[skip : skip + limit]]
        if self.edits:
            self.edit(*self.edits.pop(0))
        return page

    def edit(self, kind: str, where: float) -> None:
        place = int(where * len(self.numbers))
        if kind == "upload":
            self.uploads += 1
            self.numbers.insert(place, 90_000 + self.uploads)
        elif kind == "delete many":
            for number in self.numbers[place : place + SIZE + 3]:
                self.stayed.discard(number)
            del self.numbers[place : place + SIZE + 3]
        elif kind == "delete" and self.numbers:
            self.stayed.discard(self.numbers.pop(min(place, len(self.numbers) - 1)))


edits = st.lists(
    st.tuples(st.sampled_from(["upload", "delete", "delete many"]), st.floats(0, 1)), max_size=12
)


def listed(library: ChangingLibrary) -> set[str]:
    return {identity(found) for page in pages(library.fetch, size=SIZE) for found in page.items}


@given(count=st.integers(0, 150), edits=edits)
def test_no_file_that_stays_is_skipped(count: int, edits: list[tuple[str, float]]) -> None:
    library = ChangingLibrary(count, edits)
    found = listed(library)
    assert {identity(item(number)) for number in library.stayed} <= found


@given(count=st.integers(0, 150))
def test_a_quiet_library_costs_a_call_a_page_and_one_that_confirms_the_end(count: int) -> None:
    library = ChangingLibrary(count, [])
    assert len(listed(library)) == count
    assert library.calls <= 2 + count // (SIZE - 1)


def test_a_listing_goes_on_behind_the_last_page_of_an_earlier_one() -> None:
    library = ChangingLibrary(35, [])
    first = next(iter(pages(library.fetch, size=SIZE)))
    del library.numbers[2:5]
    rest = {identity(found) for page in pages(library.fetch, size=SIZE, after=first) for found in page.items}
    assert {f"{number:05}" for number in range(10, 35)} <= rest


def test_a_listing_that_has_shrunk_to_nothing_ends() -> None:
    assert [page.items for page in pages(lambda skip, limit: [], after=Page([item(1)], 1000))] == [[], []]


class OddServer(ChangingLibrary):
    """A listing of 95 numbers whose pages can be shorter than requested."""

    def __init__(self, lengths: list[int], max_length: int = SIZE) -> None:
        super().__init__(95, [])
        self.lengths = lengths
        self.max_length = max_length

    def fetch(self, skip: int, limit: int) -> list[dict[str, Any]]:
        length = self.lengths.pop(0) if self.lengths else self.max_length
        return super().fetch(skip, min(limit, length))


@given(lengths=st.lists(st.sampled_from([0, 4, 7, SIZE]), max_size=6))
def test_a_page_that_comes_short_ends_no_listing(lengths: list[int]) -> None:
    # Two empty pages in a row would mean an empty library.
    lengths = [length for n, length in enumerate(lengths) if length or not n or lengths[n - 1]]
    assert len(listed(OddServer(lengths))) == 95


@given(max_length=st.integers(2, SIZE))
def test_a_server_that_returns_fewer_items_than_asked_for_is_listed_whole(max_length: int) -> None:
    assert len(listed(OddServer([], max_length))) == 95


def test_an_empty_library_takes_two_empty_answers() -> None:
    library = ChangingLibrary(0, [])
    assert (listed(library), library.calls) == (set(), 2)


def test_a_listing_that_ignores_skip_ends() -> None:
    library = ChangingLibrary(95, [])
    found = [page.items for page in pages(lambda skip, limit: library.fetch(0, limit), size=SIZE)]
    assert (len(found), library.calls) == (2, 2)


ITEMS = [item(number) for number in range(95)]


@pytest.mark.parametrize(
    "page_of",
    [
        lambda skip, call: ITEMS[:SIZE] if call % 2 else ITEMS[-SIZE:],
        lambda skip, call: random.Random(call).sample(ITEMS, SIZE),
        lambda skip, call: [ITEMS[(skip + place) % 95] for place in range(SIZE)],
    ],
    ids=["two pages in turn", "in any order", "from the beginning again"],
)
def test_a_listing_without_a_steady_order_ends(
    page_of: Callable[[int, int], list[dict[str, Any]]],
) -> None:
    calls = 0

    def fetch(skip: int, limit: int) -> list[dict[str, Any]]:
        nonlocal calls
        calls += 1
        assert calls < 300, "The listing does not end."
        return page_of(skip, calls)

    assert list(pages(fetch, size=SIZE))
