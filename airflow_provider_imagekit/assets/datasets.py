"""What a task has read and written, in OpenLineage's names, without OpenLineage."""

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
    The result of a rule of quality.

    :param rule: what must be so.
    :param passed: whether it is so.
    :param column: the column that it is about, if it is about one.
    """

    rule: str
    passed: bool
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """
    A file, a library, or a table.

    :param namespace: where it is, such as ``imagekit://demo`` or ``s3://bucket``.
    :param name: its name there.
    :param columns: names and types of a table's columns.
    :param rows: rows that were written.
    :param checks: what rules of quality found.
    """

    namespace: str
    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    checks: tuple[Check, ...] = ()


def of_uri(uri: str) -> Dataset:
    """
    Return the dataset of an asset of ImageKit.

    :param uri: its URI in the one spelling.
    """
    parts = urlsplit(uri)
    name = f"{unquote(parts.path)}{parts.query and f'?{parts.query}'}"
    return Dataset(f"{SCHEME}://{parts.netloc}", name)


def table(path: str, **what: Any) -> Dataset:
    """
    Return the dataset of a table.

    :param path: on this machine, or as ``ObjectStoragePath`` reads it. An Airflow Connection before the
        bucket says how it is reached, not what it is.
    :param what: further fields of :class:`Dataset`.
    """
    parts = urlsplit(path)
    if "://" not in path or parts.scheme == "file":
        return Dataset("file", str(Path(parts.path).absolute()), **what)
    return Dataset(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.lstrip("/"), **what)
