"""
Applies search queries to files and folders: defines the fields and how their values are compared.

Sources: the vendor's API documentation and its published query cheat-sheet.
"""

from __future__ import annotations

import operator
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.search import syntax
from airflow_provider_imagekit.emulator.search.syntax import Comparison, Literal, Query, SearchSyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compile_search", "names_type"]

Item = dict[str, Any]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,9})?", re.ASCII)
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(b|kb|mb|gb)?", re.ASCII | re.IGNORECASE)
_SIZE_UNITS = {"": 1, "b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}
_SPAN = re.compile(r"(\d{1,5})([hdwmy])", re.ASCII)
_RELATIVE_UNITS = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "m": timedelta(days=30),
    "y": timedelta(days=365),
}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(s|sec|m|min|h|hr)?", re.ASCII)
_DURATION_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600}
_SEE = "Please refer to the documentation for syntax."


def compile_search(text: str, now: datetime | None = None) -> Callable[[Item], bool]:
    """
    Compile a search query into a predicate for files and folders.

    :param text: the query.
    :param now: reference of relative times; the current time by default.
    :raises ApiError: 400 for an invalid query.
    """
    try:
        return _compile(syntax.parse(text), now or datetime.now(UTC))
    except SearchSyntaxError as error:
        raise ApiError(400, f"Invalid search query - {error}. {_SEE}") from error


def names_type(text: str) -> bool:
    """Return whether a query has a condition on ``type``; without one it matches files only."""
    waiting: list[Query] = [syntax.parse(text)]
    while waiting:
        query = waiting.pop()
        if isinstance(query, Comparison):
            if query.field == "type":
                return True
        else:
            waiting.extend(query.parts)
    return False


def _compile(query: Query, now: datetime) -> Callable[[Item], bool]:
    if isinstance(query, Comparison):
        return _comparison(query, now)
    parts = [_compile(part, now) for part in query.parts]
    if isinstance(query, syntax.And):
        return lambda item: all(part(item) for part in parts)
    return lambda item: any(part(item) for part in parts)


def _comparison(query: Comparison, now: datetime) -> Callable[[Item], bool]:
    read, allowed, kind = _field(query.field)
    if query.operator not in allowed.split():
        raise SearchSyntaxError(f"{query.field} field does not support the operator {query.operator}")
    test = _test(query, kind, now)
    if query.negated:
        return lambda item: not test(read(item))
    return lambda item: test(read(item))


def _test(query: Comparison, kind: str, now: datetime) -> Callable[[Any], bool]:
    if query.operator == "EXISTS":
        return lambda found: any(value is not None for value in found)
    values = [_value(query.field, kind, literal, now) for literal in query.values]
    if query.operator == "IN":
        return lambda found: any(value in values for value in found if value is not None)
    (expected,) = values
    if query.operator == "HAS":
        return lambda found: any(_has(value, expected) for value in found if value is not None)
    if query.operator == ":":
        begins = _within_folder if kind == "folder" else _begins_with
        return lambda found: any(begins(value, expected) for value in found if value is not None)
    compare = _ORDER[query.operator]
    return lambda found: any(_safely(compare, value, expected) for value in found if value is not None)


def _safely(compare: Callable[[Any, Any], bool], value: Any, expected: Any) -> bool:
    try:
        return compare(value, expected)
    except TypeError:  # the custom metadata has a different type than the query's value
        return False


def _begins_with(value: Any, expected: str) -> bool:
    return str(value).startswith(expected)


def _within_folder(value: str, expected: str) -> bool:
    return expected == "/" or value == expected or value.startswith(expected + "/")


def _has(value: Any, expected: str) -> bool:
    # Documented: case-insensitive words in any order; the last one may be a prefix.
    words = re.findall(r"\w+", str(value).lower().replace("_", " "))
    *complete, prefix = re.findall(r"\w+", expected.lower().replace("_", " ")) or [""]
    return all(word in words for word in complete) and any(word.startswith(prefix) for word in words)


