"""Check a gate once; workers and triggerers share this code."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client.retry import RetryLimits
from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitNotFoundError, PHashMismatchError

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.gates.gate import LoadBank, PHashGate

__all__ = ["CHECK_LIMITS", "Poll", "is_not_yet", "look_up", "not_yet", "poll", "until_next_check"]

#: A check retries errors that pass within seconds; for longer ones the next check is the retry.
CHECK_LIMITS = RetryLimits(max_retries=2, max_wait=5.0)


@dataclass(frozen=True, slots=True)
class Poll:
    """
    Result of one check.

    :param matched: whether the wait is over.
    :param value: the XCom value; ``None`` if there is no verdict yet.
    :param reason: one sentence for the log.
    """

    matched: bool
    value: dict[str, Any] | None
    reason: str


def poll(
    gate: PHashGate, client: ImageKitClient, load_bank: LoadBank, *, stop_on_mismatch: bool = False
) -> Poll:
    """
    Check a gate once.

    :param gate: the gate to check.
    :param client: the client to use.
    :param load_bank: reads a file of hashes.
    :param stop_on_mismatch: whether a verdict that does not match also ends the wait.
    :raises ImageKitError: if waiting cannot fix it: a wrong key, a bad request, a file without pHash.
    :raises PHashMismatchError: with ``stop_on_mismatch``.
    """
    try:
        verdict = gate.check(functools.partial(client.get_phash, limits=CHECK_LIMITS), load_bank)
    except ImageKitError as error:
        return not_yet(error)
    if stop_on_mismatch and not verdict.matched:
        raise PHashMismatchError(verdict.reason)
    return Poll(matched=verdict.matched, value=verdict.as_xcom(), reason=verdict.reason)


def look_up(gate: PHashGate, client: ImageKitClient) -> PHashGate:
    """
    Return the gate with the picture replaced by its hash, which the client requests.

    :param gate: the gate.
    :param client: the client to use.
    :raises ImageKitError: as the client does.
    """
    return gate.with_phash(functools.partial(client.get_phash, limits=CHECK_LIMITS))


def not_yet(error: ImageKitError) -> Poll:
    """
    Return the result of a check that failed with an error that may pass.

    :param error: the error of the check.
    :raises ImageKitError: the error, if waiting cannot fix it.
    """
    if not is_not_yet(error):
        raise error
    return Poll(matched=False, value=None, reason=f"Not yet: {error}")


def until_next_check(wait: float, left: float, *, beyond: bool = False) -> str:
    """
    Describe when the next check is due and how long the wait can still last, for the log.

    :param wait: seconds until the next check.
    :param left: seconds until the wait is over; infinite if unknown.
    :param beyond: whether one more check runs after the end of the wait, as in Airflow's own loop.
    """
    rest = f"{max(left, 0):.0f} s left."
    if wait >= left:
        return f"{f'One more check in {wait:.0f} s' if beyond and left > 0 else 'No further check'}; {rest}"
    return f"Next check in {wait:.0f} s; {rest}" if left < math.inf else f"Next check in {wait:.0f} s."


def is_not_yet(error: ImageKitError) -> bool:
    """Return whether a wait continues after an error: it may pass, or the file may still be uploaded."""
    return error.retryable or isinstance(error, ImageKitNotFoundError)
