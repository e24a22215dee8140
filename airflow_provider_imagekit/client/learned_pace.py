"""The pace that ImageKit's refusals teach, for runs without ``requests_per_second``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["LearnedPace"]

# Evenly spaced requests at nine tenths of a limit fit into each of its intervals, wherever those begin.
_SHARE = 0.9
_SHARE_OF_OBSERVED = 0.7
_FEWEST_OBSERVED = 20
_OBSERVED_SECONDS = 5.0
_SLOWEST = 0.5
# A higher one is a server without a limit.
_FASTEST = 1000.0
_LASTS_SECONDS = 900.0


class LearnedPace:
    """
    Derives a rate from 429 answers and forgets it a quarter of an hour after the last one.

    :param clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=1000)
        self._rate: float | None = None
        self._until = 0.0

    @property
    def rate(self) -> float | None:
        """Requests per second; ``None`` as long as nothing was learned."""
        return self._rate if self._clock() < self._until else None

    def count(self) -> None:
        """Note that a request goes out."""
        self._sent.append(self._clock())

    def refuse(self, requests_per_second: float | None) -> None:
        """
        Note a 429.

        :param requests_per_second: the limit that it names; ``None`` if it names none: then the rate of the
            last seconds was too high.
        """
        rate = _SHARE * requests_per_second if requests_per_second else self._slower()
        if rate is None or rate > _FASTEST:
            return
        now = self.rate
        self._rate = rate if requests_per_second or now is None else min(rate, now)
        self._until = self._clock() + _LASTS_SECONDS

    def _slower(self) -> float | None:
        end = self._clock()
        sent = [time for time in self._sent if time > end - _OBSERVED_SECONDS]
        if len(sent) < _FEWEST_OBSERVED or end <= sent[0]:
            return None
        # What is observed is over and begins again at the new pace.
        self._sent.clear()
        return max(_SHARE_OF_OBSERVED * len(sent) / (end - sent[0]), _SLOWEST)
