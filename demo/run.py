"""``make demo``: runs DAGs in a real Airflow, and shows their results as tables and as a page."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from demo.catalogue import build
from demo.dagruns import DagRunsError, Ended, run_dags
from demo.environment import CONNECTION_VARIABLE, EXAMPLE_DAGS, REPOSITORY
from demo.page import as_html
from demo.plan import (
    DEMO_DAG_ID,
    HERO,
    HERO_DAG_ID,
    MAX_DISTANCE,
    NEW_HERO,
    WATCH_DAG_ID,
    WATCHED,
    own_runs,
    sample_runs,
)
from demo.report import Comparison, Picture, Report, Scenario, as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

    from airflow_provider_imagekit.emulator import ImageKitEmulator

OUT = REPOSITORY / "demo" / "out"
LOG = OUT / "airflow.log"
PAGE = OUT / "index.html"
DAG_FOLDERS = (EXAMPLE_DAGS, REPOSITORY / "demo" / "dags")
WAIT_SECONDS = 120
PREVIEW = "tr=w-240"


def demonstrate() -> Report:
    """Run the DAGs with the account in the Airflow Connection if it is set, else with a local server."""
    if own := os.environ.get(CONNECTION_VARIABLE):
        print(f"ImageKit: the account in {CONNECTION_VARIABLE}")
        return collect("an ImageKit account", run_dags(own_runs(), DAG_FOLDERS, own, LOG, {}))

    from airflow_provider_imagekit.emulator import ImageKitEmulator

    library = OUT / "library"
    shutil.rmtree(library, ignore_errors=True)
    catalogue = build(library)
    print(f"Media library: {len(catalogue.originals) + len(catalogue.variants)} sample pictures in {library}")
    with ImageKitEmulator(library=library) as imagekit:
        print(f"ImageKit: a local server at {imagekit.url}")
        connection = json.dumps(imagekit.airflow_connection)
        runs = run_dags(sample_runs(catalogue), DAG_FOLDERS, connection, LOG, meanwhile(imagekit, library))
        return collect("a local ImageKit server over the sample catalogue", runs)


def meanwhile(imagekit: ImageKitEmulator, library: Path) -> dict[str, Callable[[], None]]:
    """Return the changes of the media library while a DAG waits for them, by DAG id."""
    return {
        HERO_DAG_ID: partial(replace_watched_hero, imagekit, library),
        WATCH_DAG_ID: partial(upload_to_watched_folder, imagekit, library),
    }


def replace_watched_hero(imagekit: ImageKitEmulator, library: Path) -> None:
    """Replace the hero picture after the sensor has checked the old one."""
    expected = f"/v1/files/{imagekit.file_id(HERO)}/metadata"
    before = sum(request.path == expected for request in imagekit.requests)
    # One request of the task that fetches the hash, one of the sensor's first check.
    if _wait_for(lambda: sum(request.path == expected for request in imagekit.requests) >= before + 2):
        arriving = library / "banners" / ".arriving"
        shutil.copyfile(library / NEW_HERO, arriving)
        arriving.replace(library / HERO)


def upload_to_watched_folder(imagekit: ImageKitEmulator, library: Path) -> None:
    """Upload a picture after the watcher has polled the folder, which is still empty."""
    from airflow_provider_imagekit.client import ImageKitClient

    folder = f"path={quote(WATCHED, safe='')}"
    if _wait_for(lambda: any(folder in request.raw_target for request in imagekit.requests)):
        with ImageKitClient(imagekit.private_key, base_url=imagekit.url) as client:
            client.upload_file((library / NEW_HERO).read_bytes(), "autumn.jpg", folder=WATCHED)


def _wait_for(condition: Callable[[], bool]) -> bool:
    """Wait until a condition is true; return false after a timeout."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def collect(source: str, runs: Iterable[Ended]) -> Report:
    """Collect the results of the runs as they end."""
    report = Report(source, MAX_DISTANCE)
    for ended in runs:
        succeeded = ended.state == "success"
        outcome = ended.run.outcome(ended.results) if succeeded else f"see {LOG}"
        run = ended.run
        report.scenarios.append(Scenario(run.title, run.dag_id, ended.state, ended.seconds, outcome))
        if run.dag_id == DEMO_DAG_ID and succeeded:
            add_findings(report, ended.results)
    return report


def add_findings(report: Report, results: dict[str, list[Any]]) -> None:
    """Add the results of the demo DAG: pictures with their metadata, and comparisons."""
    [listed], [copies], [verdicts] = results["list_pictures"], results["deliveries"], results["compare"]
    [metadatas] = results["metadata"]
    pictures = {
        file["path"]: Picture.of(file["path"], metadata, preview(f"{file['url']}?{PREVIEW}"))
        for file, metadata in zip(listed, metadatas, strict=True)
    }
    report.pictures.extend(sorted(pictures.values(), key=lambda picture: picture.path))
    for copy, metadata in zip(copies, results["delivered"], strict=True):
        shown = copy["path"] + "?" + copy["url"].partition("?")[2]
        pictures[copy["url"]] = Picture.of(shown, metadata, preview(copy["url"]))
    for found in verdicts:
        first, second = pictures[found["first"]], pictures[found["second"]]
        report.comparisons.append(
            Comparison(first, second, found["how"], found["distance"], found["similarity"], found["decision"])
        )


def preview(url: str) -> str:
    """Return a picture as a ``data:`` URI; empty if it cannot be fetched."""
    try:
        response = requests.get(url, timeout=20)
    except requests.RequestException:
        return ""
    kind = response.headers.get("content-type", "").partition(";")[0]
    if not response.ok or not kind.startswith("image/"):
        return ""
    return f"data:{kind};base64,{base64.b64encode(response.content).decode()}"


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo; return the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    OUT.mkdir(exist_ok=True)
    started = time.monotonic()
    try:
        report = demonstrate()
    except DagRunsError as error:
        print(f"\n{error} See its log: {LOG}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130
    PAGE.write_text(as_html(report), encoding="utf-8")
    print(f"\n{as_text(report)}\n")
    print(
        f"Took {time.monotonic() - started:.0f} s. The page with the pictures side by side: {PAGE.as_uri()}"
    )
    if not report.succeeded:
        print(f"Some DAG runs failed. See Airflow's log: {LOG}", file=sys.stderr)
        return 1
    return 0
