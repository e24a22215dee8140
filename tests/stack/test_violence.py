"""
A bad night: fifty sensors wait while processes are killed, ImageKit is away, and the key is rotated.

The tests of this module are one story and run in order; each leaves the sensors waiting for the next.
"""

from __future__ import annotations

import base64
import json
import secrets
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
from tests.stack.api import Api, wait_until
from tests.stack.whole_airflow import whole_airflow
from tests.support import AIRFLOW_3

SENSORS = 50
RATE = 10
OUTAGE_SECONDS = 60
DAGS = Path(__file__).with_name("dags") / "night"
OLD_KEY, NEW_KEY, WRONG_KEY = (
    f"private_{name}{secrets.token_urlsafe(16)}=" for name in ("old", "new", "bad")
)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


class Night:
    """The running Airflow, the ImageKit that it asks, and the pictures that its sensors wait for."""

    def __init__(self, stack: AirflowStack, imagekit: ImageKitEmulator, come: Any) -> None:
        self.stack = stack
        self.imagekit = imagekit
        self.let_the_pictures_come = come
        self.api = Api(stack)
        self.waiting = ""

    def connect(self, connection_id: str, key: str, method: str = "POST") -> None:
        """Write an Airflow Connection as a user does."""
        connection = self.imagekit.airflow_connection
        body = {
            "connection_id": connection_id,
            "conn_type": "imagekit",
            "host": connection["host"],
            "password": key,
            "extra": json.dumps(connection["extra"] | {"requests_per_second": RATE, "timeout": 5}),
        }
        self.api.call(method, "/connections" + (f"/{connection_id}" if method == "PATCH" else ""), body)

    def asked(self, since: float) -> list[float]:
        """Return when ImageKit was asked since a time."""
        return [request.time for request in self.imagekit.requests if request.time >= since]

    def wait_for_polls(self, seconds: float = 90) -> None:
        """Return when every sensor has been checked again from now on."""
        start = time.monotonic()
        wait_until(
            lambda: len({r.raw_target for r in self.imagekit.requests if r.time >= start}) >= SENSORS,
            seconds,
            "every sensor is checked again",
        )

    def all_wait(self) -> bool:
        return self.api.states(self.waiting) == {"deferred": SENSORS}

    def stragglers(self) -> str:
        """Tell the tasks that have not succeeded, with what they have logged."""
        told = []
        for task in self.api.tasks(self.waiting):
            if task["state"] != "success":
                logs = sorted(self.stack.home.glob(f"logs/**/map_index={task['map_index']}/*"))
                told += [f"{task['map_index']}: {task}", *(f"{log}\n{log.read_text()}" for log in logs)]
        return "\n".join(told)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    library = tmp_path_factory.mktemp("library")
    names = [f"late-{number:02}.png" for number in range(SENSORS)]

    def come() -> None:
        for number, name in enumerate(names):
            pictures.put(pictures.scene(number).resize((160, 120)), library / name)

    come()
    with ImageKitEmulator(library=library, private_key=OLD_KEY) as imagekit:
        with ImageKitClient(OLD_KEY, base_url=imagekit.url) as client:
            ids = [imagekit.file_id(name) for name in names]
            waited_for = [
                {"file_id": file_id, "reference_phash": str(client.get_phash(file_id=file_id))}
                for file_id in ids
            ]
        for name in names:
            (library / name).unlink()
        # The Airflow Connection stands in the metadata database here.
        with whole_airflow(DAGS, {}, IMAGEKIT_STACK_PICTURES=json.dumps(waited_for)) as stack:
            imagekit.clear()
            yield Night(stack, imagekit, come)


def test_fifty_sensors_defer(night: Night) -> None:
    night.connect("imagekit_default", OLD_KEY)
    night.waiting = night.api.trigger("stack_waiting")
    wait_until(night.all_wait, 300, "all sensors are deferred")


def test_the_triggerer_is_killed(night: Night) -> None:
    night.stack.kill("triggerer")
    night.stack.start("triggerer")
    night.wait_for_polls()
    assert night.all_wait()


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
    asked = len(night.asked(start))
    night.imagekit.clear_faults()
    night.wait_for_polls()
    assert 1 <= asked <= 2 * 16  # what was on its way in the triggerer's threads when the first 429 came
    assert night.all_wait()


def test_the_key_is_rotated(night: Night) -> None:
    night.connect("imagekit_default", NEW_KEY, "PATCH")
    night.imagekit.private_key = NEW_KEY
    night.wait_for_polls()
    assert night.all_wait()


def test_the_requests_stay_within_the_budget(night: Night) -> None:
    start = time.monotonic()
    time.sleep(10)
    asked = night.asked(start)
    assert SENSORS <= len(asked) <= RATE * (asked[-1] - asked[0]) + RATE + 1


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
    night.let_the_pictures_come()
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


def test_no_key_is_in_any_log(night: Night) -> None:
    logs = [path for path in night.stack.home.rglob("*") if path.is_file() and path.suffix == ".log"]
    assert len(logs) > SENSORS
    everything = "".join(path.read_text("utf-8", "replace") for path in logs)
    assert "The distance is 0 of 64 bits" in everything
    assert not [key for key in secret_texts() if key in everything]


def secret_texts() -> list[str]:
    """The keys as they are, and as they travel."""
    keys = [OLD_KEY, NEW_KEY, WRONG_KEY]
    return keys + [base64.b64encode(f"{key}:".encode()).decode() for key in keys]
