"""A task's inputs and outputs in OpenLineage's naming, without importing OpenLineage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_provider_imagekit.assets.uri import SCHEME

__all__ = ["Check", "Dataset", "of_uri", "table"]


@dataclass(frozen=True, slots=True)
class Check:
    """
    The result of a quality rule.

    :param rule: name of the rule.
    :param passed: whether the rule passed.
    :param column: the column that the rule checks, if it checks a column.
    """

    rule: str
    passed: bool
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """
    A file, a library, or a table.

    :param namespace: location of the dataset, such as ``imagekit://demo`` or ``s3://bucket``.
    :param name: name within the namespace.
    :param columns: types of a table's columns by name.
    :param rows: number of rows written.
    :param checks: results of quality rules.
    """

    namespace: str
    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    checks: tuple[Check, ...] = ()


def of_uri(uri: str) -> Dataset:
    """
    Return the dataset of an ImageKit asset.

    :param uri: normalized URI of the asset.
    """
    parts = urlsplit(uri)
    name = f"{unquote(parts.path)}{parts.query and f'?{parts.query}'}"
    return Dataset(f"{SCHEME}://{parts.netloc}", name)


def table(path: str, **fields: Any) -> Dataset:
    """
    Return the dataset of a table.

    :param path: path on this machine, or in the form of ``ObjectStoragePath``. The id of an Airflow
        Connection before the bucket does not become part of the dataset.
    :param fields: further fields of :class:`Dataset`.
    """
    parts = urlsplit(path)
    if "://" not in path or parts.scheme == "file":
        return Dataset("file", str(Path(parts.path).absolute()), **fields)
    return Dataset(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.lstrip("/"), **fields)
