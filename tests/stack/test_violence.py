"""
Failures during a long wait and during an update of a table.

Fifty sensors wait while processes are killed, ImageKit is down, an account's host does not respond, the key
is rotated and a clock is wrong. A library's table is updated from an incomplete page and with a full disk.

The tests of this module depend on each other and run in order; each leaves the sensors waiting for the next.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.stack import AirflowStack
from tests import pictures
from tests.redis_server import RedisServer
from tests.stack.api import Api, wait_until
from tests.stack.whole_airflow import whole_airflow
from tests.support import AIRFLOW_3

SENSORS = 50
RATE = 10
OUTAGE_SECONDS = 60
DEAD = 20
DAGS = Path(__file__).with_name("dags") / "night"
OLD_KEY, NEW_KEY, WRONG_KEY = (
    f"private_{name}{secrets.token_urlsafe(16)}=" for name in ("old", "new", "bad")
)

# Another process with the same account whose clocks are half a second ahead.
OTHER_CLOCK = """
import sys, time
ahead = 0.5
real = time.time, time.monotonic
time.time, time.monotonic = (lambda: real[0]() + ahead), (lambda: real[1]() + ahead)
from airflow_provider_imagekit.client import ImageKitClient
key, url, redis, rate, seconds = sys.argv[1:]
with ImageKitClient(key, base_url=url, requests_per_second=float(rate), rate_limit_url=redis) as client:
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        next(client.list_files(path="/other-clock"), None)
"""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


class Night:
    """The running Airflow, the emulator that it uses, and the pictures that its sensors wait for."""

    def __init__(
        self, stack: AirflowStack, imagekit: ImageKitEmulator, redis: str, add_pictures: Any
    ) -> None:
        self.stack = stack
        self.imagekit = imagekit
        self.redis = redis
        self.add_pictures = add_pictures
        self.table = Path(stack.environment["IMAGEKIT_STACK_TABLE"])
        self.api = Api(stack)
        self.waiting = ""

    def connect(self, connection_id: str, key: str, method: str = "POST", host: str = "") -> None:
        """Save an Airflow Connection as a user does."""
        connection = self.imagekit.airflow_connection
        extra = {"requests_per_second": RATE, "timeout": 5, "rate_limit_url": self.redis}
        body = {
            "connection_id": connection_id,
            "conn_type": "imagekit",
            "host": host or connection["host"],
            "password": key,
            "extra": json.dumps(connection["extra"] | extra),
        }
        self.api.call(method, "/connections" + (f"/{connection_id}" if method == "PATCH" else ""), body)

    def requests_since(self, since: float) -> list[float]:
        """Return the times of all requests to ImageKit since a time."""
        return [request.time for request in self.imagekit.requests if request.time >= since]

    def wait_for_polls(self, seconds: float = 90) -> None:
        """Wait until every sensor has been checked again."""
        start = time.monotonic()
        wait_until(
            lambda: len({r.raw_target for r in self.imagekit.requests if r.time >= start}) >= SENSORS,
            seconds,
            "every sensor is checked again",
        )

    def update_the_table(self, **params: Any) -> dict[str, Any]:
        """Run the library's DAG until it has ended and return its task."""
        run = self.api.trigger("stack_library", params)
        ended = {"success", "failed"}
        wait_until(lambda: ended & set(self.api.states(run)), 300, "the table is up to date")
        return self.api.task(run, "library")

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.table.read_text().splitlines()]

    def all_wait(self) -> bool:
        return self.api.states(self.waiting) == {"deferred": SENSORS}

    def stragglers(self) -> str:
        """Describe the tasks that have not succeeded, with their logs."""
        lines = []
        for task in self.api.tasks(self.waiting):
            if task["state"] != "success":
                logs = sorted(self.stack.home.glob(f"logs/**/map_index={task['map_index']}/*"))
                lines += [f"{task['map_index']}: {task}", *(f"{log}\n{log.read_text()}" for log in logs)]
        return "\n".join(lines)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    library = tmp_path_factory.mktemp("library")
    names = [f"late-{number:02}.png" for number in range(SENSORS)]

    def add_pictures() -> None:
        for number, name in enumerate(names):
            pictures.put(pictures.scene(number).resize((160, 120)), library / name)

    add_pictures()
    folder = tmp_path_factory.mktemp("night")
    with (
        ImageKitEmulator(library=library, private_key=OLD_KEY) as imagekit,
        shared_rate_limit(folder) as redis,
    ):
        with ImageKitClient(OLD_KEY, base_url=imagekit.url) as client:
            ids = [imagekit.file_id(name) for name in names]
            waited_for = [
                {"file_id": file_id, "reference_phash": str(client.get_phash(file_id=file_id))}
                for file_id in ids
            ]
        for name in names:
            (library / name).unlink()
        # Here, the Airflow Connection is stored in the metadata database.
        variables = {
            "IMAGEKIT_STACK_PICTURES": json.dumps(waited_for),
            "IMAGEKIT_STACK_TABLE": str(folder / "library.jsonl"),
        }
        with whole_airflow(DAGS, {}, **variables) as stack:
            imagekit.clear()
            yield Night(stack, imagekit, redis, add_pictures)


