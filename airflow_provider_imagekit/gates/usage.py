"""Check how much of its plan an account has used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import mapping, number
from airflow_provider_imagekit.exceptions import ImageKitInputError, ImageKitResponseError
from airflow_provider_imagekit.gates.polling import CHECK_LIMITS, Poll

if TYPE_CHECKING:
    from airflow_provider_imagekit.client.client import ImageKitClient
    from airflow_provider_imagekit.client.retry import RetryLimits

__all__ = ["COUNTERS", "UsageLimits"]

#: Usage counters of ImageKit.
COUNTERS = (
    "bandwidthBytes",
    "mediaLibraryStorageBytes",
    "originalCacheStorageBytes",
    "extensionUnitsCount",
    "videoProcessingUnitsCount",
)


@dataclass(frozen=True, slots=True)
class UsageLimits:
    """
    Monthly limits of a plan, and the share of them that may be used.

    :param limits: the plan's monthly limit of each counter.
    :param max_share: maximum share of each limit that may be used.
    """

    limits: Mapping[str, float]
    max_share: float

    @classmethod
    def parse(cls, limits: object, max_share: object) -> UsageLimits:
        """
        Parse an operator's arguments.

        :param limits: the plan's monthly limit of each counter.
        :param max_share: maximum share of each limit that may be used: 0.8, or ``80%``.
        :raises ImageKitInputError: for an unknown counter, a limit of 0, or an invalid share.
        """
        read = mapping(limits, "limits")
        if not read:
            raise ImageKitInputError(f"limits is {limits!r}.", help=f"Name {' or '.join(COUNTERS)}.")
        if unknown := next((name for name in read if name not in COUNTERS), ""):
            raise ImageKitInputError(f"limits names {unknown!r}.", help=f"Use {', '.join(COUNTERS)}.")
        text = str(max_share).strip()
        percent = text.endswith("%")
        share = number(text[:-1] if percent else max_share, "max_share", most=1000 if percent else 10)
        return cls(
            {name: number(value, f"limits[{name}]", least=1) for name, value in read.items()},
            share / 100 if percent else share,
        )

    def check(
        self, client: ImageKitClient, today: date | None = None, limits: RetryLimits | None = CHECK_LIMITS
    ) -> Poll:
        """
        Request the usage of this month, and compare it with the limits.

        :param client: the client to use.
        :param today: the current day; by default today in UTC.
        :param limits: limits for retries; by default those of a check, ``None`` for the client's own.
        :return: matched if every share is below ``max_share``; its value has ``usage``, ``shares``,
            ``exceeded``, ``start_date``, ``end_date``.
        """
        today = today or datetime.now(UTC).date()
        dates = {
            "start_date": today.replace(day=1).isoformat(),
            "end_date": (today + timedelta(days=1)).isoformat(),
        }
        usage = client.get_usage(**dates, limits=limits)
        shares = {name: _count(usage, name) / limit for name, limit in self.limits.items()}
        exceeded = sorted(name for name, share in shares.items() if share >= self.max_share)
        used = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        value: dict[str, Any] = {"usage": usage, "shares": shares, "exceeded": exceeded, **dates}
        return Poll(not exceeded, value, f"Used of the plan: {used}; the limit is {self.max_share:.0%}.")


def _count(usage: Mapping[str, Any], name: str) -> float:
    found = usage.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ImageKitResponseError(f"The usage has no number {name!r}: {found!r:.60}.")
    return found
