"""What the events of a task's outlets say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.compat import Asset

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import BaseOperator, Context

__all__ = ["add_asset_event_extra"]


def add_asset_event_extra(operator: BaseOperator, context: Context, extra: dict[str, Any]) -> None:
    """
    Add to the event of each asset that the task has as an outlet.

    :param operator: the task.
    :param context: its context.
    :param extra: plain JSON.
    """
    for outlet in operator.outlets or ():
        if isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(extra)
