"""Read arguments that may have come from templates: a path, a number, yes or no."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_imagekit.compat import ObjectStoragePath
from airflow_provider_imagekit.exceptions import ImageKitInputError

if TYPE_CHECKING:
    from airflow_provider_imagekit.io.paths import StoragePath

__all__ = ["as_flag", "as_texts", "as_whole_number", "is_absent", "optional_text", "storage_path"]

_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no"}


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


def is_absent(value: Any) -> bool:
    """Return whether this is nothing, or what a template makes of nothing."""
    return value is None or (isinstance(value, str) and value.strip() in {"", "None"})


def as_flag(value: Any, argument: str) -> bool:
    """
    Read yes or no.

    :raises ImageKitInputError: if it is neither; nothing is neither.
    """
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ImageKitInputError(f"{argument} is {value!r:.60}{_hint(value)}.", help="Use true or false.")
    return text in _TRUE


def as_whole_number(value: Any, argument: str, *, least: int, most: int) -> int:
    """
    Read a whole number; ``5.0`` and ``"5.0"`` are whole.

    :raises ImageKitInputError: if it is not one, or out of range.
    """
    try:
        text = str(value).strip()
        number = int(text.removesuffix(".0")) if not isinstance(value, bool) else least - 1
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise ImageKitInputError(
            f"{argument} is {value!r:.60}{_hint(value)}.",
            help=f"Use a whole number from {least} to {most}.",
        )
    return number


def optional_text(value: Any, argument: str = "The text") -> str | None:
    """
    Return a text, or ``None`` for nothing and for what a template made of nothing.

    :raises ImageKitInputError: for a list, an object, or a number that native rendering made of a text.
    """
    if is_absent(value):
        return None
    if isinstance(value, float):
        raise ImageKitInputError(
            f"{argument} is the number {value!r}, which may have lost digits.",
            help="Native rendering (render_template_as_native_obj) makes numbers of texts; "
            "pass the text by XCom, or turn native rendering off.",
        )
    wrong_type = isinstance(value, bool) or not isinstance(value, str | int)
    if wrong_type or isinstance(_literal(value), list | dict):
        raise ImageKitInputError(
            f"{argument} is {value!r:.100}, which is not one text.", help="Pass one text."
        )
    return str(value).strip()


def as_texts(value: Any, argument: str) -> list[Any]:
    """
    Return the items of a list: a list, the text of one as templates and JSON write it, or a text with commas.

    :raises ImageKitInputError: if it is not a list, or an item is nothing.
    """
    if is_absent(value):
        return []
    if isinstance(value, str):
        literal = _literal(value)
        value = literal if isinstance(literal, list) else [part for part in value.split(",") if part.strip()]
    elif isinstance(value, int) and not isinstance(value, bool):
        value = [value]
    if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        raise ImageKitInputError(
            f"{argument} is {value!r:.100}, which is not a list.", help="Pass a list, or a text with commas."
        )
    return [_item(item, argument) for item in value]


def _item(item: Any, argument: str) -> Any:
    if isinstance(item, Mapping):
        return item
    text = optional_text(item, f"An item of {argument}")
    if text is None:
        raise ImageKitInputError(f"{argument} has an item {item!r}: the template gave None.")
    return text


def _literal(value: Any) -> Any:
    """Return what a text that looks like a list or an object stands for; anything else is not a literal."""
    text = str(value).strip()
    if not isinstance(value, str) or text[:1] + text[-1:] not in {"[]", "{}"}:
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _hint(value: Any) -> str:
    return ": the template gave None" if is_absent(value) else ""
