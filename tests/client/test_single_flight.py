from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.single_flight import SingleFlight
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitNotFoundError
from tests import pictures

THREADS = 8


def at_once(call: Callable[[], Any]) -> list[Any]:
    """Make a call in several threads, and return what each got or met."""
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
    assert len(imagekit.requests) == 2  # nothing is kept once it is answered
    client.close()


def test_different_requests_at_the_same_time_are_sent_each(imagekit: ImageKitEmulator) -> None:
    client = ImageKitClient(imagekit.private_key, base_url=imagekit.url)
    imagekit.inject(delay=1, times=None)
    paths = iter([pictures.ORIGINAL, pictures.RESIZED] * THREADS)
    at_once(lambda: client.get_file_metadata(imagekit.file_id(next(paths))))
    assert len(imagekit.requests) == 2
    client.close()


def test_everybody_gets_an_answer_of_his_own() -> None:
    answers = at_once(_slow(SingleFlight(), lambda: {"exif": {}}))
    answers[0]["exif"]["mine"] = True
    assert all(answer == {"exif": {}} for answer in answers[1:])


def test_everybody_is_told_of_the_error() -> None:
    def call() -> None:
        raise ImageKitNotFoundError("Gone.", status=404, request_id="r")

    errors = at_once(_slow(SingleFlight(), call))
    assert {str(error) for error in errors} == {"HTTP 404: Gone. (request id r)"}
    assert len({id(error) for error in errors}) == THREADS


def test_the_end_of_one_task_is_no_answer_for_the_others() -> None:
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
        time.sleep(1)  # the others come meanwhile
        return call()

    return lambda: in_flight.share("key", slow)
