"""Polls a selection of the media library for recent files and, on request, for the ids of all its files."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_imagekit.client import endpoints
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.arrivals import (
    MAX_WATCHED,
    Arrival,
    Listing,
    event_of,
    iso,
    milliseconds,
)

__all__ = ["FILE_TYPES", "MAX_PAGES", "Selection", "arrived", "poll_selection"]

Send = Callable[[endpoints.Request], Any]

FILE_TYPES: Final = ("all", "image", "non-image")
#: Maximum number of pages of one poll; further pages are left to the next poll.
MAX_PAGES: Final = 10


@dataclass(frozen=True, slots=True)
class Selection:
    """
    The files to watch.

    :param search_query: ImageKit's search language; ``None`` for all files.
    :param path: a folder, without its subfolders; ``None`` for all.
    :param file_type: ``all``, ``image`` or ``non-image``; ``None`` for all.
    """

    search_query: str | None = None
    path: str | None = None
    file_type: str | None = None

    def since(self, floor_ms: int) -> str:
        """Return the search query for the files updated since a time."""
        recent = f'updatedAt >= "{iso(floor_ms)}"'
        return f"({self.search_query}) AND {recent}" if self.search_query else recent


def poll_selection(send: Send, selection: Selection, floor_ms: int, *, absences: bool = False) -> Listing:
    """
    Poll a selection, which costs one request while fewer than 1,000 files are new.

    :param send: sends a request and returns the decoded response.
    :param selection: the files to watch.
    :param floor_ms: time from which files are listed, in milliseconds since 1970.
    :param absences: whether to list the ids of all files as well, with one more request.
    :raises ImageKitInputError: with ``absences``, if there are more than 1,000 files.
    :raises ImageKitError: if the files cannot be listed.
    """
    # All ids are requested first: a file uploaded between the requests is reported as new before it can
    # count as missing.
    present = _present(send, selection) if absences else None
    return Listing(_files_since(send, selection, floor_ms), present)


def arrived(send: Send, selection: Selection, since_ms: int, kinds: Collection[str]) -> dict[str, Any] | None:
    """
    Return :func:`~airflow_provider_imagekit.library.arrivals.event_of` of the files that arrived.

    :param send: sends a request and returns the decoded response.
    :param selection: the files to watch.
    :param since_ms: time from which files count, in milliseconds since 1970.
    :param kinds: which of ``new`` and ``changed`` count.
    :return: the payload; ``None`` if no such files arrived.
    :raises ImageKitError: if the files cannot be listed.
    """
    files = [Arrival.of(file, since_ms) for file in poll_selection(send, selection, since_ms).files]
    found = [file for file in files if file.kind in kinds and file.updated_ms >= since_ms]
    return event_of(found) if found else None


def _files_since(send: Send, selection: Selection, floor_ms: int) -> list[dict[str, Any]]:
    """
    List the files since a time, oldest first.

    A page starts at the ``updatedAt`` of the previous page's last file, not at an offset: a file that is
    updated in the meantime moves to the end, and the others shift. If a whole page has the same
    ``updatedAt``, the next page overlaps it by half.
    """
    files: dict[str, dict[str, Any]] = {}
    start_ms, skip = floor_ms, 0
    for _ in range(MAX_PAGES):
        page = _page(send, selection, selection.since(start_ms), "ASC_UPDATED", skip)
        files |= {str(item["fileId"]): item for item in page if item.get("fileId")}
        if len(page) < endpoints.MAX_PAGE:
            break
        last_ms = milliseconds(page[-1]["updatedAt"])
        start_ms, skip = (last_ms, 0) if last_ms > start_ms else (start_ms, skip + len(page) // 2)
    return list(files.values())


def _present(send: Send, selection: Selection) -> frozenset[str]:
    page = _page(send, selection, selection.search_query, "ASC_CREATED", 0)
    if len(page) >= MAX_WATCHED:
        raise ImageKitInputError(
            f"The selection has {MAX_WATCHED:,} files or more, too many to watch for deletion.",
            help="Narrow search_query or path, or leave deleted out of kinds.",
        )
    return frozenset(str(item["fileId"]) for item in page if item.get("fileId"))


def _page(
    send: Send, selection: Selection, search_query: str | None, sort: str, skip: int
) -> list[dict[str, Any]]:
    page: list[dict[str, Any]] = send(
        endpoints.list_files(
            search_query=search_query,
            path=selection.path,
            file_type=selection.file_type,
            sort=sort,
            skip=skip,
            limit=endpoints.MAX_PAGE,
        )
    )
    return page
