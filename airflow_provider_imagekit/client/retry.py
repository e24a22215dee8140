"""When to repeat a request, and how long to wait before: a pure decision."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitRateLimitError

__all__ = ["RetryLimits"]

_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 30.0


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """
    How far one call goes in repeating a request.

    :param max_retries: most repetitions after the first try.
    :param max_wait: most seconds that one call waits in all, for rate limits and between tries.
    """

    max_retries: int = 5
    max_wait: float = 120.0

    def delay(self, error: ImageKitError, *, retries: int, waited: float, jitter: float) -> float | None:
        """
        Return the seconds to wait before the next try, or ``None`` to give up.

        After 429 that is the time until the reset, which ImageKit gives in milliseconds, and never less; else
        0.5 s, 1 s, 2 s … 30 s. The jitter keeps tasks that were refused together from coming back together.

        :param error: what the last try met.
        :param retries: repetitions so far.
        :param waited: seconds that this call has waited so far.
        :param jitter: a random number, 0 to 1.
        """
        if not error.retryable or retries >= self.max_retries:
            return None
        backoff = min(_FIRST_BACKOFF * 2**retries, _LONGEST_BACKOFF)
        if isinstance(error, ImageKitRateLimitError) and error.reset_ms is not None:
            delay = error.reset_ms / 1000 + min(backoff, 1.0) * jitter
        else:
            delay = backoff * (0.5 + 0.5 * jitter)
        return delay if waited + delay <= self.max_wait else None
