"""Sources of a run's files: a search, or files named one by one."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from airflow_provider_imagekit.client import endpoints
from airflow_provider_imagekit.client.pagination import Page, pages
from airflow_provider_imagekit.client.responses import json_safe
from airflow_provider_imagekit.exceptions import ImageKitInputError

__all__ = ["Batch", "Given", "Search", "Source", "files_of_rows", "files_of_urls"]

Record = dict[str, Any]
Send = Callable[[endpoints.Request], Any]


class Source(Protocol):
    """Source of a run's files."""

    #: Whether each page costs a call, so that a retry must not request it again.
    costs_calls: bool

    def pages(self, send: Send, after: Page | None) -> Iterator[Page]:
        """Yield the files page by page, starting after a page of an earlier try."""

    def describe(self) -> str:
        """Return a text that identifies this source."""


@dataclass(frozen=True, slots=True)
class Search:
    """
    Files that ImageKit lists; the arguments are those of ``ImageKitClient.list_files``.

    :param search_query: ImageKit's search language.
    :param path: a folder, without its subfolders.
    :param file_type: ``all``, ``image`` or ``non-image``.
    :param sort: order of the listing.
    """

    search_query: str | None = None
    path: str | None = None
    file_type: str | None = None
    sort: str | None = None

    costs_calls = True

    def pages(self, send: Send, after: Page | None = None) -> Iterator[Page]:
        """Yield the files page by page; a search can return folders, too."""

        def fetch(skip: int, limit: int) -> list[Record]:
            page: list[Record] = send(
                endpoints.list_files(
                    search_query=self.search_query,
                    path=self.path,
                    file_type=self.file_type,
                    sort=self.sort,
                    skip=skip,
                    limit=limit,
                )
            )
            return page

        return pages(fetch, after=after)

    def describe(self) -> str:
        """Return a text that identifies this search."""
        return repr(self)


@dataclass(frozen=True, slots=True)
class Given:
    """
    Files named one by one.

    :param records: as ImageKit lists them, or at least with ``fileId`` or ``url``.
    :param name: identifies where the records come from.
    """

    records: Iterable[Record]
    name: str

    costs_calls = False

    def pages(self, send: Send, after: Page | None = None) -> Iterator[Page]:  # noqa: ARG002
        """Yield all files page by page; ``after`` is ignored because pages cost no calls."""
        remaining, skip = iter(self.records), 0
        while page := list(islice(remaining, endpoints.MAX_PAGE)):
            skip += len(page)
            yield Page(page, skip)

    def describe(self) -> str:
        """Return a text that identifies this source."""
        return self.name


@dataclass(frozen=True, slots=True)
class Batch:
    """
    One of several parts of a listing, each of which a separate worker processes.

    A file always belongs to the same part, even if others are uploaded or deleted, so each part stays
    incremental.

    :param number: index of the part, from 0.
    :param of: number of parts.
    """

    number: int = 0
    of: int = 1

    def __contains__(self, name: str) -> bool:
        return self.number_of(name, self.of) == self.number

    @staticmethod
    def number_of(name: str, of: int) -> int:
        """Return the index of the part to which a file belongs."""
        return zlib.crc32(name.encode("utf-8", "replace")) % of


def files_of_urls(urls: Iterable[Any]) -> Iterator[Record]:
    """
    Yield a record for each delivery URL.

    :raises ImageKitInputError: if a URL is not a text, or is blank; the message has its position.
    """
    return files_of_rows(({"url": url} for url in urls), url_column="url")


def files_of_rows(
    rows: Iterable[Mapping[str, Any]],
    *,
    file_id_column: str | None = None,
    url_column: str | None = None,
    batch: Batch | None = None,
) -> Iterator[Record]:
    """
    Yield a record for each row of a table.

    Columns with ImageKit's names or this package's (``versionInfo`` or ``version_id``, ``updatedAt`` or
    ``updated_at`` …) are used. If the rows include a version, only new and changed files are fetched.

    :param rows: the table.
    :param file_id_column: the column of file ids.
    :param url_column: the column of delivery URLs; exactly one of the two is set.
    :param batch: the part to yield; all rows by default.
    :raises ImageKitInputError: if a row names no file; the message has the row's number.
    """
    column = file_id_column if url_column is None else url_column
    for number, row in enumerate(rows, 1):
        name = json_safe(row.get(column)) if column else None
        if not isinstance(name, str) or not name.strip():
            raise ImageKitInputError(
                f"Row {number} has {name!r:.80} as its {column!r}, which names no file.",
                help="Set file_id_column to the column of file ids, or url_column to the column of URLs; "
                f"the columns are {', '.join(map(str, row)) or 'none'}.",
            )
        if batch is not None and name not in batch:
            continue
        record: Record = json_safe(dict(row))
        if url_column is None:
            yield record | {"fileId": name.strip()}
        else:
            known = {key: value for key, value in record.items() if key not in ("fileId", "file_id")}
            yield known | {"url": name.strip()}
