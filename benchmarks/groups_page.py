"""
Measure the page of near-duplicates in Chromium: the time to open, search, sort and page through it.

    python -m benchmarks.groups_page --groups 50000     # needs selenium and Chromium

The browser measures the time from the navigation until the first groups are shown, and from each action until
its groups are in the document.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.near_duplicates import find_near_duplicates
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.review.groups_page import write_groups_page
from tests.browser import browser

OPENED = "const [n] = performance.getEntriesByType('navigation'); return n.loadEventEnd - n.startTime;"
# Runs an action and returns how many milliseconds it took.
TIMED = "const begin = performance.now(); {}; return performance.now() - begin;"
ACTIONS = {
    "find a name": "const f = document.getElementById('find'); f.value = 'product-00012345'; "
    "f.dispatchEvent(new Event('input'))",
    "find a common word": "const f = document.getElementById('find'); f.value = 'product'; "
    "f.dispatchEvent(new Event('input'))",
    "find nothing, show all": "const f = document.getElementById('find'); f.value = ''; "
    "f.dispatchEvent(new Event('input'))",
    "sort by name": "const s = document.getElementById('sort'); s.value = 'name'; "
    "s.dispatchEvent(new Event('change'))",
    "sort by bytes": "const s = document.getElementById('sort'); s.value = 'bytes'; "
    "s.dispatchEvent(new Event('change'))",
    "turn the page": "document.getElementById('on').click()",
}


def write_page(path: Path, groups: int) -> int:
    """Write a page with groups of two or three pictures."""

    def picture(group: int, copy: int) -> HashRecord:
        name = f"/catalogue/{group % 997:03}/product-{group:08}-{copy}.jpg"
        attributes: dict[str, Any] = {"path": name, "url": f"https://127.0.0.1:1/demo{name}", "format": "jpg"}
        attributes |= {"width": 900 - copy, "height": 600, "size": 90_000 + group * 7919 % 900_000}
        attributes["created_at"] = f"2026-01-{1 + group % 28:02}T10:00:00.000Z"
        return HashRecord(
            f"{group * 10 + copy:024x}", PHash(0x9E3779B97F4A7C15 * (group + 1) % 2**64), attributes
        )

    records = [picture(group, copy) for group in range(groups) for copy in range(2 + group % 2)]
    found = find_near_duplicates(records, radius=0).groups
    with path.open("wb") as file:
        return write_groups_page(file, found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--groups", type=int, default=50_000)
    groups = parser.parse_args().groups
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "groups.html")
        size = write_page(page, groups)
        print(f"{groups:,} groups, {size / 1e6:.0f} MB\n\n| what | ms |\n|---|---:|")
        with browser(Path(folder, "profile"), Path(folder)) as driver:
            driver.get(page.as_uri())
            time.sleep(1)
            print(f"| open | {driver.execute_script(OPENED):.0f} |")
            for name, action in ACTIONS.items():
                print(f"| {name} | {driver.execute_script(TIMED.format(action)):.0f} |")


if __name__ == "__main__":
    main()
