"""Converts the arguments for creation and update times to conditions of ImageKit's search."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.arguments import is_absent, optional_text
from airflow_provider_imagekit.exceptions import ImageKitInputError

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["WINDOW_ARGUMENTS", "moment_of", "search_in_window"]

#: Names of the operators' arguments.
WINDOW_ARGUMENTS: Final = ("created_after", "created_before", "updated_after")
_CONDITIONS = {
    "created_after": "createdAt >=",
    "created_before": "createdAt <",
    "updated_after": "updatedAt >=",
}


def search_in_window(search_query: Any, window: Mapping[str, Any], context: Context) -> str | None:
    """
    Add the bounds of a time window to a search query.

    :param search_query: query in ImageKit's search language, or ``None``.
    :param window: values by argument name: a datetime, or an ISO 8601 text. Lower bounds are inclusive and
        the upper bound is exclusive, so that consecutive windows share no file.
    :param context: the task's context, whose DAG sets the time zone of a value without one.
    :return: the query; ``None`` if there are no conditions.
    :raises ImageKitInputError: if a value is not a time, or the window ends before it starts.
    """
    query = optional_text(search_query, "search_query")
    bounds = {name: moment_of(name, value, context) for name, value in window.items() if not is_absent(value)}
    start, end = bounds.get("created_after"), bounds.get("created_before")
    if start and end and start > end:
        raise ImageKitInputError(
            f"created_after is {_text(start)}, which is after created_before, {_text(end)}."
        )
    conditions = [f'{_CONDITIONS[name]} "{_text(moment)}"' for name, moment in bounds.items()]
    if query and conditions:
        query = f"({query})"
    return " AND ".join([query, *conditions] if query else conditions) or None


def moment_of(name: str, value: Any, context: Context) -> datetime:
    """
    Parse a time.

    :param name: name of the argument, for the error message.
    :param value: a datetime, or an ISO 8601 text.
    :param context: the task's context, whose DAG sets the time zone of a value without one.
    :raises ImageKitInputError: for anything else.
    """
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise ImageKitInputError(
            f"{name} is {value!r}.", help="Use a datetime, or a text such as 2026-03-01T00:00:00+01:00."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=_zone(name, value, context))


def _zone(name: str, value: Any, context: Context) -> tzinfo:
    zone: tzinfo | None = getattr(context.get("dag"), "timezone", None)
    if zone is None:
        raise ImageKitInputError(f"{name} is {value!r}, which has no time zone.", help="Add one, such as Z.")
    return zone


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
