"""A library to watch, and a small triggerer that uses Airflow's own shared streams."""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.triggers.files import ImageKitFilesTrigger
from tests.support import PATIENCE

__all__ = ["QuickTrigger", "Store", "Triggerer", "names_in", "repeated_polls", "upload"]


async def _soon(_seconds: float) -> None:
    await asyncio.sleep(0.02)


class QuickTrigger(ImageKitFilesTrigger):
    """The trigger with a very short wait between polls."""

    sleep = staticmethod(_soon)


class Store:
    """The state store of an asset, with the methods of Airflow's."""

    def __init__(self, *failures: Exception) -> None:
        self.values: dict[str, Any] = {}
        self.writes = 0
        self.failures = list(failures)

    async def aget(self, key: str, default: Any = None) -> Any:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        return self.values.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        await asyncio.sleep(0)
        self.writes += 1
        self.values[key] = value


class Triggerer:
    """
    Runs triggers as Airflow's triggerer does, with a database that is a list.

    :param persist: whether events are stored in the database.
    :param confirm: whether the triggerer is notified that they are stored.
    """

    def __init__(self, database: list[Any], *, persist: bool = True, confirm: bool = True) -> None:
        self.streams = importlib.import_module("airflow.triggers.shared_stream").SharedStreamManager()
        self.database = database
        self.persist = persist
        self.confirm = confirm
        self.yielded = 0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, trigger: ImageKitFilesTrigger, store: Any) -> None:
        """Run a trigger whose asset has a state store."""
        trigger.asset_state_store = store
        self._tasks.append(asyncio.create_task(self._run(len(self._tasks), trigger)))

    async def _run(self, trigger_id: int, trigger: Any) -> None:
        key = trigger.shared_stream_key()
        stream = self.streams.subscribe(trigger_id=trigger_id, trigger=trigger, key=key)
        async for event in trigger.filter_shared_stream(stream):
            seq = self.streams.bind_pending_event(trigger_id=trigger_id, key=key)
            self.yielded += 1
            if self.persist:
                self.database.append((trigger_id, event.payload))
                await asyncio.sleep(0.01)
                if self.confirm:
                    self.streams.confirm_persisted([seq])

    async def until(self, condition: Callable[[], Any]) -> None:
        """Return as soon as a condition holds."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not condition():
            for task in self._tasks:
                if task.done():
                    task.result()
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """Cancel everything at once."""
        for group in self.streams._groups.values():
            for task in (group._pump_task, group._ack_timeout_task, group._poll_task):
                if task is not None:
                    task.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def upload(ik: ImageKitEmulator, *names: str, folder: str = "/") -> None:
    """Upload small files."""
    for name in names:
        requests.post(
            f"{ik.url}/api/v1/files/upload",
            auth=(ik.private_key, ""),
            data={"fileName": name, "folder": folder, "useUniqueFileName": "false"},
            files={"file": name.encode()},
            timeout=30,
        ).raise_for_status()


def names_in(database: list[Any], trigger_id: int = 0) -> Counter[str]:
    """Return how often each file was reported to a trigger."""
    files = (file for number, event in database if number == trigger_id for file in event["files"])
    return Counter(file.get("filePath", file["fileId"]) for file in files)


def repeated_polls(database: list[Any]) -> int:
    """Return how many events name a file that an earlier event named."""
    reported: set[tuple[str, str]] = set()
    repeated = 0
    for _, event in database:
        names = {(file["fileId"], file.get("versionId", "")) for file in event["files"]}
        repeated += bool(names & reported)
        reported |= names
    return repeated
