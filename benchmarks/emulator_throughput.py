"""
Measure the emulator's metadata responses per second for a library already measured, and its start time.

    nice python benchmarks/emulator_throughput.py

``wrk`` generates the load where it is installed, otherwise a small generator in this module. Both run on the
same machine as the server, which is a separate process. The exit status is 1 below 1,000 responses a second.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS = 16
REQUIRED_PER_SECOND = 1000


@contextmanager
def served(library: Path, *options: str) -> Iterator[dict[str, object]]:
    """Serve a library with the command line, and yield the connection that it prints."""
    command = [
        sys.executable,
        "-m",
        "airflow_provider_imagekit.emulator",
        "--library",
        str(library),
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        yield json.loads(re.search(r"'(\{.*\})'", line)[1])
        process.terminate()


def fill(library: Path, files: int) -> None:
    """Write this number of small pictures into the library."""
    Image.radial_gradient("L").convert("RGB").save(library / "first.jpg")
    content = (library / "first.jpg").read_bytes()
    for number in range(files - 1):
        folder = library / f"{number // 1000:03}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number:06}.jpg").write_bytes(content)


def fetch(url: str, authorization: str) -> bytes:
    with urlopen(Request(url, headers={"Authorization": authorization}), timeout=60) as response:
        return response.read()


def load_by_wrk(url: str, authorization: str, seconds: float) -> float:
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds:.0f}s",
        "-H",
        f"Authorization: {authorization}",
        url,
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output:
        raise SystemExit(output)
    return float(re.search(r"Requests/sec:\s*([\d.]+)", output)[1])


def load_by_own(url: str, authorization: str, seconds: float) -> float:
    address, _, path = url.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    request = f"GET /{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\n\r\n".encode()
    ended = time.monotonic() + seconds

    async def one() -> int:
        reader, writer = await asyncio.open_connection(host, int(port))
        count = 0
        while time.monotonic() < ended:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(head.decode())
            await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
            count += 1
        writer.close()
        return count

    async def many() -> int:
        return sum(await asyncio.gather(*(one() for _ in range(CONNECTIONS))))

    return asyncio.run(many()) / seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--files", type=int, default=10_000, help="size of the library")
    parser.add_argument("--seconds", type=float, default=5, help="duration of the load")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder)
        fill(library, options.files)
        started = time.monotonic()
        with served(library) as connection:
            up = time.monotonic() - started
            authorization = "Basic " + base64.b64encode(f"{connection['password']}:".encode()).decode()
            base = str(connection["host"])
            started = time.monotonic()
            listed = json.loads(fetch(f"{base}/v1/files?limit=1000", authorization))
            listing = time.monotonic() - started
            url = f"{base}/v1/files/{listed[0]['fileId']}/metadata"
            fetch(url, authorization)
            load, name = (load_by_wrk, "wrk") if shutil.which("wrk") else (load_by_own, "own generator")
            per_second = load(url, authorization, options.seconds)
    print(f"library                   {options.files:>10,} files")
    print(f"process to first response {up:>10.2f} s")
    print(f"first page of 1,000       {listing:>10.2f} s")
    print(f"metadata responses        {per_second:>10,.0f} a second ({name}, {CONNECTIONS} connections)")
    return 0 if per_second >= REQUIRED_PER_SECOND else 1


if __name__ == "__main__":
    sys.exit(main())
