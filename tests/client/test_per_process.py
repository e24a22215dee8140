from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_imagekit.client.per_process import per_process


def test_threads_that_ask_at_once_get_one_object() -> None:
    made: list[object] = []

    @per_process
    def slow() -> object:
        time.sleep(0.02)
        made.append(object())
        return made[-1]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: slow(), range(8)))
    assert found == made * 8


# Python 3.12 warns about fork() in a process with threads, which this test does on purpose.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_of_fork_makes_its_own_although_a_thread_of_its_parent_is_making_one() -> None:
    resume, started = threading.Event(), threading.Event()
    parent = os.getpid()

    @per_process
    def maker() -> int:
        if os.getpid() == parent:
            started.set()
            resume.wait(10)
        return os.getpid()

    thread = threading.Thread(target=maker)
    thread.start()
    started.wait(10)
    child = os.fork()
    if not child:
        os._exit(0 if maker() == os.getpid() else 1)
    _, status = os.waitpid(child, 0)
    resume.set()
    thread.join(10)
    assert os.waitstatus_to_exitcode(status) == 0
    assert maker() == parent
