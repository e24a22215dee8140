"""Fills a run's worklist: lists the files, and restores the results of earlier tries from the journal."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client.pagination import Page, identity
from airflow_provider_imagekit.library.table.coerce import as_text
from airflow_provider_imagekit.library.table.rows import listing_row
from airflow_provider_imagekit.library.table.schema import LISTING_COLUMNS
from airflow_provider_imagekit.library.worklist import State

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.endpoints import Request
    from airflow_provider_imagekit.library.heartbeat import Heartbeat
    from airflow_provider_imagekit.library.journal import Journal
    from airflow_provider_imagekit.library.sources import Source
    from airflow_provider_imagekit.library.table.schema import Row
    from airflow_provider_imagekit.library.worklist import Worklist

__all__ = ["list_again", "list_files", "recall_results"]


@dataclass(slots=True)
class _Listed:
    """
    The part of the listing that earlier tries of this run completed.

    :param last: the last page.
    :param name: its name in the journal; each page names the one before, so a missing page is detected.
    :param pages: number of pages.
    :param complete: whether the listing is finished.
    """

    last: Page | None = None
    name: str | None = None
    pages: int = 0
    complete: bool = False


def list_files(
    send: Callable[[Request], Any],
    source: Source,
    worklist: Worklist,
    journal: Journal,
    *,
    table: str | None,
    dry: bool,
    heartbeat: Heartbeat,
) -> int:
    """
    Fill the worklist from the journal and the source; return the number of calls.

    :param send: sends a request and returns the decoded response.
    :param source: the files to list.
    :param worklist: receives the files.
    :param journal: contains the pages that earlier tries listed, and receives the others.
    :param table: fingerprint of the table; pages listed before the table was replaced are ignored.
    :param dry: whether to write nothing to the journal.
    :param heartbeat: called for each page.
    :raises LibraryStoppedError: if the run was stopped.
    :raises ImageKitError: if the files cannot be listed.
    """
    listed = _recall_pages(journal, worklist, table) if source.costs_calls else _Listed()
    if listed.complete:
        return 0
    calls = done = 0
    for page in source.pages(send, listed.last):
        heartbeat.beat("Listing", done, None, "files")
        listings = worklist.add(
            (listing_row(item), as_text(item.get("url"))) for item in page.items if _is_file(item)
        )
        done += len(listings)
        if source.costs_calls:
            calls += 1
            if not dry:
                _note(page, listings, listed, journal, table)
    if calls and not dry:
        journal.append({"listed": listed.pages, "after": listed.name})
        journal.flush()
    return calls


def list_again(journal: Journal) -> None:
    """Mark the listing in the journal as outdated, so that the next try lists again."""
    journal.append({"list_again": True})
    journal.flush()


def recall_results(journal: Journal, worklist: Worklist, *, of_other_runs: bool) -> None:
    """
    Restore earlier results from the journal if they belong to the version that is listed now.

    :param journal: contains the results.
    :param worklist: receives them.
    :param of_other_runs: whether to use results of other runs too; these must have a version, which shows
        that the file is the same.
    """
    for is_ours, event in journal.earlier(without="page"):
        if not is_ours and not (of_other_runs and event.get("version") is not None):
            continue
        if "row" in event:
            worklist.settle(event["key"], event["version"], State.FETCHED, event["row"])
        elif "failed" in event and is_ours:
            worklist.settle(event["key"], event["version"], State.FAILED, event["failed"])


def _note(page: Page, listings: list[bytes], listed: _Listed, journal: Journal, table: str | None) -> None:
    name = uuid.uuid4().hex[:16]
    journal.append(
        {
            "fields": LISTING_COLUMNS,
            "others": [identity(item) for item in page.items if not _is_file(item)],
            "skip": page.skip,
            "name": name,
            "after": listed.name,
            "table": table,
        },
        page=listings,
    )
    listed.name = name
    listed.pages += 1


def _recall_pages(journal: Journal, worklist: Worklist, table: str | None) -> _Listed:
    listed = _Listed()
    for is_ours, event in journal.earlier():
        if not is_ours:
            continue
        if "list_again" in event or ("page" in event and event["after"] is None):
            listed = _Listed()
            worklist.clear()
        if "page" in event and event["after"] == listed.name and event["table"] == table:
            if event.get("fields") != list(LISTING_COLUMNS):
                continue  # another version of this package wrote it
            rows: list[Row] = event["page"]
            known = [{"fileId": row["file_id"]} for row in rows]
            listed.last = Page(known + [{"folderId": other} for other in event["others"]], event["skip"])
            listed.name = event["name"]
            listed.pages += 1
            worklist.add((row, row["url"]) for row in rows)
        elif "listed" in event:
            listed.complete = (event["listed"], event["after"]) == (listed.pages, listed.name)
    return listed


def _is_file(item: dict[str, Any]) -> bool:
    """Return whether an item is a file: a search can return folders, too."""
    return bool(as_text(item.get("fileId")) or as_text(item.get("url")))
