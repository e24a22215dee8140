"""A retry policy for the tasks of Airflow 3.3 and later."""

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
    except ImportError:  # an Airflow before 3.3; the class says so when it is used
        RetryDecision, RetryPolicy = None, object

__all__ = ["ImageKitRetryPolicy"]


class ImageKitRetryPolicy(RetryPolicy):
    """
    Retry what may pass by itself, and nothing else.

    ::

        PHashDistanceSensor(..., retries=3, retry_policy=ImageKitRetryPolicy())

    Errors that a retry cannot fix, such as a wrong key, fail the task at once. After a rate limit it comes
    back when ImageKit's reset is over, and never sooner than its own ``retry_delay``. Everything else, other
    packages' errors included, is left to the task's ``retries`` and ``retry_delay``. The policy is for
    sensors and for your own ``@task`` functions that use the hook; operators fail at once without it.

    :param retry_missing: whether a 404 may pass by itself: the file may still come.
    :raises RuntimeError: before Airflow 3.3, which has no retry policies.
    """

    def __init__(self, *, retry_missing: bool = False) -> None:
        if RetryDecision is None:
            raise RuntimeError(
                "ImageKitRetryPolicy needs Airflow 3.3 or later. Leave retry_policy out; operators fail at "
                "once on errors that a retry cannot fix without it, too."
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
        Decide about one failure.

        :param exception: what the task raised.
        :param try_number: number of this try, from 1.
        :param max_tries: most tries.
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
        """Return the arguments as plain JSON."""
        return {"retry_missing": self.retry_missing}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """Return the policy that :meth:`serialize` described."""
        return cls(**data)


def _retry_delay(context: Context | None) -> timedelta:
    task = context.get("task") if context else None
    delay = getattr(task, "retry_delay", None)
    return delay if isinstance(delay, timedelta) else timedelta()
