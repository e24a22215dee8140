"""A host or storage that does not respond delays only the triggers that need it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import StorageError
from airflow_provider_imagekit.gates.bank_files import BankLoads, load_bank
from airflow_provider_imagekit.gates.references import BankFile
from airflow_provider_imagekit.similarity.bank import PHashBank
from airflow_provider_imagekit.triggers.lanes import SLOTS
from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger
from tests import pictures
from tests.support import PATIENCE, await_until
from tests.triggers.running import at_once, checks, first

pytestmark = pytest.mark.slow

DEAD, HEALTHY = 60, 10
PHASH = "f06830ca9f1e3e90"


@pytest.fixture
def silent_storage(tmp_path: Path) -> Iterator[str]:
    """The path of a bank that can be opened, but whose reader waits forever."""
    path = tmp_path / "silent.jsonl"
    os.mkfifo(path)
    yield str(path)
    with contextlib.suppress(OSError):  # there is no reader left
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


def trigger(number: int, imagekit: ImageKitEmulator, **arguments: Any) -> PHashDistanceTrigger:
    made = PHashDistanceTrigger(
        **{
            "imagekit_conn_id": "imagekit_default",
            "poke_interval": 5.0,
            "url": f"{imagekit.file_url(pictures.ORIGINAL)}?v={number}",
            "max_distance": 64,
            **({"reference_phash": PHASH} if "reference_bank" not in arguments else {}),
            **arguments,
        }
    )
    made.sleep = at_once
    return made


async def check_beside(
    dead: list[PHashDistanceTrigger], hung: Callable[[], object], healthy: list[PHashDistanceTrigger]
) -> None:
    """Check that healthy triggers fire while dead ones hang before and after."""
    waiting = [asyncio.create_task(first(each)) for each in dead]
    await await_until(hung, "the dead ones hang")
    payloads = await asyncio.wait_for(asyncio.gather(*map(first, healthy)), PATIENCE)
    assert [payload["status"] for payload in payloads] == ["matched"] * len(healthy)
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def bank_loads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "imagekit-bank"]


def test_triggers_of_a_silent_host_do_not_delay_those_of_another(
    connection: str, imagekit: ImageKitEmulator, silent_host: str
) -> None:
    dead = [trigger(number, imagekit, imagekit_conn_id=silent_host) for number in range(DEAD)]
    healthy = [trigger(number, imagekit) for number in range(HEALTHY)]
    asyncio.run(check_beside(dead, lambda: len(checks()) >= SLOTS, healthy))
    assert len(checks()) <= 2 * SLOTS


def test_a_bank_on_a_silent_storage_delays_neither_other_banks_nor_gates_without_one(
    connection: str, imagekit: ImageKitEmulator, silent_storage: str, tmp_path: Path
) -> None:
    (tmp_path / "bank.jsonl").write_text(json.dumps({"id": "a", "phash": PHASH}))
    dead = [trigger(number, imagekit, reference_bank=silent_storage) for number in range(DEAD)]
    healthy = [trigger(100 + number, imagekit) for number in range(HEALTHY)]
    healthy += [
        trigger(200 + number, imagekit, reference_bank=str(tmp_path / "bank.jsonl"))
        for number in range(HEALTHY)
    ]
    asyncio.run(check_beside(dead, bank_loads, healthy))
    assert len(bank_loads()) == 1


def test_a_check_waits_for_a_storage_for_a_limited_time_and_may_be_repeated(silent_storage: str) -> None:
    for _ in range(2):  # the second finds the first one's load, which still hangs
        with pytest.raises(StorageError, match=r"silent\.jsonl was not read within 0\.2 s") as caught:
            load_bank(BankFile(silent_storage), frozenset(), time_limit=0.2)
        assert caught.value.retryable


def test_triggers_of_the_same_bank_share_one_load_and_hanging_loads_are_limited() -> None:
    go_on = threading.Event()

    def load() -> PHashBank:
        go_on.wait(PATIENCE)
        return PHashBank([])

    loads = BankLoads(maximum=2)
    first_load = loads.start("a", load)
    assert loads.start("a", load) is first_load
    loads.start("b", load)
    with pytest.raises(StorageError, match="2 other banks are being read"):
        loads.start("c", load)
    go_on.set()
    assert len(first_load.result(PATIENCE)) == 0


HUNG = """
import asyncio
from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger
from tests.support import await_until
from tests.triggers.running import at_once, checks

async def main():
    trigger = PHashDistanceTrigger(
        imagekit_conn_id="dead",
        poke_interval=5,
        file_id="a" * 24,
        reference_phash="0000000000000001",
        max_distance=1,
    )
    trigger.sleep = at_once
    check = asyncio.ensure_future(anext(trigger.run()))
    await await_until(checks, "a check is under way")
    check.cancel()

asyncio.run(main())
assert checks()
"""


def test_a_process_ends_at_once_although_a_check_hangs(silent_host: str) -> None:
    subprocess.run([sys.executable, "-c", HUNG], timeout=2 * PATIENCE, check=True)
