"""Poll a job once; workers and triggerers share this code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.gates.polling import CHECK_LIMITS, Poll

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient

__all__ = ["FOLDER", "PURGE", "check_job"]

FOLDER, PURGE = "folder", "purge"


def check_job(client: ImageKitClient, kind: str, job_id: str) -> Poll:
    """
    Check whether a job is completed.

    :param client: the client to use.
    :param kind: ``folder`` or ``purge``.
    :param job_id: id of the job, or of the purge's request.
    """
    found: dict[str, Any]
    if kind == PURGE:
        found = {"request_id": job_id, "status": client.get_purge_status(job_id, limits=CHECK_LIMITS)}
    else:
        found = {"job_id": job_id, **client.get_folder_job(job_id, limits=CHECK_LIMITS)}
        found.pop("jobId", None)
    status = str(found.get("status"))
    return Poll(status.lower() == "completed", found, f"The {kind} job {job_id} is {status.lower()}.")
