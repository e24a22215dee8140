"""The page as a browser shows it; skipped if Chromium is not installed."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.near_duplicates import find_near_duplicates
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.review.groups_page import write_groups_page
from tests.similarity.samples import flip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = "<img src=x onerror=document.title='hacked'>"
PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30"/></svg>'
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]


class Pictures(BaseHTTPRequestHandler):
    """Serve the same picture at every URL and record the requests."""

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "image/svg+xml")
        self.send_header("Content-Length", str(len(PICTURE)))
        self.end_headers()
        self.wfile.write(PICTURE)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def pictures() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pictures) as server:
        server.requested = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def shown(page: Path, profile: Path) -> str:
    """Return the page's DOM in Chromium, opened as a file, after its script has run."""
    command = [
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={profile}",
        "--window-size=1400,1200",
        "--virtual-time-budget=10000",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.partition("<footer>")[0]


def test_a_person_sees_survivor_distance_and_every_thumbnail(pictures, tmp_path):
    base = f"http://127.0.0.1:{pictures.server_port}/demo"
    records = []
    for number in range(3):
        bits = (0x9E3779B97F4A7C15 * (number + 1)) % 2**64
        for copy in range(2):
            name = f"{number}-{copy}.jpg" if number else f"{copy}{HOSTILE}.jpg"
            attributes = {
                "url": f"{base}/{number}-{copy}.jpg",
                "filePath": f"/shop/{name}",
                "width": 9 - copy,
                "height": 9,
            }
            records.append(HashRecord(name, PHash(flip(bits, list(range(4 * copy)))), attributes))
    page = tmp_path / "page.html"
    with page.open("wb") as file:
        write_groups_page(file, find_near_duplicates(records).groups, title="Shoes")

    dom = shown(page, tmp_path / "profile")

    assert sorted(pictures.requested) == sorted(
        f"/demo/{number}-{copy}.jpg?tr=w-480,h-360,c-at_max" for number in range(3) for copy in range(2)
    )
    assert "cannot be shown" not in dom
    assert dom.count("✓ Keep") == 3
    assert dom.count("<b>4 bits</b> 94 % similar") == 3
    assert dom.count('<dd class="differs">8 × 9</dd>') == 3
    assert "<title>Shoes</title>" in dom
    assert dom.count('class="id"') == 6
    assert all(f"<code>{record.phash}</code>" in dom for record in records)
    assert f'class="name">{html.escape("0" + HOSTILE, quote=False)}.jpg' in dom


def test_fifty_thousand_groups_are_paged(tmp_path):
    hashes = [(0x9E3779B97F4A7C15 * number) % 2**64 for number in range(1, 50_001)]
    records = [HashRecord(f"{i}{copy}", PHash(bits)) for i, bits in enumerate(hashes) for copy in "ab"]
    groups = find_near_duplicates(records, radius=0).groups
    assert len(groups) == 50_000
    page = tmp_path / "page.html"
    with page.open("wb") as file:
        write_groups_page(file, groups)

    dom = shown(page, tmp_path / "profile")

    assert "1–20 of 50,000" in dom
    assert len(re.findall(r'<section class="group">', dom)) == 20
