"""Trigger that waits until files have arrived."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.gates.polling import CHECK_LIMITS, Poll
from airflow_provider_imagekit.library.arrivals import iso
from airflow_provider_imagekit.library.watch import Selection, arrived
from airflow_provider_imagekit.triggers.base_polling import PollingTrigger

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["NewFilesTrigger", "check_for_files"]


class NewFilesTrigger(PollingTrigger):
    """
    Wait until a folder or a search has files that arrived since a time.

    :param search_query: a query in ImageKit's search language; ``None`` for all files.
    :param path: a folder, without its subfolders; ``None`` for all.
    :param file_type: ``all``, ``image`` or ``non-image``; ``None`` for all.
    :param kinds: which of ``new`` and ``changed`` count.
    :param since_ms: start of the period, in milliseconds since 1970.
    :param waiting: arguments of :class:`~airflow_provider_imagekit.triggers.base_polling.PollingTrigger`.
    """

    def __init__(
        self,
        *,
        search_query: str | None,
        path: str | None,
        file_type: str | None,
        kinds: Sequence[str],
        since_ms: int,
        **waiting: Any,
    ) -> None:
        super().__init__(**waiting)
        self.selection = Selection(search_query, path, file_type)
        self.kinds = list(kinds)
        self.since_ms = since_ms

    def _arguments(self) -> dict[str, Any]:
        return {
            "search_query": self.selection.search_query,
            "path": self.selection.path,
            "file_type": self.selection.file_type,
            "kinds": self.kinds,
            "since_ms": self.since_ms,
        }

    def _check_once(self, client: ImageKitClient) -> Poll:
        return check_for_files(client, self.selection, self.since_ms, self.kinds)


def check_for_files(
    client: ImageKitClient, selection: Selection, since_ms: int, kinds: Sequence[str]
) -> Poll:
    """
    Check once for files that arrived since a time.

    :param client: the client to use.
    :param selection: the files to search for.
    :param since_ms: start of the period, in milliseconds since 1970.
    :param kinds: which of ``new`` and ``changed`` count.
    """
    found = arrived(functools.partial(client.call, limits=CHECK_LIMITS), selection, since_ms, kinds)
    if found is None:
        return Poll(matched=False, value=None, reason=f"No file has arrived since {iso(since_ms)}.")
    return Poll(matched=True, value=found, reason=f"Files since {iso(since_ms)}: {found['count']}.")
