"""Applies a change to many files in groups of requests, with a journal from which the next try resumes."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_imagekit.exceptions import (
    ImageKitBadRequestError,
    ImageKitError,
    ImageKitInputError,
    ImageKitNotFoundError,
    ImageKitServerError,
    LibraryStoppedError,
)
from airflow_provider_imagekit.library.updates.change import Change, Step, Targets, UpdatePlan

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.library.journal import Event, Journal

__all__ = ["ROW_COLUMNS", "UpdateRun"]

T = TypeVar("T")
Errors = dict[str, ImageKitError | str]

#: Columns of the table of results.
ROW_COLUMNS: dict[str, type] = {"file_id": str, "status": str, "error": str}

_FILE_ERRORS = (ImageKitBadRequestError, ImageKitInputError, ImageKitNotFoundError)
_LOCKED = 423


class UpdateRun:
    """
    Changes each file once.

    The journal records requests before they are sent and their results afterwards. So the next try knows what
    is done, and checks only the files whose request may have been in progress when the process ended.

    :param client: client of the account.
    :param targets: the files, with their custom metadata.
    :param change: the change to all of them.
    :param journal: records the progress; ``None`` for no journal.
    :param threads: number of concurrent requests.
    """

    def __init__(
        self,
        client: ImageKitClient,
        targets: Targets,
        change: Change,
        journal: Journal | None = None,
        *,
        threads: int = 4,
    ) -> None:
        self._client = client
        self._targets = targets
        self._change = change
        self._journal = journal
        self._threads = threads
        self._stopped = threading.Event()
        self._done: dict[Step, set[str]] = defaultdict(set)
        self._uncertain: dict[Step, set[str]] = defaultdict(set)
        self._errors: dict[str, str] = {}
        self._retryable: set[str] = set()

    def stop(self) -> None:
        """Stop the run after the requests in progress."""
        self._stopped.set()

    def plan(self) -> UpdatePlan:
        """Read from the journal what earlier tries have done, and return a plan for the rest."""
        if self._journal is not None:
            for is_ours, event in self._journal.earlier():
                if is_ours:
                    self._recall(event)
        left = {step: len(self._left(step, ids)) for step, ids in self._steps().items()}
        done = sum(map(len, self._done.values()))
        return UpdatePlan.of(len(self._targets), left, done, self._client.writes_per_second)

    def run(self) -> None:
        """
        Apply the rest of the change.

        :raises LibraryStoppedError: if the run was stopped.
        :raises ImageKitError: if every other file would fail as well; the next try resumes there.
        """
        try:
            with ThreadPoolExecutor(self._threads, "imagekit-write") as pool:
                for step, ids in self._steps().items():
                    self._resolve_uncertain(pool, step)
                    self._do(pool, step, self._left(step, ids))
        finally:
            if self._journal is not None:
                self._journal.close()

    def forget(self) -> None:
        """Remove the journal: the results have been written."""
        if self._journal is not None:
            self._journal.clear()

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the result of each file: ``file_id``, ``status`` (``updated``, ``failed``), ``error``."""
        for file_id in self._targets:
            error = self._errors.get(file_id)
            yield {"file_id": file_id, "status": "failed" if error else "updated", "error": error}

    @property
    def errors(self) -> dict[str, str]:
        """Error messages by id of the files that were not changed."""
        return self._errors

    @property
    def lasting(self) -> bool:
        """Whether another try would fail again for all of these files."""
        return not self._retryable

    def _steps(self) -> dict[Step, list[str]]:
        return self._change.steps(self._targets)

    def _left(self, step: Step, ids: Iterable[str]) -> list[str]:
        return [each for each in ids if each not in self._done[step] and each not in self._errors]

    def _recall(self, event: Event) -> None:
        step, ids = Step(event["step"]), event["ids"]
        if event["what"] == "sent":
            self._uncertain[step] |= set(ids)
            return
        self._uncertain[step] -= set(ids)
        if event["what"] == "done":
            self._done[step] |= set(ids)
        else:
            self._errors |= dict.fromkeys(ids, event["error"])

    def _note(self, what: str, step: Step, ids: Iterable[str], **more: Any) -> None:
        if self._journal is not None and (listed := list(ids)):
            self._journal.append({"what": what, "step": str(step), "ids": listed, **more})

    def _resolve_uncertain(self, pool: ThreadPoolExecutor, step: Step) -> None:
        """Check the files whose request may have been processed when the earlier try was killed."""
        uncertain = self._left(step, sorted(self._uncertain[step] & set(self._targets)))
        for group in _batched(uncertain, self._threads):
            self._check()
            found = pool.map(lambda file_id: self._has(step, file_id), group)
            done = [file_id for file_id, has in zip(group, found, strict=True) if has]
            self._done[step] |= set(done)
            self._note("done", step, done)

    def _has(self, step: Step, file_id: str) -> bool:
        try:
            file = self._client.get_file_details(file_id)
        except _FILE_ERRORS:
            return False  # the request will fail in the same way and be recorded in the results
        return self._change.is_done(step, file, self._targets[file_id])

    def _do(self, pool: ThreadPoolExecutor, step: Step, ids: Sequence[str]) -> None:
        for group in _batched(_batched(ids, step.size), self._threads):
            self._check()
            self._note("sent", step, (file_id for part in group for file_id in part))
            if self._journal is not None:
                self._journal.flush()
            outcomes = [pool.submit(self._send, step, part) for part in group]
            sent = zip(group, outcomes, strict=True)
            failures = [self._take(step, part, outcome) for part, outcome in sent]
            if failure := next(filter(None, failures), None):
                raise failure

    def _take(self, step: Step, part: list[str], outcome: Future[Errors]) -> ImageKitError | None:
        """Record the result of a request; return an error that ends the run."""
        try:
            errors = outcome.result()
        except ImageKitError as ending:
            return ending
        changed = [file_id for file_id in part if file_id not in errors]
        self._done[step] |= set(changed)
        self._note("done", step, changed)
        for file_id, error in errors.items():
            self._fail(step, file_id, error)
        return None

    def _fail(self, step: Step, file_id: str, error: ImageKitError | str) -> None:
        self._errors[file_id] = str(error)
        if isinstance(error, ImageKitError) and error.retryable:
            self._retryable.add(file_id)
        else:
            self._note("failed", step, [file_id], error=str(error))

    def _send(self, step: Step, part: list[str]) -> Errors:
        """Send a request; if ImageKit rejects one for several files, send it again in halves."""
        try:
            return self._request(step, part)
        except _FILE_ERRORS as error:
            if len(part) == 1:
                return {part[0]: error}
            half = len(part) // 2
            return self._send(step, part[:half]) | self._send(step, part[half:])
        except ImageKitServerError as error:
            if error.status != _LOCKED or len(part) > 1:
                raise
            return {part[0]: error}

    def _request(self, step: Step, part: list[str]) -> Errors:
        if step is Step.ADD_TAGS:
            return dict(self._client.add_tags(part, self._change.add_tags))
        if step is Step.REMOVE_TAGS:
            return dict(self._client.remove_tags(part, self._change.remove_tags))
        self._client.update_file(part[0], **self._change.details(self._targets[part[0]]))
        return {}

    def _check(self) -> None:
        if self._stopped.is_set():
            raise LibraryStoppedError("The run was stopped.", help="The next try resumes here.")


def _batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
