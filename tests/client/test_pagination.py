"""A listing stays complete while others upload and delete."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.client.pagination import Page, identity, pages

SIZE = 10


def item(number: int) -> dict[str, Any]:
    return {"fileId": f"{number:05}"}


class ChangingLibrary:
    """A listing of numbers that is changed by one edit after each call."""

    def __init__(self, count: int, edits: list[tuple[str, float]]) -> None:
        self.numbers = list(range(count))
        self.edits = list(edits)
        self.stayed = set(self.numbers)
        self.uploads = 0
        self.calls = 0

    def fetch(self, skip: int, limit: int) -> list[dict[str, Any]]:
        self.calls += 1
        answer = [item(number) for number in self.numbers[skip : skip + limit]]
        if self.edits:
            self.edit(*self.edits.pop(0))
        return answer

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
def test_no_file_that_stays_is_passed_over(count: int, edits: list[tuple[str, float]]) -> None:
    library = ChangingLibrary(count, edits)
    found = listed(library)
    assert {identity(item(number)) for number in library.stayed} <= found


@given(count=st.integers(0, 150))
def test_a_quiet_library_costs_one_call_a_page(count: int) -> None:
    library = ChangingLibrary(count, [])
    assert len(listed(library)) == count
    assert library.calls <= 1 + count // (SIZE - 1)


def test_a_listing_goes_on_behind_the_last_page_of_an_earlier_one() -> None:
    library = ChangingLibrary(35, [])
    first = next(iter(pages(library.fetch, size=SIZE)))
    del library.numbers[2:5]
    rest = {identity(found) for page in pages(library.fetch, size=SIZE, after=first) for found in page.items}
    assert {f"{number:05}" for number in range(10, 35)} <= rest


def test_a_listing_that_has_shrunk_to_nothing_ends() -> None:
    assert [page.items for page in pages(lambda skip, limit: [], after=Page([item(1)], 1000))] == [[]]
