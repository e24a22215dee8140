"""Operators that start a job, on the caches or on a folder, and wait for its end."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow_provider_imagekit.arguments import choice, flag, number, text
from airflow_provider_imagekit.client import changes
from airflow_provider_imagekit.client.endpoints import mask_signature, parse_url
from airflow_provider_imagekit.compat import AirflowFailException, conf
from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitInputError
from airflow_provider_imagekit.gates.jobs import FOLDER, PURGE, check_job
from airflow_provider_imagekit.gates.polling import Poll, not_yet
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.base import (
    CONNECTION_ARGUMENTS,
    DEFERRAL_FAILED,
    fail_without_retry,
)
from airflow_provider_imagekit.operators.base_write import WritingOperator
from airflow_provider_imagekit.triggers.event import read_event
from airflow_provider_imagekit.triggers.waiting import JobTrigger

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.endpoints import Request
    from airflow_provider_imagekit.compat import Context

__all__ = ["FolderJobOperator", "PurgeCacheOperator"]

_ACTIONS: Final = ("copy", "move", "rename")
# Seconds that Airflow gives a trigger to fire after its own deadline.
_GRACE: Final = 60.0


class _JobOperator(WritingOperator):
    """Asks for a job, and waits: in the triggerer if deferrable, else here."""

    #: How it waits between checks; a test puts its own clock here.
    sleep: Callable[[float], None] = staticmethod(time.sleep)
    #: What the time is, in seconds since 1970.
    clock: Callable[[], float] = staticmethod(time.time)

    _kind: ClassVar[str]

    wait: bool | str
    deferrable: bool
    poke_interval: float | str
    timeout: float | str

    def execute(self, context: Context) -> Any:  # noqa: RET503 - defer() does not return
        """Ask for the job, and wait; see the class."""
        self._label(context)
        with fail_without_retry():
            request, plan = self._request()
            waits, timeout = flag(self.wait, "wait"), number(self.timeout, "timeout", least=1)
            interval = number(self.poke_interval, "poke_interval", least=1)
            if self._only_plan(plan):
                return {"dry_run": True, "status": None}
            answer = self.hook.call(request)
        job_id = str(answer.get("requestId") or answer.get("jobId") or "")
        if not job_id:
            raise self._failed("The answer names no job.")
        self.log.info("ImageKit has accepted the %s job %s.", self._kind, job_id)
        if not waits:
            name = "request_id" if self._kind == PURGE else "job_id"
            return {"dry_run": False, name: job_id, "status": "Pending"}
        if not self.deferrable:
            return self._wait_here(job_id, interval, timeout)
        self.defer(
            trigger=JobTrigger(
                kind=self._kind,
                job_id=job_id,
                imagekit_conn_id=self.imagekit_conn_id,
                poke_interval=interval,
                deadline=self.clock() + timeout,
                **self.hook.limits.arguments(),
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=timeout + _GRACE),
        )

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:  # noqa: ARG002
        """Return what the trigger found, or fail: a retry would ask for the job a second time."""
        try:
            return {"dry_run": False, **read_event(event)}
        except (TimeoutError, ImageKitError) as error:
            raise self._failed(str(error)) from error

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the deferral; a trigger that failed does not have the job asked for again."""
        if next_method == DEFERRAL_FAILED:
            raise self._failed(f"The trigger failed: {(next_kwargs or {}).get('error', 'unknown')}.")
        return super().resume_execution(next_method, next_kwargs, context)

    @abstractmethod
    def _request(self) -> tuple[Request, str]:
        """Return the request that asks for the job, and the plan in words."""

    def _wait_here(self, job_id: str, interval: float, timeout: float) -> dict[str, Any]:
        deadline = self.clock() + timeout
        while True:
            found = self._check(job_id)
            self.log.info("%s", found.reason)
            if found.matched and found.value is not None:
                return {"dry_run": False, **found.value}
            if self.clock() + interval > deadline:
                raise self._failed(f"The time is over. {found.reason}")
            self.sleep(interval)

    def _check(self, job_id: str) -> Poll:
        try:
            return check_job(self.hook.get_conn(), self._kind, job_id)
        except ImageKitError as error:
            try:
                return not_yet(error)
            except ImageKitError:
                raise self._failed(str(error)) from error

    def _failed(self, reason: str) -> AirflowFailException:
        return AirflowFailException(
            f"{reason} ImageKit has accepted the job and goes on with it, so it is not asked for again."
        )


