"""Parses the arguments that select the files of a library table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.arguments import (
    about,
    choice,
    is_absent,
    items,
    named,
    optional_text,
    text,
    texts,
)
from airflow_provider_imagekit.client.endpoints import FILE_TYPES, parse_file_id, parse_url
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.object_storage import storage_path
from airflow_provider_imagekit.io.paths import read_locally
from airflow_provider_imagekit.io.tables import columns_needed, format_of, read_rows
from airflow_provider_imagekit.library.sources import Given, Search, files_of_rows, files_of_urls
from airflow_provider_imagekit.library.table.rows import LISTED_FIELDS
from airflow_provider_imagekit.library.table.schema import LISTING_COLUMNS
from airflow_provider_imagekit.operators.listing_pointers import batch_pointer

if TYPE_CHECKING:
    from airflow_provider_imagekit.library.sources import Source

__all__ = ["FILE_ARGUMENTS", "FILTERS", "parse_source"]

#: Names of the arguments that :func:`parse_source` and the operator share.
FILE_ARGUMENTS: Final = (
    "search_query",
    "path",
    "file_type",
    "file_ids",
    "urls",
    "input_path",
    "file_id_column",
    "url_column",
)


#: The arguments that filter files; without them, other files or all files would be selected.
FILTERS: Final = ("search_query", "path", "file_type", "file_ids", "urls", "input_path")


def parse_source(
    resources: ExitStack,
    *,
    search_query: Any,
    path: Any,
    file_type: Any,
    file_ids: Any,
    urls: Any,
    input_path: Any,
    file_id_column: Any,
    url_column: Any,
) -> Source:
    """
    Return the source of files that rendered arguments select.

    :param resources: closes the files that this function opens.
    :param search_query: query in ImageKit's search language.
    :param path: a folder, without its subfolders.
    :param file_type: ``all``, ``image`` or ``non-image``.
    :param file_ids: ids of files, or file records as ImageKit lists them: a list, or a comma-separated text.
    :param urls: delivery URLs: a list, or a comma-separated text.
    :param input_path: a table of files, or the output of ``ListFilesOperator``.
    :param file_id_column: column of the file ids in the table.
    :param url_column: column of the delivery URLs in the table, which replaces ``file_id_column``.
    :raises ImageKitInputError: if two of them select files, or a value is not valid.
    """
    given = {
        "search_query": search_query,
        "path": path,
        "file_type": file_type,
        "file_ids": file_ids,
        "urls": urls,
        "input_path": input_path,
    }
    one = [name for name in ("file_ids", "urls", "input_path") if not is_absent(given[name])]
    if len(one) > 1 or (one and not (is_absent(search_query) and is_absent(path))):
        both = [name for name in given if name != "file_type" and not is_absent(given[name])]
        raise ImageKitInputError(f"Both {' and '.join(both)} select files.", help="Use one of them.")
    if one == ["file_ids"]:
        rows = (file if isinstance(file, Mapping) else {"fileId": file} for file in _files(file_ids))
        return Given(files_of_rows(rows, file_id_column="fileId"), "file_ids")
    if one == ["urls"]:
        return Given(files_of_urls([parse_url(url, "urls") for url in texts(urls, "urls")]), "urls")
    if one == ["input_path"]:
        url_column = optional_text(url_column, "url_column")
        column = text(file_id_column, "file_id_column") if url_column is None else None
        return _table(
            resources, input_path, {"url_column": url_column} if url_column else {"file_id_column": column}
        )
    return Search(
        optional_text(search_query, "search_query"),
        optional_text(path, "path"),
        None if is_absent(file_type) else choice(file_type, "file_type", FILE_TYPES),
    )


def _files(file_ids: Any) -> list[Any]:
    found = [file_ids] if isinstance(file_ids, int) else items(file_ids, "file_ids")
    return [
        file if isinstance(file, Mapping) else parse_file_id(text(file, "file_ids"), "file_ids")
        for file in found
    ]


def _table(resources: ExitStack, input_path: Any, columns: dict[str, Any]) -> Given:
    with named("input_path"):
        address, batch = batch_pointer(input_path)
    path = storage_path(address, "input_path")
    try:
        stream = resources.enter_context(read_locally(path))
    except FileNotFoundError:
        raise ImageKitInputError(f"input_path: There is no file {path}.") from None
    in_use = columns_needed(columns.values(), [*LISTED_FIELDS, *LISTING_COLUMNS])
    with named("input_path"):
        form = format_of(path.name)
    files = files_of_rows(read_rows(stream, form, in_use), batch=batch, **columns)
    return Given(about(f"input_path {path}", files), f"{path} {batch} {columns}")
