"""Read arguments that may have come from templates: a path, a number, yes or no."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_imagekit.compat import ObjectStoragePath
from airflow_provider_imagekit.exceptions import ImageKitInputError

if TYPE_CHECKING:
    from airflow_provider_imagekit.io.paths import StoragePath

__all__ = ["as_flag", "as_whole_number", "optional_text", "storage_path"]

_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no", "none", ""}


def storage_path(address: Any, argument: str) -> StoragePath:
    """
    Return the path of a file, on this machine or in an object store.

    :param address: a path, or a URL such as ``s3://bucket/key`` or ``gs://my_conn_id@bucket/key``.
    :param argument: its name, for the error.
    :raises ImageKitInputError: if it is none.
    """
    text = str(address or "").strip()
    if not text or text.endswith("/"):
        raise ImageKitInputError(
            f"{argument} is {address!r}, which names no file.",
            help="Use such as s3://bucket/library.parquet or /data/library.jsonl.",
        )
    if "://" not in text or text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    path = ObjectStoragePath(text)
    try:
        _ = path.fs
    except (ValueError, ImportError) as error:
        raise ImageKitInputError(
            f"{argument} is {text!r}, whose store cannot be used: {error}.",
            help="Install the Airflow provider of that store, such as apache-airflow-providers-amazon[s3fs].",
        ) from error
    return cast("StoragePath", path)


def as_flag(value: Any, argument: str) -> bool:
    """
    Read yes or no.

    :raises ImageKitInputError: if it is neither.
    """
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ImageKitInputError(f"{argument} is {value!r}.", help="Use true or false.")
    return text in _TRUE


def as_whole_number(value: Any, argument: str, *, least: int, most: int) -> int:
    """
    Read a whole number.

    :raises ImageKitInputError: if it is none, or out of range.
    """
    try:
        number = int(str(value).strip())
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ImageKitInputError(
            f"{argument} is {value!r}.", help=f"Use a whole number from {least} to {most}."
        )
    return number


def optional_text(value: Any) -> str | None:
    """Return a text, or ``None`` for nothing and for what a template made of nothing."""
    text = "" if value is None else str(value).strip()
    return text if text not in {"", "None"} else None
