from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitInputError,
    ImageKitNotFoundError,
    ImageKitOversizeError,
    ImageKitRateLimitError,
    ImageKitResponseError,
    ImageKitServerError,
    ImageKitTransportError,
    MissingPHashError,
)
from airflow_provider_imagekit.hooks.retry_policy import ImageKitRetryPolicy
from tests.support import AIRFLOW_3

only_airflow_3 = pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 has no retry policies")


@pytest.mark.skipif(AIRFLOW_3, reason="for Airflow 2")
def test_before_airflow_3_3_it_says_so_when_it_is_made_and_not_when_it_is_imported() -> None:
    with pytest.raises(RuntimeError, match=r"needs Airflow 3\.3 or later"):
        ImageKitRetryPolicy()


def decide(error: BaseException, *, retry_delay: float = 1, **arguments: Any) -> tuple[str, float | None]:
    class Task:
        pass

    task = Task()
    task.retry_delay = timedelta(seconds=retry_delay)  # type: ignore[attr-defined]
    decision = ImageKitRetryPolicy(**arguments).evaluate(error, 1, 3, {"task": task})  # type: ignore[typeddict-item]
    delay = decision.retry_delay
    return decision.action.value, delay.total_seconds() if delay is not None else None


@only_airflow_3
class TestDecision:
    @pytest.mark.parametrize(
        "error",
        [
            ImageKitAuthError("Wrong key.", status=403),
            ImageKitBadRequestError("Bad.", status=400),
            ImageKitNotFoundError("Gone.", status=404),
            ImageKitInputError("No id."),
            ImageKitOversizeError("Large."),
            MissingPHashError("A video."),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_what_no_retry_mends_fails_at_once(self, error: Exception) -> None:
        assert decide(error) == ("fail", None)

    @pytest.mark.parametrize(
        "error",
        [
            ImageKitServerError("Down.", status=500),
            ImageKitTransportError("Cut off."),
            ImageKitResponseError("No JSON."),
            ImageKitRateLimitError("Slow down.", status=429),
            ValueError("Of another library."),
            KeyboardInterrupt(),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_what_may_pass_and_what_is_not_ours_is_left_to_the_task(self, error: BaseException) -> None:
        assert decide(error) == ("default", None)

    def test_after_a_rate_limit_the_reset_is_waited_for(self) -> None:
        error = ImageKitRateLimitError("Slow down.", status=429, reset_ms=90_500)
        assert decide(error) == ("retry", 90.5)
        assert decide(error, retry_delay=300) == ("default", None)  # the task itself waits longer

    def test_an_absurd_reset_is_cut_to_an_hour(self) -> None:
        error = ImageKitRateLimitError("Slow down.", status=429, reset_ms=10**15)
        assert decide(error) == ("retry", 3600.0)

    def test_a_missing_file_is_retried_if_asked(self) -> None:
        assert decide(ImageKitNotFoundError("Gone.", status=404), retry_missing=True) == ("default", None)

    def test_it_is_rebuilt_from_what_it_serializes(self) -> None:
        data = json.loads(json.dumps(ImageKitRetryPolicy(retry_missing=True).serialize()))
        assert ImageKitRetryPolicy.deserialize(data).retry_missing is True
