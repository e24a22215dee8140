"""A trigger that kills its triggerer at a point that a test selects."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_imagekit.compat import TriggerEvent
from airflow_provider_imagekit.triggers.files import ImageKitFilesTrigger
from airflow_provider_imagekit.triggers.files_stream import FilesProducer, PollResult

__all__ = ["POINTS", "KillingTrigger", "arm"]

POINTS = ("before the yield", "between yield and database", "before the watermark")


def _order() -> Path:
    return Path(os.environ["AIRFLOW_HOME"]) / "kill"


def arm(home: Path, point: str) -> None:
    """Schedule a kill of Airflow's triggerer for the next time that it reaches a point."""
    (home / "kill.new").write_text(point)
    (home / "kill.new").rename(home / "kill")


def reach(point: str) -> None:
    """Kill the triggerer, starting with its supervisor, if a kill is scheduled for this point."""
    order = _order()
    if order.exists() and order.read_text() == point:
        order.unlink()
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


class KillingProducer(FilesProducer):
    """A poll that can be killed before a watermark is stored."""

    async def advance(self, batch: Sequence[Any]) -> None:
        if any(item.broker_payload.cursors for item in batch):
            reach("before the watermark")
        await super().advance(batch)


class KillingTrigger(ImageKitFilesTrigger):
    """A trigger that can be killed before and after its events."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__name__}", super().serialize()[1]

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> Any:
        trigger = cls(**kwargs)
        return KillingProducer(trigger.shared_stream_key(), trigger._poller(), cls.sleep)

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[PollResult]
    ) -> AsyncIterator[TriggerEvent]:
        async for event in super().filter_shared_stream(shared_stream):
            reach("before the yield")
            yield event
            # The runner has received the event; its supervisor, which writes to the database, has not.
            reach("between yield and database")
