"""
Measure healthy ``PHashDistanceTrigger`` beside dead ones, in one event loop.

Two hundred triggers query a host that accepts connections and never responds, and twenty need a bank on
unresponsive storage. Beside them, twenty healthy triggers wait for a picture, and one for a bank of a million
hashes, which is being read. Prints the seconds until the healthy triggers had fired, the delay of the loop
and the number of threads. The exit status is 1 if a limit is exceeded: healthy triggers fire within one
interval and a second, and no delay is above 100 ms.

Run it with ``python -m benchmarks.triggerer_dead --dead 200``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.triggerer import KEY, MAX_STALL_MS, PICTURE, first_event, measured_loop, running_server

if TYPE_CHECKING:
    from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger

HEALTHY, DEAD_BANKS = 20, 20
POKE_INTERVAL = 5.0


def new_trigger(url: str, **arguments: Any) -> PHashDistanceTrigger:
    from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger

    return PHashDistanceTrigger(
        **{
            "imagekit_conn_id": "imagekit_default",
            "poke_interval": POKE_INTERVAL,
            "url": url,
            "max_distance": 64,
            **arguments,
        }
    )


def write_bank(path: Path, hashes: int) -> str:
    numbers = random.Random(1)
    with path.open("w") as file:
        file.write("id,phash\n")
        file.writelines(f"picture-{number},{numbers.getrandbits(64):016x}\n" for number in range(hashes))
    return str(path)


async def seconds_until_all_fired(triggers: list[PHashDistanceTrigger]) -> float:
    start = time.monotonic()
    payloads = await asyncio.gather(*map(first_event, triggers))
    if any(payload["status"] != "matched" for payload in payloads):
        raise SystemExit(f"A healthy trigger failed: {payloads}")
    return time.monotonic() - start


def warm_up(url: str) -> None:
    """Import the modules that a running triggerer has already imported."""
    from airflow_provider_imagekit.hooks.imagekit import ImageKitHook

    new_trigger(url, reference_phash="0000000000000001")
    ImageKitHook().get_phash(url=url)


async def benchmark(dead: int, hashes: int, folder: Path) -> dict[str, float]:
    bank = write_bank(folder / "bank.csv", hashes)
    os.mkfifo(folder / "silent.jsonl")  # opening it blocks until a process writes, and none does
    with running_server() as (server, _), socket.create_server(("127.0.0.1", 0), backlog=500) as silent:
        hosts = {"IMAGEKIT_DEFAULT": server.url, "DEAD": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        for name, host in hosts.items():
            connection = {"conn_type": "imagekit", "password": KEY, "host": host}
            os.environ[f"AIRFLOW_CONN_{name}"] = json.dumps(connection)
        url = f"{server.url}/demo/{PICTURE}"
        one = {"reference_phash": "f06830ca9f1e3e90"}
        warm_up(url)
        # A full collection of the objects that Airflow has imported stops all threads for 130 ms of CPU time.
        # It is rare in a long-running process and is not caused by the triggers.
        gc.collect()
        gc.freeze()
        async with measured_loop() as lag:
            dead_ones = [new_trigger(f"{url}?d={n}", imagekit_conn_id="dead", **one) for n in range(dead)]
            dead_ones += [
                new_trigger(f"{url}?b={n}", reference_bank=str(folder / "silent.jsonl"))
                for n in range(DEAD_BANKS)
            ]
            waiting = [asyncio.create_task(first_event(each)) for each in dead_ones]
            await asyncio.sleep(POKE_INTERVAL + 1)
            reading = asyncio.create_task(seconds_until_all_fired([new_trigger(url, reference_bank=bank)]))
            healthy = [new_trigger(f"{url}?v={n}", **one) for n in range(HEALTHY)]
            # Twice: during the second round the bank is being read.
            fired = [await seconds_until_all_fired(healthy) for _ in range(2)]
            threads = threading.active_count()
            read = await reading
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return {
        "dead triggers": dead,
        "triggers of a dead bank": DEAD_BANKS,
        "healthy triggers": HEALTHY,
        "healthy ones had fired after (s)": max(fired),
        "hashes of the bank that was read": hashes,
        "its trigger had fired after (s)": read,
        "threads": threads,
        "loop lag, 99.9th percentile (ms)": lag.quantile(0.999),
        "loop lag, maximum (ms)": max(lag.late_ms),
    }


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    arguments.add_argument("--dead", type=int, default=200)
    arguments.add_argument("--hashes", type=int, default=1_000_000)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="imagekit-airflow-") as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"}
        figures = asyncio.run(benchmark(chosen.dead, chosen.hashes, Path(home)))
    for name, figure in figures.items():
        print(f"{name:44} {figure:>10.1f}" if isinstance(figure, float) else f"{name:44} {figure:>8}")
    exceeded = [
        figures["healthy ones had fired after (s)"] > POKE_INTERVAL + 1,
        figures["loop lag, maximum (ms)"] > MAX_STALL_MS,
    ]
    return int(any(exceeded))


if __name__ == "__main__":
    sys.exit(main())