@contextlib.contextmanager
def shared_rate_limit(folder: Path) -> Iterator[str]:
    """Yield the URL of a Redis server; an empty one if Redis is not installed."""
    if shutil.which("redis-server") is None:
        yield ""
        return
    server = RedisServer(folder)
    server.start()
    yield server.url
    server.stop()


def test_fifty_sensors_defer(night: Night) -> None:
    night.connect("imagekit_default", OLD_KEY)
    night.waiting = night.api.trigger("stack_waiting")
    wait_until(night.all_wait, 300, "all sensors are deferred")


def test_the_triggerer_is_killed(night: Night) -> None:
    night.stack.kill("triggerer")
    night.stack.start("triggerer")
    night.wait_for_polls()
    assert night.all_wait()


def test_an_unresponsive_account_does_not_affect_the_healthy_one(night: Night) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=500) as silent:
        night.connect("dead", WRONG_KEY, host=f"http://127.0.0.1:{silent.getsockname()[1]}")
        dead = night.api.trigger("stack_dead")
        wait_until(
            lambda: night.api.states(dead) == {"deferred": DEAD}, 300, "those of the dead one wait, too"
        )
        night.wait_for_polls()
        assert night.all_wait()
        assert night.api.states(dead) == {"deferred": DEAD}
        night.api.call("PATCH", dead, {"state": "failed"})


def test_imagekit_is_down_for_a_minute_and_the_scheduler_is_killed(night: Night) -> None:
    night.imagekit.stop()
    end = time.monotonic() + OUTAGE_SECONDS
    night.stack.kill("scheduler")
    night.stack.start("scheduler")
    time.sleep(end - time.monotonic())
    night.imagekit.start()
    night.wait_for_polls()
    assert night.all_wait()


def test_imagekit_answers_429_for_a_minute_and_the_api_server_restarts(night: Night) -> None:
    start = time.monotonic()
    night.imagekit.inject(status=429, headers={"X-RateLimit-Reset": str(OUTAGE_SECONDS * 1000)}, times=None)
    server = "api-server" if AIRFLOW_3 else "webserver"
    night.stack.kill(server)
    night.stack.start(server)
    night.stack.wait_until_healthy()
    time.sleep(max(start + OUTAGE_SECONDS - time.monotonic(), 0))
    requests = len(night.requests_since(start))
    night.imagekit.clear_faults()
    night.wait_for_polls()
    assert 1 <= requests <= 2 * 16  # requests in flight in the triggerer's threads at the first 429
    assert night.all_wait()


def test_the_key_is_rotated(night: Night) -> None:
    night.connect("imagekit_default", NEW_KEY, "PATCH")
    night.imagekit.private_key = NEW_KEY
    night.wait_for_polls()
    assert night.all_wait()


