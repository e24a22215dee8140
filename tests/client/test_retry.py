from __future__ import annotations

import pytest

from airflow_provider_imagekit.client.retry import RetryLimits
from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitError,
    ImageKitNotFoundError,
    ImageKitRateLimitError,
    ImageKitResponseError,
    ImageKitServerError,
    ImageKitTransportError,
)

LIMITS = RetryLimits(max_retries=3, max_wait=100)


@pytest.mark.parametrize("reset_ms", [1, 250, 3000, 20_000])
def test_a_reset_in_milliseconds_is_waited_for_in_full_and_at_most_a_second_longer(reset_ms: int) -> None:
    error = ImageKitRateLimitError("slow down", status=429, reset_ms=reset_ms)
    for jitter in (0.0, 0.5, 1.0):
        delay = LIMITS.delay(error, retries=0, waited=0, jitter=jitter)
        assert delay is not None
        assert reset_ms / 1000 <= delay <= reset_ms / 1000 + 1


def test_without_a_reset_the_wait_doubles_up_to_thirty_seconds() -> None:
    limits = RetryLimits(max_retries=10, max_wait=1000)
    error = ImageKitServerError("down", status=503)
    delays = [limits.delay(error, retries=n, waited=0, jitter=1.0) for n in range(9)]
    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_the_total_wait_is_bounded() -> None:
    error = ImageKitRateLimitError("slow down", status=429, reset_ms=60_000)
    assert LIMITS.delay(error, retries=0, waited=39.0, jitter=0.0) == 60.0
    assert LIMITS.delay(error, retries=1, waited=41.0, jitter=0.0) is None


def test_the_number_of_retries_is_bounded() -> None:
    error = ImageKitTransportError("reset")
    assert LIMITS.delay(error, retries=2, waited=0, jitter=0) is not None
    assert LIMITS.delay(error, retries=3, waited=0, jitter=0) is None


@pytest.mark.parametrize(
    "error",
    [
        ImageKitTransportError("reset"),
        ImageKitResponseError("no JSON"),
        ImageKitServerError("down", status=500),
        ImageKitServerError("timeout", status=408),
        ImageKitRateLimitError("slow down", status=429),
    ],
    ids=lambda error: f"{type(error).__name__}-{error.status}",
)
def test_what_may_pass_is_retried(error: ImageKitError) -> None:
    assert LIMITS.delay(error, retries=0, waited=0, jitter=0) is not None


@pytest.mark.parametrize(
    "error",
    [
        ImageKitBadRequestError("corrupt", status=400),
        ImageKitAuthError("wrong key", status=403),
        ImageKitNotFoundError("gone", status=404),
    ],
    ids=lambda error: str(error.status),
)
def test_what_no_retry_can_mend_is_not_retried(error: ImageKitError) -> None:
    assert LIMITS.delay(error, retries=0, waited=0, jitter=0) is None
