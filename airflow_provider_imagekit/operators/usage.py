"""Operator that checks how much of the plan is used."""

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
    Check the account's usage of this month (UTC), and fail or skip if a share of the plan is used.

    The API does not return the limits of a plan, so pass them as ``limits``.
    :class:`~airflow_provider_imagekit.sensors.usage.UsageSensor` is a sensor that waits until less is used.

    :param limits: monthly limits of the plan by counter: ``bandwidthBytes``, ``mediaLibraryStorageBytes``,
        ``originalCacheStorageBytes``, ``extensionUnitsCount``, ``videoProcessingUnitsCount``. (templated)
    :param max_share: share of each limit at which it counts as reached: 0.8, or ``80%``. (templated)
    :param on_exceeded: how to handle a reached limit: ``fail`` without another try (the default), ``skip``
        the task, or ``continue``. (templated)
    :param imagekit_conn_id: id of the :ref:`Airflow Connection <howto/connection:imagekit>`; by default
        ``imagekit_default``. (templated)
    :param request_timeout: maximum seconds for one request, from connecting to the complete response; by
        default the Connection's ``timeout``. (templated)
    :param max_retries: maximum retries of one request; by default the Connection's ``max_retries``.
        (templated)
    :param max_calls: maximum requests in one task try, retries of requests included. One more request fails
        the task without another try. By default unlimited. (templated)
    :return: ``usage`` (the five counters), ``shares`` and ``exceeded`` by counter, ``start_date``,
        ``end_date``.
    :raises AirflowFailException: if the share is reached, or for an error that a retry cannot fix.
    :raises ImageKitError: for any other error.
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
        """Check the usage; see the class."""
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
