"""The sensor that waits until less than a share of the plan is used."""

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
    Wait until less than a share of the plan is used this month (UTC), such as for the next month to begin.

    A rate limit, a server error or a lost connection means "not yet". A wrong key fails the task at once.

    :param limits: what the plan contains in a month, by counter, as for
        :class:`~airflow_provider_imagekit.operators.usage.UsageOperator`. (templated)
    :param max_share: the share of each below which the usage must be: 0.8, or ``80%``. (templated)
    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds until one answer has arrived whole, instead of the Connection's
        ``timeout``. (templated)
    :param max_retries: maximum repetitions of a request, instead of 2; a check repeats requests for 5 seconds
        at the most. (templated)
    :param max_calls: maximum requests of the whole wait, in reschedule mode of one check, each repetition
        counted; one more fails the task, without another try. By default there is no maximum. (templated)
    :param deferrable: whether to wait in the triggerer, where checks come every 5 seconds at the most; by
        default what Airflow's ``[operators] default_deferrable`` says.
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
        """Check once, then wait as the mode says."""
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
