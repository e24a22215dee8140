"""
A server with ImageKit's list and metadata endpoints for a generated library of any size, at minimal cost.

It generates each file from its number, waits for the latency, and limits requests in windows of a second,
like an account. ``GET /statistics`` returns the counts of requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

METADATA = re.compile(rb"GET /v1/files/([0-9a-f]{24})/metadata ")
CREATED = "2024-01-01T00:00:00.000Z"


def listed(number: int) -> dict[str, object]:
    file_id = f"{number:024x}"
    return {
        "type": "file",
        "fileId": file_id,
        "name": f"{number}.jpg",
        "filePath": f"/catalogue/{number}.jpg",
        "url": f"https://ik.imagekit.io/demo/catalogue/{number}.jpg?updatedAt=1704067200000",
        "thumbnail": f"https://ik.imagekit.io/demo/tr:n-ik_ml_thumbnail/catalogue/{number}.jpg",
        "versionInfo": {"id": file_id, "name": "Version 1"},
        "fileType": "image",
        "mime": "image/jpeg",
        "width": 1920,
        "height": 1280,
        "size": 400_000 + number,
        "hasAlpha": False,
        "isPrivateFile": False,
        "isPublished": True,
        "tags": ["summer", "catalogue"],
        "AITags": None,
        "customMetadata": {},
        "embeddedMetadata": {},
        "customCoordinates": None,
        "createdAt": CREATED,
        "updatedAt": CREATED,
    }


def metadata(number: int) -> dict[str, object]:
    """Generate a response as large as that for a camera's picture: 1.4 kB."""
    resolution = {"XResolution": 72, "YResolution": 72, "ResolutionUnit": 2}
    return {
        "height": 1280,
        "width": 1920,
        "size": 400_000 + number,
        "format": "jpg",
        "hasColorProfile": True,
        "quality": 0,
        "density": 72,
        "hasTransparency": False,
        "pHash": f"{number * 2654435761 % 2**64:016x}",
        "exif": {
            "image": {
                "Make": "Canon",
                "Model": "Canon EOS 40D",
                "Orientation": 1,
                **resolution,
                "Software": "GIMP 2.4.5",
                "ModifyDate": "2008:07:31 10:38:11",
                "YCbCrPositioning": 2,
                "ExifOffset": 214,
                "GPSInfo": 978,
            },
            "thumbnail": {"Compression": 6, **resolution, "ThumbnailOffset": 1090, "ThumbnailLength": 1378},
            "exif": {
                "ExposureTime": 0.00625,
                "FNumber": 7.1,
                "ExposureProgram": 1,
                "ISO": 100,
                "ExifVersion": "0221",
                "DateTimeOriginal": "2008:05:30 15:56:01",
                "CreateDate": "2008:05:30 15:56:01",
                "ShutterSpeedValue": 7.375,
                "ApertureValue": 5.625,
                "ExposureCompensation": 0,
                "MeteringMode": 5,
                "Flash": 9,
                "FocalLength": 135,
                "SubSecTime": "00",
                "SubSecTimeOriginal": "00",
                "SubSecTimeDigitized": "00",
                "FlashpixVersion": "0100",
                "ColorSpace": 1,
                "ExifImageWidth": 100,
                "ExifImageHeight": 68,
                "InteropOffset": 948,
                "FocalPlaneXResolution": 4438.356164383562,
                "FocalPlaneYResolution": 4445.969125214408,
                "FocalPlaneResolutionUnit": 2,
                "CustomRendered": 0,
                "ExposureMode": 1,
                "WhiteBalance": 0,
                "SceneCaptureType": 0,
            },
            "gps": {
                "GPSVersionID": [2, 2, 0, 0],
                "GPSLatitudeRef": "N",
                "GPSLatitude": [43, 28, 1.76],
                "GPSLongitudeRef": "E",
                "GPSLongitude": [11, 53, 7.42],
            },
            "interoperability": {"InteropIndex": "R98", "InteropVersion": "0100"},
            "makernote": {},
        },
    }


class Account:
    """The library, its rate limit, and the counts of requests."""

    def __init__(self, files: int, latency: float, limit: int) -> None:
        self.files = files
        self.latency = latency
        self.limit = limit
        self.answered = self.refused = 0
        self.first = self.last = 0.0
        self._window, self._count = 0.0, 0

    def respond(self, head: bytes) -> tuple[str, bytes, bytes]:
        if head.startswith(b"GET /statistics "):
            return "200 OK", b"", json.dumps(self.statistics()).encode()
        if found := METADATA.match(head):
            now = time.monotonic()
            if self.limit and not self._admit(now):
                self.refused += 1
                reset = max(1, round((self._window + 1 - now) * 1000))
                headers = b"X-RateLimit-Limit: %d\r\nX-RateLimit-Interval: 1000\r\nX-RateLimit-Reset: %d\r\n"
                return "429 Too Many Requests", headers % (self.limit, reset), b'{"message":"slow"}'
            self.answered += 1
            self.first = self.first or now
            self.last = now
            return "200 OK", b"", json.dumps(metadata(int(found[1], 16))).encode()
        query = parse_qs(urlsplit(head.split(b" ", 2)[1].decode()).query)
        skip, limit = int(query.get("skip", ["0"])[0]), int(query.get("limit", ["1000"])[0])
        page = [listed(number) for number in range(skip, min(skip + limit, self.files))]
        return "200 OK", b"", json.dumps(page).encode()

    def statistics(self) -> dict[str, float]:
        return {"answered": self.answered, "refused": self.refused, "seconds_asking": self.last - self.first}

    def _admit(self, now: float) -> bool:
        if now - self._window >= 1:
            self._window, self._count = now, 0
        self._count += 1
        return self._count <= self.limit


class Connection(asyncio.Protocol):
    """HTTP/1.1 with GET only; one request at a time, as the clients send them."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head, self.received = self.received[:end], self.received[end + 4 :]
            latency = 0 if head.startswith(b"GET /statistics ") else self.account.latency
            asyncio.get_running_loop().call_later(latency, self.respond, head)

    def respond(self, head: bytes) -> None:
        status, headers, body = self.account.respond(head)
        if not self.transport.is_closing():
            self.transport.write(  # type: ignore[attr-defined]
                b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s"
                % (status.encode(), headers, len(body), body)
            )


async def serve(arguments: argparse.Namespace) -> None:
    account = Account(arguments.files, arguments.latency, arguments.limit)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(account), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def running(files: int, latency: float, limit: int = 0) -> Iterator[str]:
    """Yield the address of a server in a separate process."""
    options = [f"--files={files}", f"--latency={latency}", f"--limit={limit}"]
    command = [sys.executable, str(Path(__file__)), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def statistics(address: str) -> dict[str, float]:
    with urlopen(f"{address}/statistics") as response:
        return json.load(response)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds")
    parser.add_argument("--limit", type=int, default=0, help="metadata requests a second; 0: none")
    asyncio.run(serve(parser.parse_args()))
