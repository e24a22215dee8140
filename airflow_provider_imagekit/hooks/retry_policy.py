"""A retry policy for tasks on Airflow 3.3 and later."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_imagekit.client.rate_limit import LONGEST_PAUSE
from airflow_provider_imagekit.exceptions import (
    ImageKitError,
    ImageKitNotFoundError,
    ImageKitRateLimitError,
)

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context, RetryDecision, RetryPolicy
else:
    try:
        from airflow_provider_imagekit.compat import RetryDecision, RetryPolicy
    except ImportError:  # Airflow before 3.3; the class raises when it is used
        RetryDecision, RetryPolicy = None, object

__all__ = ["ImageKitRetryPolicy"]


class ImageKitRetryPolicy(RetryPolicy):
    """
    Retry temporary errors only.

    ::

        PHashDistanceSensor(..., retries=3, retry_policy=ImageKitRetryPolicy())

    Errors that a retry cannot fix, such as a wrong key, fail the task at once. After a rate limit, the task
    is retried when ImageKit's limit resets, but not before its ``retry_delay``. All other errors, including
    those of other packages, follow the task's ``retries`` and ``retry_delay``. Use the policy for sensors,
    and for ``@task`` functions that use the hook; operators fail at once without it.

    :param retry_missing: whether to retry after a 404, because the file may still arrive.
    :raises RuntimeError: on Airflow before 3.3, which has no retry policies.
    """

    def __init__(self, *, retry_missing: bool = False) -> None:
        if RetryDecision is None:
            raise RuntimeError(
                "ImageKitRetryPolicy needs Airflow 3.3 or later. Leave retry_policy out: without it, too, "
                "operators fail at once on errors that a retry cannot fix."
            )
        self.retry_missing = retry_missing

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow's signature
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,
    ) -> RetryDecision:
        """
        Decide whether to retry after an exception.

        :param exception: the exception that the task raised.
        :param try_number: number of this try, from 1.
        :param max_tries: maximum number of tries.
        :param context: the task's context.
        """
        if not isinstance(exception, ImageKitError):
            return RetryDecision.default()
        if isinstance(exception, ImageKitRateLimitError) and exception.reset_ms is not None:
            reset = timedelta(seconds=min(exception.reset_ms / 1000, LONGEST_PAUSE))
            if reset > _retry_delay(context):
                return RetryDecision.retry(reset, f"ImageKit's rate limit resets in {reset}.")
            return RetryDecision.default()
        if exception.retryable or (self.retry_missing and isinstance(exception, ImageKitNotFoundError)):
            return RetryDecision.default()
        return RetryDecision.fail(f"A retry cannot fix {type(exception).__name__}.")

    def serialize(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain JSON."""
        return {"retry_missing": self.retry_missing}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """Return a policy from the output of :meth:`serialize`."""
        return cls(**data)


def _retry_delay(context: Context | None) -> timedelta:
    task = context.get("task") if context else None
    delay = getattr(task, "retry_delay", None)
    return delay if isinstance(delay, timedelta) else timedelta()
