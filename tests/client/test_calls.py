"""A call waits for its turn, comes again after what passes, and holds back the others of its account."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.rate_limit import RateLimiter
from airflow_provider_imagekit.client.retry import RetryLimits
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitRateLimitError, ImageKitServerError
from tests import pictures
from tests.support import Clock, client_of


def test_the_reset_is_waited_for_in_milliseconds(
    client: ImageKitClient, imagekit: ImageKitEmulator, clock: Clock
) -> None:
    imagekit.inject(status=429, headers={"X-RateLimit-Reset": "3000"})
    client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))
    assert clock.slept == [3.0]


def test_one_callers_429_holds_back_every_client_of_the_account(
    imagekit: ImageKitEmulator, clock: Clock
) -> None:
    budget = RateLimiter(clock=clock, sleep=clock.sleep)
    refused = client_of(imagekit, clock, budget=budget, max_retries=0)
    other = client_of(imagekit, clock, budget=budget)
    imagekit.inject(status=429, headers={"X-RateLimit-Reset": "5000"})
    with pytest.raises(ImageKitRateLimitError):
        refused.get_file_metadata("a" * 24)
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