def _value(field: str, kind: str, literal: Literal, now: datetime) -> Any:
    if kind == "custom":
        return _custom(literal)
    if kind == "boolean":
        if literal.quoted or literal.text not in ("true", "false"):
            raise SearchSyntaxError(f"{field} field must have a boolean value, true or false without quotes")
        return literal.text == "true"
    if kind == "number":
        if not _NUMBER.fullmatch(literal.text):
            raise SearchSyntaxError(f"{field} field must have a numeric value")
        return float(literal.text)
    if kind != "size" and not literal.quoted and kind != "duration":
        what = "date" if kind == "date" else "string"
        raise SearchSyntaxError(
            f"{field} field must have a valid {what} value. Make sure the value is enclosed within quotes"
        )
    if kind == "folder":
        return "/" + literal.text.strip("/")
    return literal.text if kind == "text" else _measure(field, kind, literal.text, now)


def _measure(field: str, kind: str, text: str, now: datetime) -> Any:
    if kind == "date":
        return _date(field, text, now)
    pattern, units = (_SIZE, _SIZE_UNITS) if kind == "size" else (_DURATION, _DURATION_UNITS)
    found = pattern.fullmatch(text)
    if not found:
        raise SearchSyntaxError(f"{field} field must have a valid {kind} value")
    return float(found[1]) * units[(found[2] or "").lower()]


def _date(field: str, text: str, now: datetime) -> str:
    """Return the time in the format of ``createdAt``, which sorts as text."""
    span = _SPAN.fullmatch(text)
    try:
        moment = now - int(span[1]) * _RELATIVE_UNITS[span[2]] if span else datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    except (ValueError, OverflowError):
        raise SearchSyntaxError(
            f"{field} field must have a valid date value. Make sure the value is enclosed within quotes"
        ) from None


def _custom(literal: Literal) -> Any:
    if literal.quoted:
        return literal.text
    if literal.text in ("true", "false"):
        return literal.text == "true"
    if not _NUMBER.fullmatch(literal.text):
        raise SearchSyntaxError("a string must be enclosed within quotes")
    return float(literal.text)


def _tags(item: Item) -> list[Any]:
    return [*(item.get("tags") or ()), *(tag["name"] for tag in item.get("AITags") or ())]


def _folder(item: Item) -> str:
    path: str = item.get("filePath") or item["folderPath"]
    return path.rpartition("/")[0] or "/"


_COMPARABLE = "= < <= > >= IN"
_CUSTOM = "= : < <= > >= IN HAS EXISTS"

# Field -> getter of its values, supported operators, type of its values.
_FIELDS: dict[str, tuple[Callable[[Item], list[Any]], str, str]] = {
    "name": (lambda item: [item["name"]], "= : IN HAS", "text"),
    "tags": (_tags, "IN HAS EXISTS", "text"),
    "type": (lambda item: [item["type"]], "= IN", "text"),
    "id": (lambda item: [item.get("fileId") or item.get("folderId")], "= IN", "text"),
    "createdAt": (lambda item: [item["createdAt"]], _COMPARABLE, "date"),
    "updatedAt": (lambda item: [item["updatedAt"]], _COMPARABLE, "date"),
    "width": (lambda item: [item.get("width")], _COMPARABLE, "number"),
    "height": (lambda item: [item.get("height")], _COMPARABLE, "number"),
    "size": (lambda item: [item.get("size")], _COMPARABLE, "size"),
    "videoDuration": (lambda item: [item.get("duration")], _COMPARABLE, "duration"),
    "format": (lambda item: [_format(item)], "= IN", "text"),
    "private": (lambda item: [item.get("isPrivateFile")], "=", "boolean"),
    "published": (lambda item: [item.get("isPublished")], "=", "boolean"),
    "transparency": (lambda item: [item.get("hasAlpha")], "=", "boolean"),
    "createdBy": (lambda _: [None], "= IN", "text"),
    "path": (lambda item: [_folder(item)], "= : IN", "folder"),
}


def _field(name: str) -> tuple[Callable[[Item], list[Any]], str, str]:
    if name in _FIELDS:
        return _FIELDS[name]
    group, _, key = name.partition(".")
    if group in ("customMetadata", "embeddedMetadata") and key:
        return lambda item: _listed((item.get(group) or {}).get(key)), _CUSTOM, "custom"
    raise SearchSyntaxError(f"{name[:60]!r} is not a field")


def _format(item: Item) -> str | None:
    if "mime" not in item:
        return None
    kind: str = item["mime"].rpartition("/")[2]
    return {"jpeg": "jpg", "svg+xml": "svg", "plain": "txt", "javascript": "js", "quicktime": "mov"}.get(
        kind, kind
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
