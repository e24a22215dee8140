"""Sensor that waits until less than a share of the plan is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.compat import PokeReturnValue, conf
from airflow_provider_imagekit.gates.usage import UsageLimits
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.base import CONNECTION_ARGUMENTS
from airflow_provider_imagekit.sensors.base import ImageKitSensor
from airflow_provider_imagekit.triggers.waiting import UsageTrigger

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["UsageSensor"]


class UsageSensor(ImageKitSensor):
    """
    Wait until less than a share of the plan is used this month (UTC), for example until the next month.

    A rate limit, a server error or a lost connection means "not yet". A wrong key fails the task at once.

    :param limits: monthly limits of the plan by counter, as for
        :class:`~airflow_provider_imagekit.operators.usage.UsageOperator`. (templated)
    :param max_share: share of each limit below which the usage must be: 0.8, or ``80%``. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request, by default 2; a check retries for at most 5 seconds.
        (templated)
    :param max_calls: maximum requests in the whole wait (in reschedule mode, in one check), retries of
        requests included. One more request fails the task without another try. By default unlimited.
        (templated)
    :param deferrable: whether to wait in the triggerer, where checks are at least 5 seconds apart; by default
        Airflow's option ``[operators] default_deferrable``.
    :return: as XCom ``usage``, ``shares``, ``exceeded``, ``start_date``, ``end_date``.
    :raises ImageKitError: if waiting cannot help; see :mod:`airflow_provider_imagekit.exceptions`.
    """

    template_fields: Sequence[str] = ("limits", "max_share", *CONNECTION_ARGUMENTS)

    def __init__(
        self,
        *,
        limits: Mapping[str, float] | str,
        max_share: float | str = 0.8,
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            imagekit_conn_id=imagekit_conn_id,
            request_timeout=request_timeout,
            max_retries=max_retries,
            max_calls=max_calls,
            deferrable=deferrable,
            multiple_outputs=multiple_outputs,
            **kwargs,
        )
        self.limits = limits
        self.max_share = max_share

    def execute(self, context: Context) -> Any:
        """Check once, then wait in the configured mode."""
        self._label(context)
        limits = self._limits()
        if not self.deferrable:
            return self._wait_here(context)
        return self._check_or_defer(
            context, limits.check, UsageTrigger, limits=dict(limits.limits), max_share=limits.max_share
        )

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Check once."""
        found = self._check(self._limits().check)
        return PokeReturnValue(is_done=found.matched, xcom_value=found.value)

    def _limits(self) -> UsageLimits:
        return UsageLimits.parse(self.limits, self.max_share)
