"""The sensor that waits until less than a share of the plan is used."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.compat import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)
from airflow_provider_imagekit.exceptions import ImageKitError
from airflow_provider_imagekit.gates.polling import Poll, not_yet
from airflow_provider_imagekit.gates.usage import UsageLimits
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.base import ImageKitTask, fail_without_retry
from airflow_provider_imagekit.triggers.event import read_event
from airflow_provider_imagekit.triggers.waiting import UsageTrigger

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["UsageSensor"]

# Seconds that Airflow gives a trigger to fire after its own deadline.
_GRACE = 60.0


class UsageSensor(ImageKitTask, BaseSensorOperator):
    """
    Wait until less than a share of the plan is used this month (UTC), such as for the next month to begin.

    A rate limit, a server error or a lost connection means "not yet".

    :param limits: what the plan contains in a month, by counter, as for
        :class:`~airflow_provider_imagekit.operators.usage.UsageOperator`. (templated)
    :param max_share: the share of each below which the usage must be: 0.8, or ``80%``. (templated)
    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>`. (templated)
    :param deferrable: whether to wait in the triggerer, where checks come every 5 seconds at the most; by
        default what Airflow's ``[operators] default_deferrable`` says.
    :return: as XCom ``usage``, ``shares``, ``exceeded``, ``start_date``, ``end_date``.
    :raises AirflowFailException: from an error after which waiting cannot help.
    """

    template_fields: Sequence[str] = ("limits", "max_share", "imagekit_conn_id")

    def __init__(
        self,
        *,
        limits: Mapping[str, float] | str,
        max_share: float | str = 0.8,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.limits = limits
        self.max_share = max_share
        self.imagekit_conn_id = imagekit_conn_id
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Check once, then wait as the mode says."""
        self._label(context)
        if not self.deferrable:
            return super().execute(context)
        found = self._check()
        if found.matched:
            return found.value
        limits = UsageLimits.parse(self.limits, self.max_share)
        return self.defer(
            trigger=UsageTrigger(
                limits=dict(limits.limits),
                max_share=limits.max_share,
                imagekit_conn_id=self.imagekit_conn_id,
                poke_interval=self.poke_interval,
                deadline=time.time() + self.timeout,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout + _GRACE),
        )

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Check once."""
        found = self._check()
        return PokeReturnValue(is_done=found.matched, xcom_value=found.value)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:  # noqa: ARG002
        """Return what the trigger found, or raise what it met."""
        try:
            with fail_without_retry():
                return read_event(event)
        except TimeoutError as reason:
            error = AirflowSkipException if self.soft_fail else AirflowSensorTimeout
            raise error(f"The timeout of {self.timeout:g} s is over. The last check: {reason}") from None

    def _check(self) -> Poll:
        with fail_without_retry():
            limits = UsageLimits.parse(self.limits, self.max_share)
            try:
                found = limits.check(self.hook.get_conn())
            except ImageKitError as error:
                found = not_yet(error)
        self.log.info("%s", found.reason)
        return found
