"""
Measure a thousand ``PHashDistanceTrigger`` in one event loop, as one triggerer runs them.

Prints the delay of the loop, the memory of a trigger, the requests compared with the account's limit, and
the time until all triggers have fired after the picture matches. ImageKit is a local server in a separate
process. The exit status is 1 if a limit is exceeded: no delay above 100 ms, no request above the rate limit,
no trigger lost, nothing left after a cancellation.

Run it with ``make benchmark-triggerer``, or ``python -m benchmarks.triggerer --triggers 1000``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import requests

from tests import pictures
from tests.support import free_port

if TYPE_CHECKING:
    from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger

RATE = 40
POKE_INTERVAL = 30
MAX_STALL_MS = 100.0
TICK = 0.005
KEY = "private_benchmark="
PICTURE = "picture.png"


class LoopLag:
    """Measures the delay of the event loop many times a second."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []

    async def measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK
            await asyncio.sleep(TICK)
            self.late_ms.append((loop.time() - due) * 1000)

    def quantile(self, share: float) -> float:
        return sorted(self.late_ms)[int(len(self.late_ms) * share)]


class Server:
    """The local ImageKit server in a separate process."""

    def __init__(self, library: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "airflow_provider_imagekit.emulator"),
                *("--library", str(library), "--port", self.url.rpartition(":")[2]),
                *("--private-key", KEY, "--control"),
            ],
            stdout=subprocess.DEVNULL,
        )

    def wait(self) -> None:
        while True:
            with contextlib.suppress(requests.ConnectionError):
                requests.get(self.url, timeout=5)
                return
            time.sleep(0.1)

    def times(self) -> list[float]:
        """Return the times of the requests on the monotonic clock, which all processes share."""
        return sorted(r["time"] for r in requests.get(f"{self.url}/_emulator/requests", timeout=60).json())

    def clear(self) -> None:
        requests.post(f"{self.url}/_emulator/clear", timeout=10)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


@contextlib.contextmanager
def running_server() -> Iterator[tuple[Server, Path]]:
    with tempfile.TemporaryDirectory(prefix="imagekit-benchmark-") as folder:
        library = Path(folder)
        pictures.scene(1).save(library / PICTURE)
        server = Server(library)
        try:
            server.wait()
            yield server, library
        finally:
            server.stop()


def new_triggers(count: int, server: Server, reference: str) -> list[PHashDistanceTrigger]:
    from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger

    return [
        PHashDistanceTrigger(
            imagekit_conn_id="imagekit_default",
            poke_interval=POKE_INTERVAL,
            # One picture under a thousand URLs, so that no two triggers share a request.
            url=f"{server.url}/demo/{PICTURE}?v={number}",
            reference_phash=reference,
            max_distance=4,
        )
        for number in range(count)
    ]


async def first_event(trigger: PHashDistanceTrigger) -> Any:
    event = await anext(trigger.run())
    return event.payload


@contextlib.asynccontextmanager
async def measured_loop() -> AsyncIterator[LoopLag]:
    lag = LoopLag()
    ticker = asyncio.create_task(lag.measure())
    yield lag
    ticker.cancel()


def above_rate_limit(times: list[float]) -> int:
    """Return the maximum number of requests above rate and burst in any interval."""
    worst, level, before = 0.0, 0.0, times[0]
    for moment in times:  # a leaky bucket with the account's rate
        level = max(level - (moment - before) * RATE, 0.0) + 1
        worst, before = max(worst, level), moment
    return max(int(worst) - RATE - 1, 0)


async def benchmark(count: int, seconds: float) -> dict[str, float]:
    from airflow_provider_imagekit.hooks.imagekit import ImageKitHook

    with running_server() as (server, library):
        connection = {
            "conn_type": "imagekit",
            "password": KEY,
            "host": server.url,
            "extra": {"requests_per_second": RATE},
        }
        os.environ["AIRFLOW_CONN_IMAGEKIT_DEFAULT"] = json.dumps(connection)
        pictures.scene(2).save(library / "match.png")
        reference = str(ImageKitHook().get_phash(url=f"{server.url}/demo/match.png"))
        server.clear()
        gc.collect()
        before = psutil.Process().memory_info().rss
        async with measured_loop() as lag:
            tasks = [asyncio.create_task(first_event(t)) for t in new_triggers(count, server, reference)]
            await asyncio.sleep(seconds)
            memory = psutil.Process().memory_info().rss - before
            waiting = sum(not task.done() for task in tasks)
            (library / "match.png").replace(library / PICTURE)
            start = time.monotonic()
            payloads = await asyncio.gather(*tasks)
            fired = time.monotonic() - start
        times = server.times()
        left = await cancelled(count, server, reference)
    return {
        "triggers": count,
        "waiting until the upload": waiting,
        "fired with a match": sum(payload["status"] == "matched" for payload in payloads),
        "loop lag, median (ms)": lag.quantile(0.5),
        "loop lag, 99.9th percentile (ms)": lag.quantile(0.999),
        "loop lag, maximum (ms)": max(lag.late_ms),
        "memory of one trigger (kB)": memory / count / 1024,
        "requests": len(times),
        "requests a second": len(times) / (times[-1] - times[0]),
        "requests above the rate limit": above_rate_limit(times),
        "all had fired after (s)": fired,
        **left,
    }


async def cancelled(count: int, server: Server, reference: str) -> dict[str, float]:
    """Cancel a thousand triggers during their checks, twice, and count what is left."""
    process = psutil.Process()
    seen = []
    for _ in range(2):
        triggers = new_triggers(count, server, reference)
        for trigger in triggers:
            trigger.sleep = asyncio.sleep if trigger is triggers[-1] else _at_once
        tasks = [asyncio.create_task(first_event(trigger)) for trigger in triggers]
        await asyncio.sleep(2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(2)
        seen.append((threading.active_count(), len(process.net_connections("tcp"))))
    return {
        "threads more after a second cancellation": seen[1][0] - seen[0][0],
        "sockets more after a second cancellation": max(seen[1][1] - seen[0][1], 0),
        "tasks left after a cancellation": len(asyncio.all_tasks()) - 1,
    }


async def _at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    arguments.add_argument("--triggers", type=int, default=1000)
    arguments.add_argument("--seconds", type=float, default=70.0, help="seconds of waiting before the match")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="imagekit-airflow-") as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"}
        figures = asyncio.run(benchmark(chosen.triggers, chosen.seconds))
    for name, figure in figures.items():
        print(f"{name:44} {figure:>10.1f}" if isinstance(figure, float) else f"{name:44} {figure:>8}")
    exceeded = [
        figures["loop lag, maximum (ms)"] > MAX_STALL_MS,
        figures["requests above the rate limit"] > 0,
        figures["fired with a match"] < chosen.triggers,
        figures["waiting until the upload"] < chosen.triggers,
        *(figures[name] > 0 for name in figures if "cancellation" in name),
    ]
    return int(any(exceeded))


if __name__ == "__main__":
    sys.exit(main())
