from __future__ import annotations

import threading

import pytest

from airflow_provider_imagekit.client import ImageKitClient, endpoints
from airflow_provider_imagekit.client.retry import RetryLimits, TaskLimits
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import CallLimitError, ImageKitServerError, ImageKitTransportError
from tests import pictures


class TestCallLimit:
    def test_at_most_max_calls_requests_are_sent(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        limited = client.limited(TaskLimits(max_calls=3))
        listed = [file["filePath"] for _ in range(3) for file in limited.call(endpoints.list_files(limit=1))]
        assert len(listed) == len(imagekit.requests) == 3
        with pytest.raises(CallLimitError, match="max_calls is 3, and the task has sent that many") as caught:
            limited.call(endpoints.list_files(limit=1))
        assert not caught.value.retryable
        assert len(imagekit.requests) == 3

    def test_a_repetition_counts_and_the_error_says_what_was_met(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        imagekit.inject(status=503, times=9)
        with pytest.raises(CallLimitError, match=r"The last error was: HTTP 503.*Raise max_calls"):
            client.limited(TaskLimits(max_calls=2)).get_file_metadata("a" * 24)
        assert len(imagekit.requests) == 2

    def test_tasks_with_the_same_client_have_separate_limits(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        first, second = (client.limited(TaskLimits(max_calls=1)) for _ in range(2))
        for each in (first, second, client, client):
            each.call(endpoints.list_files(limit=1))
        assert len(imagekit.requests) == 4
        with pytest.raises(CallLimitError):
            second.call(endpoints.list_files(limit=1))

    def test_many_threads_together_do_not_exceed_it(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        limited, rejected = client.limited(TaskLimits(max_calls=7)), []

        def send(number: int) -> None:
            try:
                limited.call(endpoints.list_files(skip=number, limit=1))
            except CallLimitError:
                rejected.append(number)

        threads = [threading.Thread(target=send, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(imagekit.requests), len(rejected)) == (7, 13)

    def test_what_another_process_of_the_task_has_sent_counts(
        self, client: ImageKitClient, imagekit: ImageKitEmulator
    ) -> None:
        limited = client.limited(TaskLimits(max_calls=3, calls_sent=2))
        limited.call(endpoints.list_files(limit=1))
        with pytest.raises(CallLimitError, match="max_calls is 3"):
            limited.call(endpoints.list_files(limit=1))
        assert limited.task_limits.calls_sent == 3


def test_a_tasks_retries_count_for_more_than_the_settings_and_those_of_a_check(
    client: ImageKitClient, imagekit: ImageKitEmulator
) -> None:
    fault = imagekit.inject(status=503, times=99)
    limited = client.limited(TaskLimits(max_retries=1))
    for sent, limits in ((2, None), (4, RetryLimits(max_retries=4))):
        with pytest.raises(ImageKitServerError):
            limited.call(endpoints.file_metadata("a" * 24), limits=limits)
        assert fault.hits == sent


def test_a_tasks_time_limit_counts_for_more_than_the_settings(
    client: ImageKitClient, imagekit: ImageKitEmulator
) -> None:
    imagekit.inject(delay=5, times=1)
    limited = client.limited(TaskLimits(timeout=0.2, max_retries=0))
    with pytest.raises(ImageKitTransportError, match="No response"):
        limited.get_file_metadata(imagekit.file_id(pictures.ORIGINAL))


def test_a_client_without_a_tasks_limits_is_the_shared_one(client: ImageKitClient) -> None:
    assert client.limited(TaskLimits()) is client
    limited = client.limited(TaskLimits(max_retries=0))
    assert (limited.origin, limited.rate_limit_stats) == (client.origin, client.rate_limit_stats)
