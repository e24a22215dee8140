"""Pages through a listing without a cursor or a total while the library may be changing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_imagekit.client.endpoints import MAX_PAGE

__all__ = ["Page", "identity", "pages"]

# After this many steps back in one listing it continues regardless: the library's order is not stable.
_MAX_STEPS_BACK = 100


@dataclass(frozen=True, slots=True)
class Page:
    """
    One page, and the position where the next one starts.

    :param items: files and folders as ImageKit lists them; some may have been on an earlier page.
    :param skip: number of items up to the end of this page.
    """

    items: list[dict[str, Any]]
    skip: int


def identity(item: dict[str, Any]) -> str:
    """Return a key that identifies an item of the listing across pages."""
    return str(item.get("fileId") or item.get("folderId") or item)


def pages(
    fetch: Callable[[int, int], list[dict[str, Any]]], *, size: int = MAX_PAGE, after: Page | None = None
) -> Iterator[Page]:
    """
    Yield the pages of a listing without skipping any item that stays in the library.

    Each page starts with the last item of the previous page. If a different item is there, an earlier item
    was deleted or moved and the rest has shifted, so the listing steps back until it finds a known item. An
    upload or a deletion costs at most one extra call, and no item is lost. This requires an order in which an
    item keeps its place among the others, such as ``ASC_CREATED`` and ``ASC_NAME``. In the order of updates,
    an item can move from a later page to one that was already read.

    A page that is shorter than requested does not end the listing, because a server may return fewer items
    than it has. One more call confirms the end: it returns only items of the previous page. A listing that
    starts over, or has no stable order, ends at the first page without new items.

    :param fetch: returns a part of the listing, given ``skip`` and ``limit``.
    :param size: items to request at a time.
    :param after: the last page of an earlier listing, to continue after it.
    """
    skip = after.skip if after else 0
    known = {identity(item) for item in after.items} if after else set[str]()
    previous = known if after else None
    longest = len(known)
    steps_back = 0
    first: str | None = None
    seen: set[str] | None = None  # kept only if the order is not stable, because it grows with the library
    while True:
        start = max(skip - 1, 0) if known else skip
        items = fetch(start, size)
        if known and (not items or identity(items[0]) not in known) and steps_back < _MAX_STEPS_BACK:
            steps_back += 1
            previous = seen = None  # after a step back, a page of known items does not mean the end
            skip = max(start - max(longest // 2, 1), 0)
            known = known if skip else set()
            continue
        skip = start + len(items)
        known = {identity(item) for item in items}
        longest = max(longest, len(items))
        yield Page(items, skip)
        if any(earlier is not None and known <= earlier for earlier in (previous, seen)):
            return
        if seen is not None:
            seen |= known
        elif steps_back == _MAX_STEPS_BACK or (start and first in known):
            seen = set(known)
        first = first or next(iter(map(identity, items)), None)
        previous = known
