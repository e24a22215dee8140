"""The plan of a run: which files it will fetch, and how many calls that costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Self

from airflow_provider_imagekit.io.progress import counted, duration_text
from airflow_provider_imagekit.library.worklist import State

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The files of a run by state, and the calls that follow.

    :param files: files of the selection.
    :param new: not in the table yet.
    :param changed: in the table, in another version.
    :param failed_before: in the table, with an error that may have been temporary.
    :param fetched_before: already fetched by an earlier try that did not finish; no call.
    :param unchanged: in the table and unchanged; no call.
    :param unreadable: ImageKit could not read this version before; no call.
    :param deleted: in the table, but no longer in the selection.
    :param list_calls: calls that the listing took.
    :param requests_per_second: rate of the Airflow Connection; ``None`` if it sets none.
    """

    files: int
    new: int
    changed: int
    failed_before: int
    fetched_before: int
    unchanged: int
    unreadable: int
    deleted: int
    list_calls: int
    requests_per_second: float | None

    @classmethod
    def of(
        cls,
        counts: Counter[State],
        *,
        deleted: int,
        list_calls: int,
        requests_per_second: float | None,
    ) -> Self:
        """Return the plan for the number of files in each state."""
        return cls(
            files=counts.total(),
            new=counts[State.NEW],
            changed=counts[State.CHANGED],
            failed_before=counts[State.FAILED_BEFORE],
            fetched_before=counts[State.FETCHED],
            unchanged=counts[State.UNCHANGED],
            unreadable=counts[State.UNREADABLE] + counts[State.FAILED],
            deleted=deleted,
            list_calls=list_calls,
            requests_per_second=requests_per_second,
        )

    @property
    def metadata_calls(self) -> int:
        """Return the number of metadata calls to make."""
        return self.new + self.changed + self.failed_before

    @property
    def seconds(self) -> float | None:
        """Return how many seconds these calls take at the connection's rate; ``None`` without a rate."""
        return round(self.metadata_calls / self.requests_per_second, 1) if self.requests_per_second else None

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON."""
        return asdict(self) | {"metadata_calls": self.metadata_calls, "seconds": self.seconds}

    def __str__(self) -> str:
        skipped = [
            (self.unchanged, "unchanged"),
            (self.fetched_before, "fetched by an earlier try"),
            (self.unreadable, "known to be unreadable"),
        ]
        calls = counted(self.metadata_calls, "metadata call")
        without_call = ", ".join(f"{count:,} {why}" for count, why in skipped if count) or "none"
        if self.seconds is None or self.requests_per_second is None:
            time = "the account's limit sets the rate, as the Airflow Connection has no requests_per_second"
        else:
            time = f"{duration_text(self.seconds)} at {counted(self.requests_per_second, 'request')} a second"
        return (
            f"{counted(self.files, 'file')} listed in {counted(self.list_calls, 'call')}. "
            f"To fetch: {self.new:,} new, {self.changed:,} changed, {self.failed_before:,} failed before. "
            f"Skipped: {without_call}. Deleted: {self.deleted:,}. Planned: {calls}; {time}."
        )