class PurgeCacheOperator(_JobOperator):
    """
    Purge a delivery URL from ImageKit's caches, and wait until that is done.

    :param url: the URL; with ``*`` at its end, all that begin so. Plans contain a number of purges a month.
        (templated)
    :param wait: whether to wait until the purge is completed, by default true. (templated)
    :param poke_interval: seconds between two looks at its status, by default 10. (templated)
    :param timeout: maximum seconds of waiting, by default 3600. (templated)
    :param deferrable: whether to wait in the triggerer, where checks come every 5 seconds at the most; by
        default what Airflow's ``[operators] default_deferrable`` says.
    :param dry_run: whether to log the plan and purge nothing, by default false. (templated)
    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds until one answer has arrived whole, instead of the Connection's
        ``timeout``. (templated)
    :param max_retries: maximum repetitions of a request, instead of the Connection's. (templated)
    :param max_calls: maximum requests of a try of this task, each repetition counted; one more fails the
        task, without another try. By default there is no maximum. (templated)
    :return: ``dry_run``, ``request_id`` and ``status`` (``Completed``, or ``Pending`` without ``wait``).
    :raises AirflowFailException: from an error after which a retry cannot help, or if the purge was accepted
        and did not complete in time.
    :raises ImageKitError: for everything else that goes wrong.
    """

    template_fields: Sequence[str] = (
        "url",
        "wait",
        "poke_interval",
        "timeout",
        "dry_run",
        *CONNECTION_ARGUMENTS,
    )
    label_arguments = ("url",)
    _kind = PURGE

    def __init__(
        self,
        *,
        url: str,
        wait: bool | str = True,
        poke_interval: float | str = 10,
        timeout: float | str = 3600,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        dry_run: bool | str = False,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.url = url
        self.wait = wait
        self.poke_interval = poke_interval
        self.timeout = timeout
        self.deferrable = deferrable
        self.dry_run = dry_run
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)

    def _request(self) -> tuple[Request, str]:
        url = parse_url(text(self.url, "url"), "url")
        return changes.purge_cache(url), f"Plan: purge {mask_signature(url)}."


class FolderJobOperator(_JobOperator):
    """
    Copy, move or rename a folder of the media library, and wait until that is done.

    While the job is pending, ImageKit refuses other changes of its files (423). The request is not repeated
    when its answer is lost, and a task whose wait fails is not retried: both would ask for the job again.

    :param action: ``copy``, ``move`` or ``rename``. (templated)
    :param folder: path of the folder, such as ``/products/2026``. (templated)
    :param destination: for ``copy`` and ``move``: path of the folder that is to contain it; for ``rename``:
        its new name, without a path. (templated)
    :param include_versions: for ``copy``: whether older versions of the files are copied, too; by default
        false. (templated)
    :param purge_cache: for ``rename``: whether its files are purged from the caches, by default false.
        (templated)
    :param wait: whether to wait until the job is completed, by default true. (templated)
    :param poke_interval: seconds between two looks at its status, by default 10. (templated)
    :param timeout: maximum seconds of waiting, by default 3600. (templated)
    :param deferrable: whether to wait in the triggerer, where checks come every 5 seconds at the most; by
        default what Airflow's ``[operators] default_deferrable`` says.
    :param dry_run: whether to log the plan and change nothing, by default false. (templated)
    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds until one answer has arrived whole, instead of the Connection's
        ``timeout``. (templated)
    :param max_retries: maximum repetitions of a request, instead of the Connection's. (templated)
    :param max_calls: maximum requests of a try of this task, each repetition counted; one more fails the
        task, without another try. By default there is no maximum. (templated)
    :return: ``dry_run``, ``job_id``, ``type`` and ``status`` (``Completed``, or ``Pending`` without
        ``wait``).
    :raises AirflowFailException: from an error after which a retry cannot help, or if the job was accepted
        and did not complete in time.
    :raises ImageKitError: for everything else that goes wrong.
    """

    template_fields: Sequence[str] = (
        "action",
        "folder",
        "destination",
        "include_versions",
        "purge_cache",
        "wait",
        "poke_interval",
        "timeout",
        "dry_run",
        *CONNECTION_ARGUMENTS,
    )
    label_arguments = ("folder",)
    _kind = FOLDER

    def __init__(
        self,
        *,
        action: str,
        folder: str,
        destination: str,
        include_versions: bool | str = False,
        purge_cache: bool | str = False,
        wait: bool | str = True,
        poke_interval: float | str = 10,
        timeout: float | str = 3600,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        dry_run: bool | str = False,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.action = action
        self.folder = folder
        self.destination = destination
        self.include_versions = include_versions
        self.purge_cache = purge_cache
        self.wait = wait
        self.poke_interval = poke_interval
        self.timeout = timeout
        self.deferrable = deferrable
        self.dry_run = dry_run
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)

    def _request(self) -> tuple[Request, str]:
        action = choice(self.action, "action", _ACTIONS)
        folder, destination = text(self.folder, "folder"), text(self.destination, "destination")
        versions, purge = (
            flag(self.include_versions, "include_versions"),
            flag(self.purge_cache, "purge_cache"),
        )
        if not folder.strip("/"):
            raise ImageKitInputError("folder is the whole media library.", help="Name a folder below it.")
        if action == "rename" and "/" in destination:
            raise ImageKitInputError(
                f"destination is {destination!r}, which is a path.",
                help="To rename, pass the new name alone.",
            )
        plan = f"Plan: {action} the folder {folder} {'as' if action == 'rename' else 'into'} {destination}."
        if action == "copy":
            return changes.copy_folder(folder, destination, include_versions=versions), plan
        if action == "move":
            return changes.move_folder(folder, destination), plan
        return changes.rename_folder(folder, destination, purge=purge), plan
