"""
A bad night: fifty sensors wait while processes are killed, ImageKit is away, and the key is rotated.

The tests of this module are one story and run in order; each leaves the sensors waiting for the next.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.stack import AirflowStack
from tests import pictures
from tests.stack.api import Api, wait_until
from tests.stack.postgres import metadata_database

SENSORS = 50
RATE = 10
OUTAGE_SECONDS = 60
DAGS = Path(__file__).with_name("dags")
OLD_KEY, NEW_KEY, WRONG_KEY = (
    f"private_{name}{secrets.token_urlsafe(16)}=" for name in ("old", "new", "bad")
)

# Airflow's own patience, shortened so that the night takes minutes.
QUICK = {
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


class Night:
    """The running Airflow, the ImageKit that it asks, and the pictures that its sensors wait for."""

    def __init__(self, stack: AirflowStack, imagekit: ImageKitEmulator, database: str, come: Any) -> None:
        self.stack = stack
        self.imagekit = imagekit
        self.database = database
        self.let_the_pictures_come = come
        self.api = Api(stack)
        self.waiting = self.contract = ""

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


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    library = tmp_path_factory.mktemp("library")
    names = [f"late-{number:02}.png" for number in range(SENSORS)]

    def come() -> None:
        for number, name in enumerate(names):
            pictures.scene(number).resize((160, 120)).save(library / name)

    come()
    with metadata_database() as database, ImageKitEmulator(library=library, private_key=OLD_KEY) as imagekit:
        with ImageKitClient(OLD_KEY, base_url=imagekit.url) as client:
            ids = [imagekit.file_id(name) for name in names]
            waited_for = [
                {"file_id": file_id, "reference_phash": str(client.get_phash(file_id=file_id))}
                for file_id in ids
            ]
        for name in names:
            (library / name).unlink()
        environment = QUICK | database | {"IMAGEKIT_STACK_PICTURES": json.dumps(waited_for)}
        stack = AirflowStack(DAGS, "", environment)
        del stack._environment["AIRFLOW_CONN_IMAGEKIT_DEFAULT"]  # it stands in the metadata database here
        with stack:
            imagekit.clear()
            url = environment.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{stack.home}/airflow.db")
            yield Night(stack, imagekit, url, come)
        assert not left_behind(str(stack.home))


def test_fifty_sensors_defer(night: Night) -> None:
    night.connect("imagekit_default", OLD_KEY)
    night.connect("imagekit_wrong", WRONG_KEY)
    night.contract = night.api.trigger("stack_contract")
    night.waiting = night.api.trigger("stack_waiting")
    wait_until(night.all_wait, 300, "all sensors are deferred")


def test_the_contract_of_sensors_holds(night: Night) -> None:
    api, run = night.api, night.contract
    ends = {
        "times_out": "failed",
        "times_out_softly": "skipped",
        "wrong_key": "failed",
        "wrong_key_with_policy": "failed",
        "operator_with_wrong_key": "failed",
    }
    wait_until(lambda: all(api.state_of(run, task) == end for task, end in ends.items()), 120, f"{ends}")
    for task in ("times_out", "wrong_key_with_policy", "operator_with_wrong_key"):
        assert api.call("GET", f"{run}/taskInstances/{task}")["try_number"] == 1


def test_a_deferred_task_can_be_cleared_and_marked(night: Night) -> None:
    api, run = night.api, night.contract
    wait_until(lambda: api.state_of(run, "is_cleared") == "deferred", 60, "it waits")
    body = {
        "dry_run": False,
        "task_ids": ["is_cleared"],
        "only_failed": False,
        "dag_run_id": run.split("/")[-1],
    }
    api.call("POST", "/dags/stack_contract/clearTaskInstances", body)
    wait_until(
        lambda: (
            (task := api.call("GET", f"{run}/taskInstances/is_cleared"))["state"] == "deferred"
            and task["try_number"] == 2
        ),
        90,
        "the cleared task waits again",
    )
    for task in ("is_marked_success", "is_cleared"):
        api.call("PATCH", f"{run}/taskInstances/{task}", {"new_state": "success"})
    wait_until(lambda: api.state_of(run, "is_cleared") == "success", 30, "it is marked")
    time.sleep(10)  # Airflow takes the triggers of ended tasks back within a few seconds
    start = time.monotonic()
    night.wait_for_polls()
    assert not [r for r in night.imagekit.requests if r.time >= start and "ffffffff" in r.raw_target]


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
    night.stack.kill("api-server")
    night.stack.start("api-server")
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
    engine = sqlalchemy.create_engine(night.database)
    tables = set(sqlalchemy.inspect(engine).get_table_names())
    assert {"trigger", "task_instance", "xcom", "rendered_task_instance_fields"} <= tables
    with engine.connect() as connection:
        for table in tables:
            rows = str(connection.execute(sqlalchemy.text(f'SELECT * FROM "{table}"')).all())
            assert not [key for key in secret_texts() if key in rows], table
    engine.dispose()


def test_every_sensor_ends_with_the_right_xcom(night: Night) -> None:
    night.let_the_pictures_come()
    wait_until(lambda: night.api.states(night.waiting) == {"success": SENSORS}, 300, "all have succeeded")
    seen = set()
    for number in range(SENSORS):
        entry = night.api.call(
            "GET", f"{night.waiting}/taskInstances/waits/xcomEntries/return_value", map_index=number
        )
        value = entry["value"] if isinstance(entry["value"], dict) else json.loads(entry["value"])
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


def left_behind(home: str) -> list[str]:
    """Return the processes that still run for an Airflow."""
    found = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error):
            if process.environ().get("AIRFLOW_HOME") == home:
                found.append(process.name())
    return found


def secret_texts() -> list[str]:
    """The keys as they are, and as they travel."""
    keys = [OLD_KEY, NEW_KEY, WRONG_KEY]
    return keys + [base64.b64encode(f"{key}:".encode()).decode() for key in keys]
