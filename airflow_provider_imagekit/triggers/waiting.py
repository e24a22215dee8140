"""Triggers that poll a status until it is reached: jobs, purges, the account's usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.gates.jobs import check_job
from airflow_provider_imagekit.gates.usage import UsageLimits
from airflow_provider_imagekit.triggers.base_polling import PollingTrigger

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.gates.polling import Poll

__all__ = ["JobTrigger", "UsageTrigger"]


class JobTrigger(PollingTrigger):
    """
    Wait until a job on a folder, or a purge, is completed.

    :param kind: ``folder`` or ``purge``.
    :param job_id: id of the job, or of the purge's request.
    :param waiting: arguments of :class:`~airflow_provider_imagekit.triggers.base_polling.PollingTrigger`.
    """

    def __init__(self, *, kind: str, job_id: str, **waiting: Any) -> None:
        super().__init__(**waiting)
        self.kind = kind
        self.job_id = job_id

    def _arguments(self) -> dict[str, Any]:
        return {"kind": self.kind, "job_id": self.job_id}

    def _check_once(self, client: ImageKitClient) -> Poll:
        return check_job(client, self.kind, self.job_id)


class UsageTrigger(PollingTrigger):
    """
    Wait until less than a share of the plan is used.

    :param limits: the plan's monthly limit of each counter.
    :param max_share: maximum share of each limit that may be used, as a fraction.
    :param waiting: arguments of :class:`~airflow_provider_imagekit.triggers.base_polling.PollingTrigger`.
    """

    def __init__(self, *, limits: dict[str, float], max_share: float, **waiting: Any) -> None:
        super().__init__(**waiting)
        self.limits = UsageLimits(limits, max_share)

    def _arguments(self) -> dict[str, Any]:
        return {"limits": dict(self.limits.limits), "max_share": self.limits.max_share}

    def _check_once(self, client: ImageKitClient) -> Poll:
        return self.limits.check(client)
