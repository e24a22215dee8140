"""
File events while the triggerer is killed, the rate limit is exceeded or the DAG is paused; webhook events.

The tests of this module depend on each other and run in order. ``make test-watch`` runs it with all kills.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.emulator.webhooks.deliveries import signatures
from demo.stack import AirflowStack
from tests.stack.api import Api, wait_until
from tests.stack.killing import POINTS, arm
from tests.stack.whole_airflow import whole_airflow
from tests.support import AIRFLOW_3

if not AIRFLOW_3:
    pytest.skip("Event triggers need Airflow 3.", allow_module_level=True)

DAGS = Path(__file__).with_name("dags") / "events"
KILLS = int(os.environ.get("IMAGEKIT_STACK_KILLS", "1"))
UPLOADS = 100 if KILLS >= 20 else 5 * KILLS
OVER_LIMIT_SECONDS = 15
SECRET = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"

# Seconds after which another triggerer takes over the triggers of a dead one.
PROMPT = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "4",
}

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300 + 150 * KILLS)]


class Story:
    """The running Airflow and the library that it watches."""

    def __init__(self, stack: AirflowStack, imagekit: ImageKitEmulator) -> None:
        self.stack = stack
        self.imagekit = imagekit
        self.api = Api(stack)
        self.uploaded: list[str] = []
        self._found: dict[str, list[str]] = {}

    def upload(self, *names: str) -> None:
        for name in names:
            requests.post(
                f"{self.imagekit.url}/api/v1/files/upload",
                auth=(self.imagekit.private_key, ""),
                data={"fileName": name, "useUniqueFileName": "false"},
                files={"file": name.encode()},
                timeout=30,
            ).raise_for_status()
            self.uploaded.append(f"/{name}")

    def payloads(self, asset: str) -> list[dict[str, Any]]:
        """Return the payloads of an asset's events from Airflow's database."""
        engine = sqlalchemy.create_engine(self.stack.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
        joined = "asset_event e JOIN asset a ON a.id = e.asset_id"
        query = f"SELECT e.extra FROM {joined} WHERE a.name = :name ORDER BY e.id"
        with engine.connect() as connection:
            rows = connection.execute(sqlalchemy.text(query), {"name": asset}).scalars().all()
        engine.dispose()
        return [(json.loads(row) if isinstance(row, str) else row)["payload"] for row in rows]

    def event_counts(self, asset: str = "uploads") -> Counter[str]:
        """Return the number of events for each file."""
        return Counter(path for event in self.payloads(asset) for path in self._paths(event))

    def _paths(self, event: dict[str, Any]) -> list[str]:
        """Return all files of an event; it lists only the first 20, so the others are found by time."""
        if event["count"] <= len(event["files"]):
            return [file["filePath"] for file in event["files"]]
        query = f'updatedAt >= "{event["from"]}" AND updatedAt <= "{event["to"]}"'
        if query not in self._found:  # only once, because other tests count the requests
            response = requests.get(
                f"{self.imagekit.url}/v1/files",
                auth=(self.imagekit.private_key, ""),
                params={"searchQuery": query},
                timeout=30,
            )
            self._found[query] = [file["filePath"] for file in response.json()]
        assert len(self._found[query]) == event["count"]
        return self._found[query]

    def wait_for_events(self, asset: str = "uploads", seconds: float = 120) -> None:
        expected = set(self.uploaded)
        wait_until(lambda: set(self.event_counts(asset)) >= expected, seconds, f"{asset} has every upload")

    def repeated_polls(self) -> int:
        """Return the number of events that repeat a file of an earlier event."""
        seen: set[str] = set()
        again = 0
        for event in self.payloads("uploads"):
            names = {file["fileId"] for file in event["files"]}
            again += bool(names & seen)
            seen |= names
        return again


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with ImageKitEmulator(library=tmp_path_factory.mktemp("library")) as imagekit:
        connection = imagekit.airflow_connection
        connection["extra"] |= {"webhook_secrets": SECRET, "webhook_assets": {"received": "/"}}
        with whole_airflow(DAGS, {"imagekit_default": json.dumps(connection)}, **PROMPT) as stack:
            yield Story(stack, imagekit)


def test_an_upload_starts_the_dag(story: Story) -> None:
    wait_until(lambda: story.imagekit.requests, 120, "the library is watched")
    story.upload("first.txt")
    story.wait_for_events()
    runs = wait_until(
        lambda: story.api.call("GET", "/dags/stack_events/dagRuns")["dag_runs"], 60, "there is a run"
    )
    run = f"/dags/stack_events/dagRuns/{runs[0]['dag_run_id']}"
    wait_until(lambda: story.api.states(run) == {"success": 1}, 90, "its task has succeeded")
    assert story.api.xcom(run, "count") == [1]


@pytest.mark.parametrize("point", POINTS)
def test_a_triggerer_that_is_killed_loses_nothing_and_repeats_one_poll_at_most(
    story: Story, point: str
) -> None:
    before = story.repeated_polls()
    for kill in range(KILLS):
        arm(story.stack.home, point)
        first = UPLOADS * kill // KILLS
        last = UPLOADS * (kill + 1) // KILLS
        story.upload(*(f"{point.replace(' ', '-')}-{number}.txt" for number in range(first, last)))
        order = story.stack.home / "kill"
        wait_until(lambda order=order: not order.exists(), 90, f"the triggerer is killed {point}")
        story.stack.kill("triggerer")
        story.stack.start("triggerer")
    # The poll after the last kill reports unstored files again; one more upload shows that it has ended.
    story.upload(f"after-{point.replace(' ', '-')}.txt")
    story.wait_for_events()
    counts = story.event_counts()
    lost = [name for name in story.uploaded if name not in counts]
    repeats = story.repeated_polls() - before
    print(f"{point}: {KILLS} kills, {UPLOADS} uploads, {len(lost)} lost, {repeats} polls repeated")
    assert (lost, repeats <= KILLS) == ([], True)


def test_no_request_is_sent_while_the_rate_limit_is_exceeded(story: Story) -> None:
    reset = {"X-RateLimit-Reset": str(OVER_LIMIT_SECONDS * 1000)}
    limit = story.imagekit.inject(status=429, headers=reset, match="/v1/files", method="GET", times=1)
    wait_until(lambda: limit.hits, 60, "a request is refused")
    refused = time.monotonic()
    story.upload("over-limit.txt")
    story.wait_for_events()
    times = [request.time for request in story.imagekit.requests if request.method == "GET"]
    assert [moment for moment in times if refused + 1 < moment < refused + OVER_LIMIT_SECONDS - 1] == []


def test_a_paused_dag_gets_the_missed_files_later(story: Story) -> None:
    story.api.call("PATCH", "/dags/stack_events", {"is_paused": True})
    time.sleep(0.5)
    wait_until(lambda: _is_quiet(story), 90, "nobody watches any more")
    story.upload("while-paused.txt")
    story.api.call("PATCH", "/dags/stack_events", {"is_paused": False})
    story.wait_for_events()
    assert story.event_counts()["/while-paused.txt"] == 1


def _is_quiet(story: Story) -> bool:
    last = max(request.time for request in story.imagekit.requests if request.method == "GET")
    return time.monotonic() - last > 12


def test_a_signed_webhook_starts_the_dag_once_and_an_unsigned_one_does_not(story: Story) -> None:
    hook = f"{story.stack.url}/imagekit/webhooks/imagekit_default"
    event = {
        "id": "event-1",
        "type": "file.created",
        "created_at": "2026-03-01T00:00:00.000Z",
        "data": {"fileId": "a" * 24, "filePath": "/hooked.txt", "updatedAt": "2026-03-01T00:00:00.000Z"},
    }
    body = json.dumps(event).encode()
    responses = []
    for scheme in ("imagekit", "standard", "imagekit"):
        responses.append(requests.post(hook, body, headers=signatures(scheme, SECRET, body), timeout=30))
    assert [response.status_code for response in responses] == [200, 200, 200]
    assert [response.json()["asset_events"] for response in responses] == [1, 0, 0]
    assert story.event_counts("received") == {"/hooked.txt": 1}
    assert requests.post(hook, body, timeout=30).status_code == 401
    assert requests.post(hook, b"x" * 6_000_000, timeout=30).status_code == 413
    assert requests.post(hook.replace("default", "other"), body, timeout=30).status_code == 401
    runs = wait_until(
        lambda: story.api.call("GET", "/dags/stack_webhooks/dagRuns")["dag_runs"], 60, "there is a run"
    )
    run = f"/dags/stack_webhooks/dagRuns/{runs[0]['dag_run_id']}"
    wait_until(lambda: story.api.states(run) == {"success": 1}, 90, "its task has succeeded")
    assert story.api.xcom(run, "names") == ["/hooked.txt"]
    log = "".join(path.read_text("utf-8", "replace") for path in story.stack.home.glob("api-server*.log"))
    assert "is refused" in log
    assert SECRET not in log
    assert "hooked" not in log
