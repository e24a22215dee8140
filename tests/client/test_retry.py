from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.rate_limit import RateLimiter
from airflow_provider_imagekit.client.retry import RetryLimits, SingleFlight
from airflow_provider_imagekit.emulator import ImageKitEmulator
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
from tests import pictures
from tests.support import Clock, client_of

LIMITS = RetryLimits(max_retries=3, max_wait=100)
THREADS = 8


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
def test_temporary_errors_are_retried(error: ImageKitError) -> None:
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
def test_permanent_errors_are_not_retried(error: ImageKitError) -> None:
    assert LIMITS.delay(error, retries=0, waited=0, jitter=0) is None


def test_the_reset_is_waited_for_in_milliseconds(
    client: ImageKitClient, imagekit: ImageKitEmulator, clock: Clock
) -> None:
    imagekit.inject(status=429, headers={"X-RateLimit-Reset": "3000"})
    client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
    assert clock.slept == [3.0]


def test_one_callers_429_holds_back_every_client_of_the_account(
    imagekit: ImageKitEmulator, clock: Clock
) -> None:
    rate_limiter = RateLimiter(clock=clock, sleep=clock.sleep)
    rejected = client_of(imagekit, clock, rate_limiter=rate_limiter, max_retries=0)
    other = client_of(imagekit, clock, rate_limiter=rate_limiter)
    imagekit.inject(status=429, headers={"X-RateLimit-Reset": "5000"})
    with pytest.raises(ImageKitRateLimitError):
        rejected.get_file_metadata("a" * 24)
    other.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
    assert clock.slept == [5.0]


def test_a_reset_beyond_the_longest_wait_ends_at_once_with_the_time_left(
    client: ImageKitClient, imagekit: ImageKitEmulator, clock: Clock
) -> None:
    imagekit.inject(status=429, headers={"X-RateLimit-Reset": "900000"}, times=None)
    with pytest.raises(ImageKitRateLimitError) as caught:
        client.get_file_metadata("a" * 24)
    assert caught.value.reset_ms == 900_000
    assert clock.slept == []
    with pytest.raises(ImageKitRateLimitError, match="would wait"):
        client.get_file_metadata("a" * 24)
    assert len(imagekit.requests) == 1


def test_limits_of_one_call_can_be_tighter(
    client: ImageKitClient, imagekit: ImageKitEmulator, clock: Clock
) -> None:
    imagekit.inject(status=503, times=None)
    with pytest.raises(ImageKitServerError):
        client.get_phash(file_id="a" * 24, limits=RetryLimits(max_retries=1, max_wait=5))
    assert len(imagekit.requests) == 2


def test_tasks_that_seed_pythons_random_numbers_alike_do_not_retry_alike(
    imagekit: ImageKitEmulator, clock: Clock
) -> None:
    sleeps = []
    for _ in range(3):
        random.seed(7)
        imagekit.inject(status=503, times=1)
        settings = {"base_url": imagekit.url, "rate_limiter": RateLimiter(clock=clock, sleep=clock.sleep)}
        client = ImageKitClient(imagekit.private_key, sleep=sleeps.append, **settings)
        client.get_phash(file_id=imagekit.file_id(pictures.ORIGINAL))
        client.close()
    assert len(set(sleeps)) == 3
    state = random.getstate()
    random.seed(7)
    assert random.getstate() == state


def test_threads_share_a_client(imagekit: ImageKitEmulator) -> None:
    client = ImageKitClient(imagekit.private_key, base_url=imagekit.url)
    file_id = imagekit.file_id(pictures.ORIGINAL)
    widths: list[int] = []
    threads = [
        threading.Thread(target=lambda: widths.append(client.get_file_metadata(file_id)["width"]))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert widths == [640] * 12


def test_many_429s_are_one_line(
    imagekit: ImageKitEmulator, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"X-RateLimit-Reset": "100", "X-RateLimit-Limit": "20", "X-RateLimit-Interval": "1000"}
    client = client_of(imagekit, clock)
    for _ in range(5):
        imagekit.inject(status=429, headers=headers, times=2)
        client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert warnings[0].endswith("All wait 0.1 s, then continue at 18 a second.")
    assert client.rate_limit_stats.rejected == 10


def test_the_warning_counts_a_single_429(
    imagekit: ImageKitEmulator, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    imagekit.inject(status=429, headers={"X-RateLimit-Reset": "100"}, times=1)
    client_of(imagekit, clock, rate_limiter=RateLimiter(1, clock=clock, sleep=clock.sleep)).get_file_metadata(
        imagekit.file_id(pictures.ORIGINAL)
    )
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.endswith("Requests rejected so far: 1. All wait 0.1 s, then continue at 1 a second.")


def at_once(call: Callable[[], Any]) -> list[Any]:
    """Make a call in several threads, and return the result or error of each."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_identical_requests_at_the_same_time_are_sent_once(imagekit: ImageKitEmulator) -> None:
    client = ImageKitClient(imagekit.private_key, base_url=imagekit.url)
    imagekit.inject(delay=1, times=None)
    answers = at_once(lambda: client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL)))
    assert [answer["width"] for answer in answers] == [640] * THREADS
    assert len(imagekit.requests) == 1
    client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
    assert len(imagekit.requests) == 2  # responses are not cached
    client.close()


def test_different_requests_at_the_same_time_are_sent_each(imagekit: ImageKitEmulator) -> None:
    client = ImageKitClient(imagekit.private_key, base_url=imagekit.url)
    imagekit.inject(delay=1, times=None)
    paths = iter([pictures.ORIGINAL, pictures.RESIZED] * THREADS)
    at_once(lambda: client.get_file_metadata(imagekit.file_id(next(paths))))
    assert len(imagekit.requests) == 2
    client.close()


def test_each_caller_gets_its_own_copy() -> None:
    answers = at_once(_slow(SingleFlight(), lambda: {"exif": {}}))
    answers[0]["exif"]["mine"] = True
    assert all(answer == {"exif": {}} for answer in answers[1:])


def test_each_caller_gets_its_own_error() -> None:
    def call() -> None:
        raise ImageKitNotFoundError("Gone.", status=404, request_id="r")

    errors = at_once(_slow(SingleFlight(), call))
    assert {str(error) for error in errors} == {"HTTP 404: Gone. (request id r)"}
    assert len({id(error) for error in errors}) == THREADS


def test_an_interrupted_caller_does_not_interrupt_the_others() -> None:
    calls: list[int] = []

    def call() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return "answer"

    results = at_once(_slow(SingleFlight(), call))
    assert sum(isinstance(result, KeyboardInterrupt) for result in results) == 1
    assert results.count("answer") == THREADS - 1


def test_an_error_is_not_remembered() -> None:
    in_flight = SingleFlight()
    with pytest.raises(ZeroDivisionError):
        in_flight.share("key", lambda: 1 // 0)
    assert in_flight.share("key", lambda: 1) == 1


def _slow(in_flight: SingleFlight, call: Callable[[], Any]) -> Callable[[], Any]:
    def slow() -> Any:
        time.sleep(1)  # meanwhile the other threads make the same call
        return call()

    return lambda: in_flight.share("key", slow)
