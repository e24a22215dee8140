"""Pointers to a listing in a file, which ``ListFilesOperator`` returns with ``output_path``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_imagekit.arguments import whole_number
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.object_storage import storage_path
from airflow_provider_imagekit.io.paths import read_locally
from airflow_provider_imagekit.io.tables import format_of, read_rows
from airflow_provider_imagekit.library.sources import Batch

__all__ = ["batch_pointer", "pointers", "read_listing"]


def pointers(path: str, counts: Sequence[int]) -> list[dict[str, Any]]:
    """
    Return a pointer to each batch of a listing.

    :param path: the file with all batches.
    :param counts: number of files in each batch.
    """
    return [
        {"path": path, "batch": number, "batches": len(counts), "count": count}
        for number, count in enumerate(counts)
    ]


def batch_pointer(given: Any) -> tuple[str, Batch]:
    """
    Return the file and the batch that a pointer refers to.

    :param given: the path of a table, a pointer to a batch, or the pointers to all batches.
    :raises ImageKitInputError: if it is none of these.
    """
    if isinstance(given, Mapping):
        return _batch(given)
    if not isinstance(given, Sequence) or isinstance(given, str):
        return given, Batch()
    parts = [_batch(pointer) for pointer in given if isinstance(pointer, Mapping)]
    if len(parts) == 1 == len(given):
        return parts[0]
    whole = {(parts[0][0], Batch(number, len(given))) for number in range(len(given))} if parts else None
    if set(parts) != whole:
        raise ImageKitInputError(
            f"{given!r:.200} is neither one pointer of a ListFilesOperator nor all pointers of a listing.",
            help="Pass files.output of a ListFilesOperator with output_path, or map over it with .expand().",
        )
    return parts[0][0], Batch()


def read_listing(listed: Any) -> Iterator[dict[str, Any]]:
    """
    Yield the files that a ``ListFilesOperator`` listed, for use in your own tasks.

    The task does not need to know whether XCom contains the files or pointers to them::

        @task
        def names(listed):
            return sorted(file["name"] for file in read_listing(listed))


        names(files.output)  # or, with output_path, a task for each batch: names.expand(listed=files.output)

    :param listed: the output of the operator, or one of its pointers.
    :raises ImageKitInputError: if it is something else, or its file does not exist.
    """
    items = [listed] if isinstance(listed, Mapping) else listed
    if not isinstance(items, Sequence) or not all(isinstance(item, Mapping) for item in items):
        raise ImageKitInputError(
            f"{listed!r:.200} is not a listing.", help="Pass files.output of a ListFilesOperator."
        )
    if not items or "batches" not in items[0]:
        yield from (dict(item) for item in items)
        return
    address, batch = batch_pointer(listed)
    path = storage_path(address, "path")
    try:
        with read_locally(path) as stream:
            rows = read_rows(stream, format_of(path.name))
            yield from (row for row in rows if str(row.get("fileId")) in batch)
    except FileNotFoundError:
        raise ImageKitInputError(f"path: There is no file {path}.") from None


def _batch(pointer: Mapping[str, Any]) -> tuple[str, Batch]:
    of = whole_number(pointer.get("batches", 1), "batches", least=1, most=1 << 20)
    number = whole_number(pointer.get("batch", 0), "batch", least=0, most=of - 1)
    return str(pointer.get("path") or ""), Batch(number, of)
