"""Cache purges and folder jobs, which stay pending for a configured time."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_imagekit.emulator.errors import MESSAGES, ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Job", "JobBook"]

_MAX_JOBS = 10_000


@dataclass(frozen=True, slots=True)
class Job:
    """
    An accepted job.

    :param id: 24 hexadecimal digits.
    :param type: such as ``PURGE`` or ``COPY_FOLDER``.
    :param folders: paths of the folders that it locks while it is pending.
    :param done_at: time of completion on the book's clock, in seconds.
    :param purge_id: id of the purge that it started, if any.
    """

    id: str
    type: str
    folders: tuple[str, ...]
    done_at: float
    purge_id: str = ""


class JobBook:
    """
    The last jobs by id; thread-safe.

    :param seconds: seconds for which each job stays pending.
    :param clock: returns monotonic time in seconds.
    """

    def __init__(self, seconds: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def start(self, type_: str, folders: tuple[str, ...] = (), purge_id: str = "") -> Job:
        """Accept a job; see :class:`Job` for the parameters."""
        job = Job(secrets.token_hex(12), type_, folders, self._clock() + self._seconds, purge_id)
        with self._lock:
            self._jobs[job.id] = job
            if len(self._jobs) > _MAX_JOBS:
                self._jobs.popitem(last=False)
        return job

    def get(self, job_id: str) -> Job | None:
        """Return a job, or ``None`` if the id is unknown."""
        return self._jobs.get(job_id)

    def status(self, job: Job) -> str:
        """Return ``Pending`` or ``Completed``."""
        return "Completed" if job.done_at <= self._clock() else "Pending"

    def check(self, path: str) -> None:
        """
        Check that no pending job locks a path.

        :param path: path of a file or folder.
        :raises ApiError: 423 if a pending job locks it.
        """
        now = self._clock()
        with self._lock:
            locked = [folder for job in self._jobs.values() if job.done_at > now for folder in job.folders]
        if any(f"{path}/".startswith(f"{folder}/") for folder in locked):
            raise ApiError(423, MESSAGES[423])
