"""Run triggers as a triggerer does, without waiting."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

from airflow_provider_imagekit.compat import TriggerEvent
from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger


class Waits:
    """Records the waits, and raises TimeoutError after a maximum number of them."""

    def __init__(self, maximum: int = 5) -> None:
        self.seconds: list[float] = []
        self.maximum = maximum
        self.between: dict[int, Any] = {}

    async def __call__(self, seconds: float) -> None:
        if len(self.seconds) == self.maximum:
            raise TimeoutError
        self.seconds.append(seconds)
        self.between.get(len(self.seconds), lambda: None)()


def fired(trigger: PHashDistanceTrigger, waits: Waits) -> Any:
    trigger.sleep = waits

    async def first() -> TriggerEvent | None:
        return await anext(trigger.run(), None)

    event = asyncio.run(first())
    assert event is not None
    return json.loads(json.dumps(event.payload, allow_nan=False))


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


def checks() -> list[threading.Thread]:
    """Return the threads of the running checks."""
    return [thread for thread in threading.enumerate() if thread.name == "imagekit-poll"]


async def first(trigger: PHashDistanceTrigger) -> Any:
    return (await anext(trigger.run())).payload


async def longest_stall(trigger: PHashDistanceTrigger) -> float:
    """Return how long the event loop was blocked while a trigger checked and fired."""
    loop, worst = asyncio.get_running_loop(), 0.0
    check = asyncio.ensure_future(first(trigger))
    while not check.done():
        before = loop.time()
        await asyncio.sleep(0.01)
        worst = max(worst, loop.time() - before)
    assert (await check)["status"] == "matched"
    return worst
