"""The operator that looks at how much of the plan is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.arguments import choice
from airflow_provider_imagekit.compat import AirflowFailException, AirflowSkipException
from airflow_provider_imagekit.gates.usage import UsageLimits
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.base import (
    CONNECTION_ARGUMENTS,
    ImageKitOperator,
    fail_without_retry,
)

if TYPE_CHECKING:
    from airflow_provider_imagekit.compat import Context

__all__ = ["UsageOperator"]

_ON_EXCEEDED: Final = ("fail", "skip", "continue")


class UsageOperator(ImageKitOperator):
    """
    Look at the account's usage of this month (UTC), and fail or skip if a share of the plan is used.

    The API does not return what a plan contains, so ``limits`` says it. A sensor that waits until less is
    used is :class:`~airflow_provider_imagekit.sensors.usage.UsageSensor`.

    :param limits: what the plan contains in a month, by counter: ``bandwidthBytes``,
        ``mediaLibraryStorageBytes``, ``originalCacheStorageBytes``, ``extensionUnitsCount``,
        ``videoProcessingUnitsCount``. (templated)
    :param max_share: the share of each from which on the limit counts as reached: 0.8, or ``80%``.
        (templated)
    :param on_exceeded: what that does: ``fail`` at once, ``skip`` the task, or ``continue``. (templated)
    :param imagekit_conn_id: the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds until one answer has arrived whole, instead of the Connection's
        ``timeout``. (templated)
    :param max_retries: maximum repetitions of a request, instead of the Connection's. (templated)
    :param max_calls: maximum requests of a try of this task, each repetition counted; one more fails the
        task, without another try. By default there is no maximum. (templated)
    :return: ``usage`` (the five counters), ``shares`` and ``exceeded`` by counter, ``start_date``,
        ``end_date``.
    :raises AirflowFailException: if the share is reached, or from an error after which a retry cannot help.
    :raises ImageKitError: for everything else that goes wrong.
    """

    template_fields: Sequence[str] = ("limits", "max_share", "on_exceeded", *CONNECTION_ARGUMENTS)

    def __init__(
        self,
        *,
        limits: Mapping[str, float] | str,
        max_share: float | str = 0.8,
        on_exceeded: str = "fail",
        imagekit_conn_id: str = ImageKitHook.default_conn_name,
        request_timeout: float | str | None = None,
        max_retries: int | str | None = None,
        max_calls: int | str | None = None,
        multiple_outputs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.limits = limits
        self.max_share = max_share
        self.on_exceeded = on_exceeded
        self.imagekit_conn_id = imagekit_conn_id
        self._limit_requests(request_timeout, max_retries, max_calls)

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at the usage; see the class."""
        self._label(context)
        with fail_without_retry():
            self.on_exceeded = choice(self.on_exceeded, "on_exceeded", _ON_EXCEEDED)
            limits = UsageLimits.parse(self.limits, self.max_share)
            found = limits.check(self.hook.get_conn(), limits=None)
        self.log.info("%s", found.reason)
        if not found.matched and self.on_exceeded == "skip":
            raise AirflowSkipException(found.reason)
        if not found.matched and self.on_exceeded == "fail":
            raise AirflowFailException(found.reason)
        return dict(found.value or {})
