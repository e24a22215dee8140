from __future__ import annotations

import threading
import time

import pytest

from airflow_provider_imagekit.client.rate_limit import LONGEST_PAUSE, RateLimiter, account_rate_limiter
from airflow_provider_imagekit.client.settings import ClientSettings
from airflow_provider_imagekit.exceptions import ImageKitRateLimitError
from tests.support import Clock


def limiter(clock: Clock, rate: float | None = 10, burst: int | None = None) -> RateLimiter:
    return RateLimiter(rate, burst=burst, clock=clock, sleep=clock.sleep)


def test_without_a_rate_nobody_waits() -> None:
    clock = Clock()
    unlimited = limiter(clock, None)
    assert [unlimited.acquire(0) for _ in range(1000)] == [0.0] * 1000


def test_a_margin_keeps_late_requests_out_of_the_next_second() -> None:
    clock = Clock()
    limited = RateLimiter(8, burst=1, margin=0.05, clock=clock, sleep=clock.sleep)
    sent = []
    for number in range(80):
        limited.acquire(60)
        sent.append(clock() + 0.049 * (number % 3 == 0))  # every third request has a higher latency
    assert max(sum(start <= each < start + 1 for each in sent) for start in sent) == 8


def test_after_the_burst_requests_are_spaced_evenly() -> None:
    clock = Clock()
    limited = limiter(clock, 10, burst=5)
    waits = [limited.acquire(10) for _ in range(8)]
    assert waits == pytest.approx([0, 0, 0, 0, 0, 0.1, 0.1, 0.1])


def test_the_rate_holds_over_many_requests() -> None:
    clock = Clock()
    limited = limiter(clock, 40)
    for _ in range(400):
        limited.acquire(60)
    assert 400 / (clock.now - 1000 + 1) == pytest.approx(40, rel=0.01)


def test_a_pause_holds_everybody_back_until_it_is_over() -> None:
    clock = Clock()
    paused = limiter(clock, None)
    paused.pause(3.0)
    assert paused.acquire(10) == pytest.approx(3.0)
    assert paused.acquire(10) == 0.0


def test_a_shorter_pause_does_not_cut_a_longer_one() -> None:
    clock = Clock()
    paused = limiter(clock, None)
    paused.pause(5.0)
    paused.pause(1.0)
    assert paused.acquire(10) == pytest.approx(5.0)


def test_a_pause_that_begins_while_somebody_waits_holds_him_too() -> None:
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 1:
            waiting.pause(7.0)

    waiting = RateLimiter(1, burst=1, clock=clock, sleep=sleep)
    waiting.acquire(0)
    assert waiting.acquire(20) >= 8.0


def test_a_wait_longer_than_allowed_is_refused_at_once_with_the_time_left() -> None:
    clock = Clock()
    paused = limiter(clock, None)
    paused.pause(60.0)
    with pytest.raises(ImageKitRateLimitError, match=r"would wait 60\.0 s") as caught:
        paused.acquire(5)
    assert caught.value.reset_ms == 60_000
    assert caught.value.status is None
    assert clock.slept == []


def test_clients_with_the_same_key_and_host_share_a_rate_limiter() -> None:
    first = account_rate_limiter(ClientSettings("private_a"))
    assert account_rate_limiter(ClientSettings("private_a", requests_per_second=5)) is first
    assert account_rate_limiter(ClientSettings("private_b")) is not first
    elsewhere = ClientSettings("private_a", base_url="https://elsewhere.example")
    assert account_rate_limiter(elsewhere) is not first


def test_threads_together_keep_the_rate() -> None:
    limited = RateLimiter(200, burst=1)
    done: list[float] = []
    threads = [
        threading.Thread(target=lambda: [done.append(limited.acquire(10)) for _ in range(10)])
        for _ in range(4)
    ]
    start = limited.clock()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 40
    assert limited.clock() - start >= 39 / 200 * 0.99


def test_an_absurdly_long_pause_is_cut_to_an_hour() -> None:
    clock = Clock()
    paused = limiter(clock, None)
    paused.pause(1e12)
    assert paused.acquire(1e13) == pytest.approx(LONGEST_PAUSE)


@pytest.mark.slow
def test_a_batch_of_a_hundred_thousand_files_does_not_starve_a_sensor() -> None:
    # The rate is low: the batch always has more requests queued than a sensor would wait for.
    limited = RateLimiter(10, burst=1)
    batch_wait, sensor_wait, threads = 90.0, 3.0, 60
    served, over = [0], threading.Event()

    def batch() -> None:
        for _ in range(100_000 // threads):
            if over.is_set():
                return
            limited.acquire(batch_wait)
            served[0] += 1

    crowd = [threading.Thread(target=batch) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    time.sleep(0.2)
    waits = []
    for _ in range(5):
        waits.append(limited.acquire(sensor_wait))
        time.sleep(0.4)
    before = served[0]
    over.set()
    for thread in crowd:
        thread.join()
    assert max(waits) <= sensor_wait  # behind all of them in the queue it would be 60 / 10 = 6 s
    assert before >= 3  # the batch continues


def test_the_request_with_the_earliest_deadline_is_sent_first() -> None:
    clock = Clock()
    order: list[str] = []

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 1:  # a sensor's request arrives while the batch's request waits
            limited.acquire(5)
            order.append("sensor")

    limited = RateLimiter(1, burst=1, clock=clock, sleep=sleep)
    limited.acquire(0)
    limited.acquire(60)
    order.append("batch")
    assert order == ["sensor", "batch"]
    assert clock.now == pytest.approx(1002.0)


def test_no_burst_follows_a_refusal() -> None:
    clock = Clock()
    limited = limiter(clock, 40)
    limited.pause(1.0)
    waits = [limited.acquire(10) for _ in range(20)]
    assert waits == pytest.approx([1.0] + [1 / 40] * 19)


def test_the_rate_follows_an_edited_connection_down_and_up() -> None:
    limited = RateLimiter()
    for rate in (40, 5, 40):
        limited.follow("imagekit_default", rate)
        assert limited.rate == rate


def test_a_connection_without_a_rate_does_not_lift_that_of_another_connection() -> None:
    limited = RateLimiter()
    limited.follow("first", 5)
    limited.follow("second", None)
    assert limited.rate == 5
    limited.follow("second", 2)
    assert limited.rate == 2


def test_a_connection_without_redis_does_not_end_the_sharing_of_another() -> None:
    limited = RateLimiter()
    limited.follow("first", 5, "redis://127.0.0.1:1")
    shared = limited._shared
    limited.follow("second", 5)
    assert limited._shared is shared
    limited.follow("first", 5)
    assert limited._shared is None


def test_the_limit_that_a_refusal_names_is_kept_for_a_quarter_of_an_hour() -> None:
    clock = Clock()
    learning = limiter(clock, None)
    learning.record_rejection(1.0, 10)
    waits = [learning.acquire(10) for _ in range(4)]
    assert waits == pytest.approx([1.0, 1 / 9, 1 / 9, 1 / 9])
    clock.now += 1000
    assert learning.rate is None


def test_a_429_without_a_limit_lowers_the_rate() -> None:
    clock = Clock()
    learning = limiter(clock, None)
    for _ in range(100):
        learning.acquire(0)
        clock.now += 0.01
    learning.record_rejection(0.0, None)
    assert learning.rate == pytest.approx(70, rel=0.05)


def test_a_learned_pace_is_never_above_the_rate_of_the_connection() -> None:
    learning = limiter(Clock(), 5)
    learning.record_rejection(0.0, 100)
    assert learning.rate == 5
