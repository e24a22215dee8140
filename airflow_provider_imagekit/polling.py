"""One check of a gate, the same for a sensor's worker and for a triggerer."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitNotFoundError
from airflow_provider_imagekit.retry import RetryLimits

if TYPE_CHECKING:
    from airflow_provider_imagekit.client import ImageKitClient
    from airflow_provider_imagekit.similarity.gate import PHashGate

__all__ = ["Poll", "is_not_yet", "poll"]

# A check repeats what mends itself within seconds; for anything longer the next check is the retry.
_LIMITS = RetryLimits(max_retries=2, max_wait=5.0)


@dataclass(frozen=True, slots=True)
class Poll:
    """
    What one check found.

    :param matched: whether the wait is over.
    :param value: the XCom value; ``None`` if there is no verdict yet.
    :param reason: one sentence for the log.
    """

    matched: bool
    value: dict[str, Any] | None
    reason: str


def poll(gate: PHashGate, client: ImageKitClient) -> Poll:
    """
    Check a gate once.

    :raises ImageKitError: if waiting cannot mend it: a wrong key, a bad request, a file without pHash.
    """
    try:
        verdict = gate.check(functools.partial(client.get_phash, limits=_LIMITS))
    except ImageKitError as error:
        if not is_not_yet(error):
            raise
        return Poll(matched=False, value=None, reason=f"Not yet: {error}")
    return Poll(matched=verdict.matched, value=verdict.as_xcom(), reason=verdict.reason)


def is_not_yet(error: ImageKitError) -> bool:
    """Tell whether a wait goes on after an error: it may pass by itself, or the file may still come."""
    return error.retryable or isinstance(error, ImageKitNotFoundError)
