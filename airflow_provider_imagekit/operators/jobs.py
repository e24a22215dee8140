"""Operators that start a job on the caches or on a folder and wait until it is completed."""

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
# Seconds after its own deadline in which a trigger can still fire before Airflow times it out.
_GRACE: Final = 60.0


class _JobOperator(WritingOperator):
    """Starts a job and waits for it: in the triggerer if deferrable, otherwise on the worker."""

    #: Sleeps between checks; tests replace it with their own clock.
    sleep: Callable[[float], None] = staticmethod(time.sleep)
    #: Returns the time in seconds since 1970.
    clock: Callable[[], float] = staticmethod(time.time)

    _kind: ClassVar[str]

    wait: bool | str
    deferrable: bool
    poke_interval: float | str
    timeout: float | str

    def execute(self, context: Context) -> Any:  # noqa: RET503 - defer() does not return
        """Start the job and wait for it; see the class."""
        self._label(context)
        with fail_without_retry():
            request, plan = self._request()
            waits, timeout = flag(self.wait, "wait"), number(self.timeout, "timeout", least=1)
            interval = number(self.poke_interval, "poke_interval", least=1)
            if self._only_plan(plan):
                return {"dry_run": True, "status": None}
            response = self.hook.call(request)
        job_id = str(response.get("requestId") or response.get("jobId") or "")
        if not job_id:
            raise self._failed("The response contains no job id.")
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
        """Return the trigger's result, or fail without a retry, which would start the job again."""
        try:
            return {"dry_run": False, **read_event(event)}
        except (TimeoutError, ImageKitError) as error:
            raise self._failed(str(error)) from error

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the deferral. A failed trigger fails the task without starting the job again."""
        if next_method == DEFERRAL_FAILED:
            raise self._failed(f"The trigger failed: {(next_kwargs or {}).get('error', 'unknown')}.")
        return super().resume_execution(next_method, next_kwargs, context)

    @abstractmethod
    def _request(self) -> tuple[Request, str]:
        """Return the request that starts the job, and the plan as text."""

    def _wait_here(self, job_id: str, interval: float, timeout: float) -> dict[str, Any]:
        deadline = self.clock() + timeout
        while True:
            found = self._check(job_id)
            self.log.info("%s", found.reason)
            if found.matched and found.value is not None:
                return {"dry_run": False, **found.value}
            if self.clock() + interval > deadline:
                raise self._failed(f"The timeout is over. {found.reason}")
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
            f"{reason} ImageKit has accepted the job and continues it, so the task does not start it again."
        )


class PurgeCacheOperator(_JobOperator):
    """
    Purge a delivery URL from ImageKit's caches and wait until the purge is completed.

    :param url: the URL; with ``*`` at its end, all URLs with this prefix. A plan includes a limited number of
        purges a month. (templated)
    :param wait: whether to wait until the purge is completed, by default true. (templated)
    :param poke_interval: seconds between two status checks, by default 10. (templated)
    :param timeout: maximum seconds to wait, by default 3600. (templated)
    :param deferrable: whether to wait in the triggerer, where checks are at least 5 seconds apart; by default
        Airflow's option ``[operators] default_deferrable``.
    :param dry_run: whether to log the plan and purge nothing, by default false. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ``dry_run``, ``request_id`` and ``status`` (``Completed``, or ``Pending`` without ``wait``).
    :raises AirflowFailException: for an error that a retry cannot fix, or if the purge was accepted and did
        not complete in time.
    :raises ImageKitError: for any other error.
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
    Copy, move or rename a folder of the media library and wait until the job is completed.

    While the job is pending, ImageKit refuses other changes to the folder's files (423). The request is not
    repeated when its response is lost, and a task whose wait fails is not retried: both would start the job
    again.

    :param action: ``copy``, ``move`` or ``rename``. (templated)
    :param folder: path of the folder, such as ``/products/2026``. (templated)
    :param destination: for ``copy`` and ``move``: path of the new parent folder; for ``rename``: the new
        name, without a path. (templated)
    :param include_versions: for ``copy``: whether to copy older versions of the files, too; by default false.
        (templated)
    :param purge_cache: for ``rename``: whether to purge the files from the caches, by default false.
        (templated)
    :param wait: whether to wait until the job is completed, by default true. (templated)
    :param poke_interval: seconds between two status checks, by default 10. (templated)
    :param timeout: maximum seconds to wait, by default 3600. (templated)
    :param deferrable: whether to wait in the triggerer, where checks are at least 5 seconds apart; by default
        Airflow's option ``[operators] default_deferrable``.
    :param dry_run: whether to log the plan and change nothing, by default false. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ``dry_run``, ``job_id``, ``type`` and ``status`` (``Completed``, or ``Pending`` without
        ``wait``).
    :raises AirflowFailException: for an error that a retry cannot fix, or if the job was accepted and did not
        complete in time.
    :raises ImageKitError: for any other error.
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
