"""What operators do alike when they end: tell Airflow whether another try can help, and tell the assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, Asset

from airflow_provider_imagekit.exceptions import ImageKitError, TooManyFailedFilesError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

__all__ = ["fail_for_good", "tell_assets"]


def fail_for_good(error: ImageKitError) -> None:
    """
    Raise where no retry can mend an error, so that Airflow does not try one; return otherwise.

    :param error: what the task met.
    :raises AirflowFailException: from the error.
    """
    if not error.retryable or (isinstance(error, TooManyFailedFilesError) and error.lasting):
        raise AirflowFailException(str(error)) from error


def tell_assets(operator: BaseOperator, context: Context, extra: dict[str, Any]) -> None:
    """
    Put facts into the asset events of a task.

    :param operator: the task; each of its outlets that is an asset gets them.
    :param context: the task's context.
    :param extra: the facts, as plain JSON.
    """
    for outlet in operator.outlets or ():
        if isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(extra)