def test_the_requests_stay_within_the_rate_limit(night: Night) -> None:
    start = time.monotonic()
    time.sleep(10)
    times = night.requests_since(start)
    assert SENSORS <= len(times) <= RATE * (times[-1] - times[0]) + RATE + 1


def test_a_process_with_a_fast_clock_stays_within_the_rate_limit_and_gets_its_slots(
    night: Night,
) -> None:
    if not night.redis:
        pytest.skip("redis-server is not installed, so no rate limit is shared")
    start = time.monotonic()
    arguments = [NEW_KEY, night.imagekit.url, night.redis, str(RATE), "15"]
    subprocess.run([sys.executable, "-c", OTHER_CLOCK, *arguments], check=True, timeout=240)
    times = night.requests_since(start)
    others = sum("other-clock" in request.raw_target for request in night.imagekit.requests)
    assert 0 < others < len(times)
    assert len(times) <= RATE * (times[-1] - times[0]) + RATE + 2
    night.wait_for_polls()


def test_no_key_is_in_the_metadata_database_while_the_sensors_wait(night: Night) -> None:
    engine = sqlalchemy.create_engine(night.stack.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    tables = set(sqlalchemy.inspect(engine).get_table_names())
    assert {"trigger", "task_instance", "xcom", "rendered_task_instance_fields"} <= tables
    with engine.connect() as connection:
        for table in tables:
            rows = str(connection.execute(sqlalchemy.text(f'SELECT * FROM "{table}"')).all())
            assert not [key for key in secret_texts() if key in rows], table
    engine.dispose()


def test_every_sensor_ends_with_the_right_xcom(night: Night) -> None:
    night.add_pictures()
    try:
        wait_until(lambda: night.api.states(night.waiting) == {"success": SENSORS}, 300, "all have succeeded")
    except TimeoutError:
        pytest.fail(night.stragglers())
    seen = set()
    for number in range(SENSORS):
        value = night.api.xcom(night.waiting, "waits", map_index=number)
        fields = night.api.call("GET", f"{night.waiting}/taskInstances/waits/{number}")["rendered_fields"]
        assert (value["matched"], value["distance"]) == (True, 0)
        assert value["phash"] == value["reference_phash"] == fields["reference_phash"]
        seen.add(value["phash"])
    assert len(seen) == SENSORS


@pytest.mark.parametrize("page", [slice(20), slice(0)], ids=["short", "empty"])
def test_an_incomplete_page_deletes_nothing(page: slice, night: Night) -> None:
    assert night.update_the_table()["state"] == "success"
    assert len(night.rows()) == SENSORS
    cut = night.imagekit.inject(status=200, body=night.imagekit.files()[page], match="skip=0&")
    assert night.update_the_table()["state"] == "success"
    assert cut.hits == 1
    assert [row["deleted_at"] for row in night.rows()] == [None] * SENSORS


def test_a_full_disk_fails_one_try_and_keeps_the_table_complete(night: Night) -> None:
    before = night.table.read_bytes()
    task = night.update_the_table(full_disk=True)
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert night.table.read_bytes() == before
    assert not [path.name for path in night.table.parent.rglob("unfinished-*")]


def test_no_key_is_in_any_log(night: Night) -> None:
    logs = [path for path in night.stack.home.rglob("*") if path.is_file() and path.suffix == ".log"]
    assert len(logs) > SENSORS
    everything = "".join(path.read_text("utf-8", "replace") for path in logs)
    assert "The distance is 0 of 64 bits" in everything
    assert not [key for key in secret_texts() if key in everything]


def secret_texts() -> list[str]:
    """Return the keys in plain text and base64-encoded as in requests."""
    keys = [OLD_KEY, NEW_KEY, WRONG_KEY]
    return keys + [base64.b64encode(f"{key}:".encode()).decode() for key in keys]
