"""How a sensor of ImageKit waits: its deferral, its clocks, and how its wait ends."""

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

# What Airflow 3 and Airflow 2 call a deferral whose time is over; older ones have no type for it.
_TIME_IS_OVER = ("Trigger timeout", "Trigger/execution timeout")

#: Minimum seconds between two checks in reschedule mode on Airflow 3: the process of a check can outlive it
#: by 5 seconds, and Airflow fails a task whose next check begins meanwhile (apache/airflow#71580).
MIN_RESCHEDULE_INTERVAL = 10.0


class ImageKitSensor(ImageKitTask, BaseSensorOperator):
    """
    Base of the sensors: the same outcome in poke, reschedule and deferrable mode, on every Airflow.

    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param deferrable: whether to wait in the triggerer.
    :param request_timeout: maximum seconds until one answer has arrived whole. (templated)
    :param max_retries: maximum repetitions of a request within the 5 seconds of a check. (templated)
    :param max_calls: maximum requests of the whole wait. (templated)
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

    def _check(self, look: Callable[[ImageKitClient], Poll]) -> Poll:
        """Check once, and log what was found."""
        client = self.hook.get_conn()
        try:
            found = _looked(look, client)
        except ImageKitAuthError:
            # The key may have been rotated while we waited: one more look at the Airflow Connection.
            renewed = self.hook.get_conn(refresh=True)
            if renewed is client:
                raise
            found = _looked(look, renewed)
        except CallLimitError as error:
            self._fail(error)
        self._last_reason = found.reason
        self.log.info("%s", found.reason)
        return found

    def _check_or_defer(
        self,
        context: Context,
        look: Callable[[ImageKitClient], Poll],
        trigger: Callable[..., PollingTrigger],
        **arguments: Any,
    ) -> Any:
        """Check once, and leave the wait to a trigger if it is not over."""
        try:
            found = self._check(look)
        except ImageKitError as error:
            if not self.silent_fail:
                self._fail(error)
            self.log.error("The check failed: %s", error)
        else:
            if found.matched:
                return found.value
        longest, now = self._longest_wait(context), time.time()
        interval = max(self.poke_interval, MIN_POKE_INTERVAL)
        self.log.info("%s", until_next_check(interval, longest.total_seconds()))
        return self.defer(
            trigger=trigger(
                imagekit_conn_id=self.imagekit_conn_id,
                poke_interval=self.poke_interval,
                exponential_backoff=self.exponential_backoff,
                max_wait=self.max_wait.total_seconds() if self.max_wait else None,
                silent_fail=self.silent_fail,
                deadline=now + longest.total_seconds(),
                next_check=now + interval,
                **self.hook.limits.arguments(),
                **arguments,
            ),
            method_name="execute_complete",
            timeout=longest,
        )

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:  # noqa: ARG002
        """Return the value of the trigger's event, or raise its error."""
        try:
            return read_event(event)
        except TimeoutError as reason:
            self._time_is_over(str(reason))
        except ImageKitError as error:
            self._fail(error)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:  # noqa: RET503
        """
        Resume after the deferral, on every Airflow version with the outcome that the other modes have.

        ``soft_fail`` skips when the ``timeout`` is over. Airflow's own method would skip after a crashed
        trigger, too, Airflow 2 would retry after a timeout, and ``never_fail`` would skip after one.
        """
        self._label(context)
        if next_method != DEFERRAL_FAILED:
            return getattr(self, next_method)(context, **(next_kwargs or {}))
        reason = (next_kwargs or {}).get("error", "unknown")
        reason = str(getattr(reason, "value", reason))
        if reason not in _TIME_IS_OVER:
            for line in (next_kwargs or {}).get("traceback") or ():
                self.log.error("%s", line.rstrip())
            self._fail(ImageKitError(f"The trigger failed: {reason}"))
        self._time_is_over()

    def _wait_here(self, context: Context) -> Any:
        """Wait in Airflow's own loop, and repeat the last reason when the time is over."""
        self._keep_checks_apart()
        try:
            return super().execute(context)
        except AirflowSkipException as skip:
            if isinstance(skip.__cause__, AirflowFailException):  # soft_fail skips at a timeout alone
                raise skip.__cause__ from None
            raise
        except AirflowSensorTimeout as error:
            if not self._last_reason:
                raise
            raise AirflowSensorTimeout(f"{error} The last check: {self._last_reason}") from None

    def _keep_checks_apart(self) -> None:
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

    def _longest_wait(self, context: Context) -> timedelta:
        """
        Return how long the task may be deferred.

        Its waiting counts for its ``execution_timeout``, says Airflow's documentation. Airflow 2 sees to that
        by itself, Airflow 3 does not (apache/airflow#69678).
        """
        timeout = timedelta(seconds=self.timeout)
        if not self.execution_timeout:
            return timeout
        left = context["ti"].start_date + self.execution_timeout - datetime.now(UTC)
        return max(min(timeout, left), timedelta(0))

    def _get_next_poke_interval(
        self, started_at: datetime | float, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        """Return the seconds until the next check, as Airflow computes them, and log them."""
        interval = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        self.log.info("%s", until_next_check(interval, self.timeout - run_duration(), beyond=True))
        return interval

    def _time_is_over(self, reason: str = "") -> NoReturn:
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


def _looked(look: Callable[[ImageKitClient], Poll], client: ImageKitClient) -> Poll:
    try:
        return look(client)
    except ImageKitError as error:
        return not_yet(error)
