"""Derives a task's lineage inputs from its rendered arguments; operators report their outputs themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import is_absent
from airflow_provider_imagekit.assets.datasets import Dataset, of_uri, table
from airflow_provider_imagekit.assets.lineage import operator_lineage
from airflow_provider_imagekit.assets.uri import asset_uri, uri_of_url

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import OperatorLineage

__all__ = ["lineage_of_task"]

_FILE_IDS, _URLS = ("file_id", "reference_file_id"), ("url", "reference_url")
_TABLES = ("input_path", "known_path", "reference_path", "not_duplicates_path", "reference_bank")


def lineage_of_task(task: Any) -> OperatorLineage[Any, Any]:
    """
    Return the inputs and outputs of a completed task.

    :param task: an operator or sensor of this package.
    """
    read = task.read_datasets or (*_files(task), *_tables(task), *_library(task))
    return operator_lineage(read, task.written_datasets)


def _files(task: Any) -> Iterator[Dataset]:
    for file_id in _given(task, _FILE_IDS):
        yield of_uri(asset_uri(task.hook.account, file_id=str(file_id)))
    for url in _given(task, _URLS):
        with suppress(ValueError):
            yield of_uri(uri_of_url(str(url)))


def _tables(task: Any) -> Iterator[Dataset]:
    for path in _given(task, _TABLES):
        first = path[0] if isinstance(path, Sequence) and not isinstance(path, str) else path
        yield table(str(first["path"] if isinstance(first, Mapping) else first))


def _library(task: Any) -> Iterator[Dataset]:
    if task.lists_library and not list(_given(task, ("input_path", "file_ids", "urls"))):
        folder = None if is_absent(task.path) else str(task.path)
        yield of_uri(asset_uri(task.hook.account, path=folder))


def _given(task: Any, names: Sequence[str]) -> Iterator[Any]:
    values = (getattr(task, name, None) for name in names)
    return (value for value in values if value and not is_absent(value))
