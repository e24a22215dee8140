"""What a run starts from: the files there are, and what its earlier tries have learned of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client.pagination import Page
from airflow_provider_imagekit.exceptions import LibraryStoppedError
from airflow_provider_imagekit.library.table.coerce import as_text
from airflow_provider_imagekit.library.table.rows import LISTED_FIELDS
from airflow_provider_imagekit.library.worklist import State

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.library.journal import Journal
    from airflow_provider_imagekit.library.sources import Source
    from airflow_provider_imagekit.library.worklist import Worklist

__all__ = ["list_files", "recall_results"]


def list_files(
    client: ImageKitClient,
    source: Source,
    worklist: Worklist,
    journal: Journal,
    *,
    dry: bool,
    stopped: Callable[[], bool],
) -> int:
    """
    Fill the worklist from the journal and the source; return how many calls that cost.

    :param client: asks ImageKit.
    :param source: which files.
    :param worklist: gets the files.
    :param journal: has the pages that earlier tries listed, and gets the others.
    :param dry: whether to leave nothing in the journal.
    :param stopped: whether the run was told to stop.
    :raises LibraryStoppedError: if so.
    :raises ImageKitError: if the files cannot be listed.
    """
    last: Page | None = None
    if source.costs_calls:
        last, complete = _recall_pages(journal, worklist)
        if complete:
            return 0
    calls = 0
    for page in source.pages(client, last):
        if stopped():
            raise LibraryStoppedError("Stopped while listing.")
        worklist.add(_files(page))
        if source.costs_calls:
            calls += 1
            if not dry:
                slim = [{name: item.get(name) for name in LISTED_FIELDS} for item in page.items]
                journal.append({"page": slim, "skip": page.skip})
    if calls and not dry:
        journal.append({"listed": True})
        journal.flush()
    return calls


def _recall_pages(journal: Journal, worklist: Worklist) -> tuple[Page | None, bool]:
    """Return the last page that earlier tries of this run listed, and whether that was the end."""
    last, complete = None, False
    for is_ours, event in journal.earlier():
        if is_ours and "list_again" in event:
            last, complete = None, False
            worklist.clear()
        elif is_ours and "page" in event:
            last = Page(event["page"], event["skip"])
            worklist.add(_files(last))
        elif is_ours and "listed" in event:
            complete = True
    return last, complete


def recall_results(journal: Journal, worklist: Worklist, *, of_other_runs: bool) -> None:
    """
    Take from the journal what was fetched before, as far as it is of the version listed now.

    :param journal: has it.
    :param worklist: gets it.
    :param of_other_runs: whether another run's answer is as good as ours; it is if a version tells that the
        file is the same.
    """
    for is_ours, event in journal.earlier():
        if not is_ours and not (of_other_runs and event.get("version") is not None):
            continue
        if "row" in event:
            worklist.settle(event["key"], event["version"], State.FETCHED, event["row"])
        elif "failed" in event and is_ours:
            worklist.settle(event["key"], event["version"], State.FAILED, event["failed"])


def _files(page: Page) -> list[dict[str, Any]]:
    """Return the files of a page, without the folders that a search can bring along."""
    return [item for item in page.items if as_text(item.get("fileId")) or as_text(item.get("url"))]
