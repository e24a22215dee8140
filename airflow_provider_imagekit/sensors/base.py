"""Base class of the ImageKit sensors: modes, deferral, timeouts and the end of the wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_imagekit.compat import (
    AIRFLOW_3,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
)
from airflow_provider_imagekit.exceptions import CallLimitError, ImageKitAuthError, ImageKitError
from airflow_provider_imagekit.gates.polling import Poll, not_yet, until_next_check
from airflow_provider_imagekit.operators.base import DEFERRAL_FAILED, ImageKitTask
from airflow_provider_imagekit.triggers.base_polling import MIN_POKE_INTERVAL
from airflow_provider_imagekit.triggers.event import read_event

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.compat import Context
    from airflow_provider_imagekit.triggers.base_polling import PollingTrigger

__all__ = ["MIN_RESCHEDULE_INTERVAL", "ImageKitSensor"]

# Error texts of Airflow 3 and Airflow 2 for a deferral that timed out; older versions have no type for it.
_DEFERRAL_TIMEOUTS = ("Trigger timeout", "Trigger/execution timeout")

#: Minimum seconds between two checks in reschedule mode on Airflow 3. The process of a check can continue for
#: 5 seconds after it, and Airflow fails a task whose next check starts meanwhile (apache/airflow#71580).
MIN_RESCHEDULE_INTERVAL = 10.0


class ImageKitSensor(ImageKitTask, BaseSensorOperator):
    """
    Base of the sensors: poke, reschedule and deferrable mode have the same outcome on every Airflow version.

    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param deferrable: whether to wait in the triggerer.
    :param request_timeout: maximum seconds for one request, from connecting to the complete response.
        (templated)
    :param max_retries: maximum retries of one request; a check retries for at most 5 seconds. (templated)
    :param max_calls: maximum requests in the whole wait. (templated)
    """

    _last_reason = ""

    def __init__(
        self,
        *,
        imagekit_conn_id: str,
        deferrable: bool,
        request_timeout: float | str | None,
        max_retries: int | str | None,
        max_calls: int | str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._limit_requests(request_timeout, max_retries, max_calls)
        self.imagekit_conn_id = imagekit_conn_id
        self.deferrable = deferrable

    def _check(self, check: Callable[[ImageKitClient], Poll]) -> Poll:
        """Check once and log the result."""
        client = self.hook.get_conn()
        try:
            found = _poll(check, client)
        except ImageKitAuthError:
            # The key may have been rotated during the wait, so read the Airflow Connection once more.
            renewed = self.hook.get_conn(refresh=True)
            if renewed is client:
                raise
            found = _poll(check, renewed)
        except CallLimitError as error:
            self._fail(error)
        self._last_reason = found.reason
        self.log.info("%s", found.reason)
        return found

    def _check_or_defer(
        self,
        context: Context,
        check: Callable[[ImageKitClient], Poll],
        trigger: Callable[..., PollingTrigger],
        **arguments: Any,
    ) -> Any:
        """Check once and, if the wait is not over, defer to a trigger."""
        try:
            found = self._check(check)
        except ImageKitError as error:
            if not self.silent_fail:
                self._fail(error)
            self.log.error("The check failed: %s", error)
        else:
            if found.matched:
                return found.value
        maximum, now = self._maximum_deferral(context), time.time()
        interval = max(self.poke_interval, MIN_POKE_INTERVAL)
        self.log.info("%s", until_next_check(interval, maximum.total_seconds()))
        return self.defer(
            trigger=trigger(
                imagekit_conn_id=self.imagekit_conn_id,
                poke_interval=self.poke_interval,
                exponential_backoff=self.exponential_backoff,
                max_poke_interval=self.max_wait.total_seconds() if self.max_wait else None,
                silent_fail=self.silent_fail,
                deadline=now + maximum.total_seconds(),
                next_check=now + interval,
                **self.hook.limits.arguments(),
                **arguments,
            ),
            method_name="execute_complete",
            timeout=maximum,
        )

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:  # noqa: ARG002
        """Return the value of the trigger's event, or raise its error."""
        try:
            return read_event(event)
        except TimeoutError as reason:
            self._raise_timeout(str(reason))
        except ImageKitError as error:
            self._fail(error)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:  # noqa: RET503
        """
        Resume after the deferral, with the outcome of the other modes on every Airflow version.

        ``soft_fail`` skips only when the ``timeout`` is over. Airflow's own method would also skip after a
        crashed trigger, Airflow 2 would retry after a timeout, and ``never_fail`` would skip after one.
        """
        self._label(context)
        if next_method != DEFERRAL_FAILED:
            return getattr(self, next_method)(context, **(next_kwargs or {}))
        reason = (next_kwargs or {}).get("error", "unknown")
        reason = str(getattr(reason, "value", reason))
        if reason not in _DEFERRAL_TIMEOUTS:
            for line in (next_kwargs or {}).get("traceback") or ():
                self.log.error("%s", line.rstrip())
            self._fail(ImageKitError(f"The trigger failed: {reason}"))
        self._raise_timeout()

    def _wait_here(self, context: Context) -> Any:
        """Wait in Airflow's own loop, and add the last check's reason to its timeout error."""
        self._apply_minimum_interval()
        try:
            return super().execute(context)
        except AirflowSkipException as skip:
            if isinstance(skip.__cause__, AirflowFailException):  # soft_fail skips only at a timeout
                raise skip.__cause__ from None
            raise
        except AirflowSensorTimeout as error:
            if not self._last_reason:
                raise
            raise AirflowSensorTimeout(f"{error} The last check: {self._last_reason}") from None

    def _apply_minimum_interval(self) -> None:
        if AIRFLOW_3 and self.reschedule and self.poke_interval < MIN_RESCHEDULE_INTERVAL:
            self.log.warning(
                "poke_interval is %g s; in reschedule mode Airflow 3 can fail a task whose checks are "
                "less than %g s apart, so %g s is used.",
                self.poke_interval,
                MIN_RESCHEDULE_INTERVAL,
                MIN_RESCHEDULE_INTERVAL,
            )
            self.poke_interval = MIN_RESCHEDULE_INTERVAL
            if self.max_wait is not None:
                self.max_wait = max(self.max_wait, timedelta(seconds=MIN_RESCHEDULE_INTERVAL))

    def _maximum_deferral(self, context: Context) -> timedelta:
        """
        Return the maximum time of a deferral.

        According to Airflow's documentation, the time of a deferral counts towards ``execution_timeout``.
        Airflow 2 ensures that, Airflow 3 does not (apache/airflow#69678).
        """
        timeout = timedelta(seconds=self.timeout)
        if not self.execution_timeout:
            return timeout
        left = context["ti"].start_date + self.execution_timeout - datetime.now(UTC)
        return max(min(timeout, left), timedelta(0))

    def _get_next_poke_interval(
        self, started_at: datetime | float, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        """Return and log the seconds until the next check, which Airflow computes."""
        interval = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        self.log.info("%s", until_next_check(interval, self.timeout - run_duration(), beyond=True))
        return interval

    def _raise_timeout(self, reason: str = "") -> NoReturn:
        found = f" The last check: {reason}" if reason else ""
        if self.execution_timeout and self.execution_timeout <= timedelta(seconds=self.timeout):
            raise AirflowTaskTimeout(f"The execution_timeout of {self.execution_timeout} is over.{found}")
        message = f"Sensor has timed out; the specified timeout is {self.timeout:g} s.{found}"
        if self.soft_fail:
            raise AirflowSkipException(message)
        raise AirflowSensorTimeout(message)

    def _fail(self, error: ImageKitError) -> NoReturn:
        if self.never_fail:
            raise AirflowSkipException("Skipping due to never_fail is set to True.") from error
        if isinstance(error, CallLimitError):
            raise AirflowFailException(str(error)) from None  # one error in the log
        raise error


def _poll(check: Callable[[ImageKitClient], Poll], client: ImageKitClient) -> Poll:
    try:
        return check(client)
    except ImageKitError as error:
        return not_yet(error)
