"""
Measure the rate of 1, 2 and 4 processes with and without Redis: ``python -m benchmarks.rate_limits``.

Each process sends requests as fast as RATE requests a second allow to a local ImageKit server, whose request
log is counted. In the last row the clock of one of two processes is half a second ahead. Needs
``redis-server`` on the PATH; fails if a shared rate limit is exceeded.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.emulator import ImageKitEmulator

RATE = 20.0
SECONDS = 6.0
START_SECONDS = 6.0
_KEY = "private_of_a_benchmark"
_WORKER = "worker"
_WARM_UP = "/warm-up"


def main() -> int:
    """Measure, print a Markdown table, and return 1 if a shared rate limit was exceeded."""
    print("| processes | Redis | requests a second | share of each process |\n|---:|---|---:|---|")
    failed = False
    with _redis() as redis:
        for processes in (1, 2, 4):
            for url in ("", redis):
                rate, shares = _measure(processes, url)
                print(f"| {processes} | {'yes' if url else 'no'} | {rate:.1f} | {shares} |", flush=True)
                failed |= bool(url) and rate > RATE * 1.05
        rate, shares = _measure(2, redis, skew=0.5)
        print(f"| 2, clocks 0.5 s apart | yes | {rate:.1f} | {shares} |")
        return int(failed or rate > RATE * 1.05)


def _measure(processes: int, redis: str, skew: float = 0.0) -> tuple[float, str]:
    """Return the rate at the server after the first second's burst, and the requests of each process."""
    with tempfile.TemporaryDirectory() as library:
        (Path(library) / "a.txt").write_text("a")
        with ImageKitEmulator(library=Path(library), private_key=_KEY) as server:
            start = time.time() + START_SECONDS
            command = [sys.executable, "-m", "benchmarks.rate_limits", _WORKER]
            workers = [
                subprocess.Popen(
                    [*command, server.url, redis, str(start), str(skew * (number % 2)), f"/{number}"]
                )
                for number in range(processes)
            ]
            for process in workers:
                process.wait(60)
            requests = [each for each in server.requests if each.query.get("path") != _WARM_UP]
    times = sorted(request.time for request in requests)
    steady = [each for each in times if times[0] + 1.5 <= each <= times[0] + SECONDS - 0.5]
    shares = [
        sum(request.query.get("path") == f"/{number}" for request in requests) for number in range(processes)
    ]
    return (len(steady) - 1) / (steady[-1] - steady[0]), " : ".join(map(str, shares))


def _work(url: str, redis: str, start: str, skew: str, path: str) -> None:
    clock = time.time
    time.time = lambda: clock() + float(skew)
    client = ImageKitClient(_KEY, base_url=url, requests_per_second=RATE, rate_limit_url=redis or None)
    list(client.list_files(path=_WARM_UP, limit=1))  # do the imports
    time.sleep(max(float(start) - clock(), 0))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        list(client.list_files(path=path, limit=1))
    client.close()


@contextlib.contextmanager
def _redis() -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("benchmarks.rate_limits needs redis-server on the PATH.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [program, "--bind", "127.0.0.1", "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    if sys.argv[1:2] == [_WORKER]:
        _work(*sys.argv[2:])
    else:
        sys.exit(main())
