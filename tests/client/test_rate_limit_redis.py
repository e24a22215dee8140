"""The rate limiter shared through a real Redis."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.rate_limit import RateLimiter
from airflow_provider_imagekit.client.rate_limit_redis import RedisRateLimiter
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError, ImageKitRateLimitError
from tests import pictures
from tests.redis_server import RedisServer
from tests.support import PATIENCE, Clock

RATE = 10
PROCESSES = 3
SECRET = "redis-secret-7f"

# Script of each process: sends as many requests as it can in a given time.
WORKER = """
import sys, time
from airflow_provider_imagekit.client import ImageKitClient
key, url, redis, rate, file_id, seconds = sys.argv[1:]
client = ImageKitClient(key, base_url=url, requests_per_second=float(rate), rate_limit_url=redis)
client.get_file_metadata(file_id)  # loads lazy imports, which take seconds on a busy machine
end = time.monotonic() + float(seconds)
while time.monotonic() < end:
    client.get_file_metadata(file_id)
client.close()
"""


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed; `make test` installs it where it can")
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


def limiter(redis: RedisServer, clock: Clock | None = None) -> RedisRateLimiter:
    return RedisRateLimiter(redis.url, "account", clock=clock or time.monotonic)


def account_limiter(redis: RedisServer, rate: float | None = RATE) -> RateLimiter:
    """Return the rate limiter of one process."""
    shared = RateLimiter(rate)
    shared.share(limiter(redis))
    return shared


@pytest.mark.slow
def test_several_processes_together_keep_the_rate(redis: RedisServer, imagekit: ImageKitEmulator) -> None:
    arguments = [imagekit.private_key, imagekit.url, redis.url, str(RATE)]
    arguments += [imagekit.file_id(pictures.ORIGINAL), "3"]
    crowd = [subprocess.Popen([sys.executable, "-c", WORKER, *arguments]) for _ in range(PROCESSES)]
    assert [process.wait(2 * PATIENCE) for process in crowd] == [0] * PROCESSES
    times = [request.time for request in imagekit.requests]
    assert len(times) >= RATE
    # A burst of one second's worth, and one request in flight per process at the start and at the end.
    assert len(times) <= RATE * (times[-1] - times[0]) + RATE + 2 * PROCESSES


def test_a_429_seen_by_one_process_holds_back_the_others(
    redis: RedisServer, imagekit: ImageKitEmulator
) -> None:
    rejected, other = account_limiter(redis, None), account_limiter(redis, None)
    imagekit.inject(status=429, headers={"X-RateLimit-Reset": "60000"})
    client = ImageKitClient(imagekit.private_key, base_url=imagekit.url, rate_limiter=rejected, max_retries=0)
    with pytest.raises(ImageKitRateLimitError):
        client.get_file_metadata("a" * 24)
    client.close()
    with pytest.raises(ImageKitRateLimitError, match=r"would wait [3-6][0-9]\."):
        other.acquire(5)


def test_a_wait_longer_than_allowed_is_refused_at_once(redis: RedisServer) -> None:
    limiter(redis).pause(60)
    with pytest.raises(ImageKitRateLimitError, match="would wait"):
        account_limiter(redis).acquire(5)


def test_a_shorter_pause_does_not_cut_a_longer_one(redis: RedisServer) -> None:
    limiter(redis).pause(60)
    limiter(redis).pause(1)
    assert limiter(redis).acquire_slot(None) > 50


@pytest.mark.parametrize("rate", [0.02, 0.33, 1, 2.5, 40])
def test_any_rate_is_kept_from_above(redis: RedisServer, rate: float) -> None:
    shared = limiter(redis)
    granted = 0
    while not shared.acquire_slot(rate, left=0):
        granted += 1
    assert 1 <= granted <= max(10 * rate, 1)
    assert 0 < shared.acquire_slot(rate, left=0) <= 1 / rate


def test_the_lowest_rate_of_all_workers_counts_and_is_logged(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    fast, slow = limiter(redis), limiter(redis)
    slow.acquire_slot(1)
    granted = sum(not fast.acquire_slot(40, left=0) for _ in range(40))
    assert granted <= 2
    assert "requests_per_second is 40 here and 1 in another process" in caplog.text
    assert len(caplog.records) == 1


def test_the_request_with_the_earliest_deadline_is_first_among_all_processes(redis: RedisServer) -> None:
    batch, sensor = limiter(redis), limiter(redis)
    batch.acquire_slot(1)
    waits = [batch.acquire_slot(1, f"batch {number}", 60) for number in range(20)]
    assert max(waits) > 15
    assert sensor.acquire_slot(1, "sensor", 5) <= 1.0
    assert batch.acquire_slot(1, "batch 0", 60) > 1.0


def test_a_caller_that_exits_while_queued_is_removed(redis: RedisServer) -> None:
    shared = limiter(redis)
    shared.acquire_slot(5)
    for _ in range(4):
        shared.acquire_slot(5, left=0)
    shared.acquire_slot(5, "gone", 60)
    before = shared.acquire_slot(5, "next", 120)
    time.sleep(2.5)
    assert shared.acquire_slot(5, "next", 120) < before


def test_without_redis_each_process_keeps_to_its_share(redis: RedisServer) -> None:
    crowd = [limiter(redis) for _ in range(4)]
    for shared in crowd:
        shared.acquire_slot(10)
    crowd[0].acquire_slot(10)
    assert crowd[0].own_interval(0.1) == 0.1
    redis.stop()
    crowd[0].acquire_slot(10)
    assert crowd[0].own_interval(0.1) == pytest.approx(0.4)


def test_without_redis_every_process_goes_on_by_itself_with_one_warning(
    redis: RedisServer, imagekit: ImageKitEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    redis.stop()
    url = redis.url.replace("//", f"//:{SECRET}@")
    client = ImageKitClient(imagekit.private_key, base_url=imagekit.url, rate_limit_url=url)
    start = time.monotonic()
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            assert client.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))["width"] == 640
    client.close()
    assert time.monotonic() - start < PATIENCE
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "limits itself to its share of requests_per_second" in warnings[0].getMessage()
    assert SECRET not in caplog.text


def test_a_redis_that_hangs_costs_a_moment_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shared = RedisRateLimiter(f"redis://127.0.0.1:{silent.getsockname()[1]}", "account")
        start = time.monotonic()
        assert [shared.acquire_slot(RATE) for _ in range(500)] == [0.0] * 500
    assert time.monotonic() - start < PATIENCE  # with one attempt per slot it would be minutes
    assert len(caplog.records) == 1


def test_a_redis_that_is_back_is_used_again(redis: RedisServer) -> None:
    clock = Clock()
    shared = limiter(redis, clock)
    redis.stop()
    assert shared.acquire_slot(1) == 0.0
    redis.start()
    assert [shared.acquire_slot(1), shared.acquire_slot(1)] == [0.0, 0.0]  # Redis is not tried yet
    clock.sleep(60)
    assert shared.acquire_slot(1) == 0.0
    assert shared.acquire_slot(1) > 0


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", "redis://host:port", "memory://"])
def test_an_invalid_address_is_an_error_that_does_not_repeat_it(url: str, imagekit: ImageKitEmulator) -> None:
    client = ImageKitClient(imagekit.private_key, base_url=imagekit.url, rate_limit_url=url)
    with pytest.raises(ImageKitConfigurationError, match="rate_limit_url") as caught:
        client.get_file_metadata("a" * 24)
    client.close()
    assert url not in str(caught.value)
