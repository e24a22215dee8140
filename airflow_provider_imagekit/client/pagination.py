"""All pages of a listing that has neither cursor nor total, while the library changes under it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_imagekit.client.endpoints import MAX_PAGE

__all__ = ["Page", "identity", "pages"]

# Steps back in one listing before it goes on regardless; a library that changes faster has no steady order.
_MOST_STEPS_BACK = 100


@dataclass(frozen=True, slots=True)
class Page:
    """
    One page, and where the next one starts.

    :param items: files and folders as ImageKit lists them; some of them may have been on a page before.
    :param skip: number of items up to the end of this page.
    """

    items: list[dict[str, Any]]
    skip: int


def identity(item: dict[str, Any]) -> str:
    """Return what makes an item of the listing the same on two pages."""
    return str(item.get("fileId") or item.get("folderId") or item)


def pages(
    fetch: Callable[[int, int], list[dict[str, Any]]], *, size: int = MAX_PAGE, after: Page | None = None
) -> Iterator[Page]:
    """
    Yield the pages of a listing so that no item that stays in the library is skipped.

    Each page starts with the last item of the page before. If another item stands there, something in front
    was deleted or moved and the rest has shifted, so the listing steps back until it meets known ground.
    An upload or a deletion, wherever it is, costs a call at most, and no item. That holds for orders in
    which an item keeps its place among the others, such as ``ASC_CREATED`` and ``ASC_NAME``; by time of
    update an item can move from a page still to come to one that is past.

    A page shorter than asked for does not end the listing, for a server may return fewer items than it has.
    A further call confirms the end: it brings nothing that was not on the page before. A listing that starts
    from the beginning again, or has no steady order, ends with the first page that brings nothing new since.

    :param fetch: from ``skip`` and ``limit`` to that part of the listing.
    :param size: items to ask for at a time.
    :param after: the last page of an earlier listing, to go on behind it.
    """
    skip = after.skip if after else 0
    known = {identity(item) for item in after.items} if after else set[str]()
    before = known if after else None
    longest = len(known)
    steps_back = 0
    first: str | None = None
    seen: set[str] | None = None  # kept only where the order is not steady: it grows with the library
    while True:
        start = max(skip - 1, 0) if known else skip
        items = fetch(start, size)
        if known and (not items or identity(items[0]) not in known) and steps_back < _MOST_STEPS_BACK:
            steps_back += 1
            before = seen = None  # a page that repeats known ones does not show where the listing ends
            skip = max(start - max(longest // 2, 1), 0)
            known = known if skip else set()
            continue
        skip = start + len(items)
        known = {identity(item) for item in items}
        longest = max(longest, len(items))
        yield Page(items, skip)
        if any(earlier is not None and known <= earlier for earlier in (before, seen)):
            return
        if seen is not None:
            seen |= known
        elif steps_back == _MOST_STEPS_BACK or (start and first in known):
            seen = set(known)
        first = first or next(iter(map(identity, items)), None)
        before = known
