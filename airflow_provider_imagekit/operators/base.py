"""Which errors an operator does not leave to Airflow's retries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.exceptions import ImageKitError

__all__ = ["fail_without_retry"]


@contextmanager
def fail_without_retry(*, but: type[ImageKitError] | tuple[()] = ()) -> Iterator[None]:
    """
    Fail the task without another try where no retry can mend the error.

    :param but: a class of errors to leave to Airflow's retries nevertheless.
    :raises AirflowFailException: from the error, if that is not retryable.
    """
    try:
        yield
    except ImageKitError as error:
        if error.retryable or isinstance(error, but):
            raise
        raise AirflowFailException(str(error)) from error
