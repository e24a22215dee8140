"""
Airflow's task actions (mark, clear) for deferred tasks, and its sensor arguments, on Airflow 2 and 3.

The tests of this module depend on each other and run in order.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy

from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.stack import AirflowStack
from tests import pictures
from tests.stack.api import Api, wait_until
from tests.stack.evidence import logs, phash_of_picture
from tests.stack.whole_airflow import whole_airflow
from tests.support import AIRFLOW_3

DAGS = Path(__file__).with_name("dags") / "contract"
QUIET_SECONDS = 12  # more than two checks
RIGHT_KEY, WRONG_KEY = (f"private_{name}{secrets.token_urlsafe(16)}=" for name in ("right", "wrong"))
MARKED = {f"is_marked_{state}": state for state in ("success", "failed", "skipped")}
ADDED = ("is_cleared", "outlives_the_triggerer")

# Final state and try number of each task: a sensor's own timeout is final, other failures are retried.
ENDS = {
    "times_out": ("failed", 1),
    "times_out_softly": ("skipped", 1),
    "wrong_key": ("failed", 1),
    "wrong_key_is_retried": ("failed", 2),
    "operator_with_wrong_key": ("failed", 1),
    **({"wrong_key_with_policy": ("failed", 1)} if AIRFLOW_3 else {}),
    # When execution_timeout expires, Airflow applies soft_fail during a check, but not between two checks.
    "poke_too_long": ("failed", 2),
    "poke_too_long_softly": ("failed", 1),
    "poke_stuck": ("failed", 2),
    "poke_stuck_softly": ("skipped", 1),
    # In reschedule mode, execution_timeout applies to each check separately.
    "reschedule_long": ("failed", 1),
    "reschedule_stuck": ("failed", 2),
    "reschedule_stuck_softly": ("skipped", 1),
    # In deferrable mode, execution_timeout applies to the complete wait, and soft_fail is ignored.
    "deferrable_stuck": ("failed", 2),
    "deferrable_stuck_softly": ("failed", 1),
    "deferred_too_long": ("failed", 2),
    "deferred_too_long_softly": ("failed", 1),
    "deferred_in_time": ("failed", 1),
}

TASKS = (*MARKED, *ADDED, *ENDS)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


class Story:
    """The running Airflow, the emulator that it uses, and the two DAG runs."""

    def __init__(self, stack: AirflowStack, imagekit: ImageKitEmulator, library: Path) -> None:
        self.stack = stack
        self.imagekit = imagekit
        self.library = library
        self.api = Api(stack)
        self.buttons = self.contract = ""

    def states(self) -> dict[str, str]:
        """Return the states of the tasks that are marked or cleared."""
        return {task["task_id"]: str(task["state"]) for task in self.api.tasks(self.buttons)}

    def deadline(self, task_id: str) -> datetime:
        """Return the time at which Airflow ends the wait of a deferred task."""
        engine = sqlalchemy.create_engine(self.stack.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
        query = sqlalchemy.text("SELECT trigger_timeout FROM task_instance WHERE task_id = :task_id")
        with engine.connect() as connection:
            [[found]] = connection.execute(query, {"task_id": task_id})
        engine.dispose()
        return found if isinstance(found, datetime) else datetime.fromisoformat(found)

    def requested_for(self, since: float) -> set[str]:
        """Return the tasks whose files were requested from ImageKit since a time."""
        requested = [request.path for request in self.imagekit.requests if request.time >= since]
        return {task for task in TASKS for path in requested if self.imagekit.file_id(f"{task}.png") in path}

    def wait_for_polls(self, *tasks: str) -> None:
        """Wait until the files of tasks are requested again."""
        start = time.monotonic()
        wait_until(lambda: self.requested_for(start) >= set(tasks), 90, f"{tasks} are checked again")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    library = tmp_path_factory.mktemp("library")
    with ImageKitEmulator(library=library, private_key=RIGHT_KEY) as imagekit:
        files = {task: imagekit.file_id(f"{task}.png") for task in TASKS}
        for task, file_id in files.items():
            if "stuck" in task:
                imagekit.inject(match=file_id, delay=60, times=None)
        right = imagekit.airflow_connection
        connections = {"imagekit_default": right, "imagekit_wrong": right | {"password": WRONG_KEY}}
        with whole_airflow(
            DAGS,
            {name: json.dumps(connection) for name, connection in connections.items()},
            AIRFLOW__CORE__PARALLELISM="16",
            IMAGEKIT_STACK_FILES=json.dumps(files),
            IMAGEKIT_STACK_PHASH=phash_of_picture(library),
        ) as stack:
            yield Story(stack, imagekit, library)


def test_the_sensors_defer(story: Story) -> None:
    story.buttons = story.api.trigger("stack_buttons")
    wait_until(lambda: set(story.states().values()) == {"deferred"}, 120, "all sensors are deferred")
    story.contract = story.api.trigger("stack_contract")


def test_a_deferred_task_is_marked_and_its_file_is_not_requested_for_any_more(story: Story) -> None:
    story.wait_for_polls(*MARKED)
    for task, state in MARKED.items():
        story.api.mark(story.buttons, task, state)

    def requested_after_a_pause() -> set[str]:
        requested = story.requested_for(time.monotonic() - QUIET_SECONDS)
        return set() if requested & set(MARKED) else requested

    requested = wait_until(requested_after_a_pause, 60, "no file of a marked task is requested")
    assert requested >= set(ADDED)
    assert story.states().items() >= MARKED.items()


def test_a_cleared_deferred_task_waits_again_for_its_full_timeout(story: Story) -> None:
    before = story.deadline("is_cleared")
    story.api.clear(story.buttons, "is_cleared")
    cleared = {"state": "deferred", "try_number": 2}
    wait_until(
        lambda: story.api.task(story.buttons, "is_cleared").items() >= cleared.items(), 90, "it waits again"
    )
    assert (story.deadline("is_cleared") - before).total_seconds() > QUIET_SECONDS
    story.wait_for_polls("is_cleared")


def test_the_triggerer_is_killed(story: Story) -> None:
    story.stack.kill("triggerer")
    story.stack.start("triggerer")
    story.wait_for_polls(*ADDED)
    assert [story.states()[task] for task in ADDED] == ["deferred", "deferred"]


def test_sensors_that_succeed_have_the_right_xcom(story: Story) -> None:
    for task in ADDED:
        pictures.put(pictures.scene(1), story.library / f"{task}.png")
    for task in ADDED:
        wait_until(lambda task=task: story.states()[task] == "success", 60, f"{task} has succeeded")
        value = story.api.xcom(story.buttons, task)
        assert (value["matched"], value["distance"]) == (True, 0)
        assert value["phash"] == value["reference_phash"] == story.stack.environment["IMAGEKIT_STACK_PHASH"]


def test_every_sensor_argument_has_its_documented_effect(story: Story) -> None:
    ended = {"success", "failed", "skipped"}
    tasks = wait_until(
        lambda: (tasks := story.api.tasks(story.contract)) and {t["state"] for t in tasks} <= ended and tasks,
        120,
        "all tasks have ended",
    )
    assert {task["task_id"]: (task["state"], task["try_number"]) for task in tasks} == ENDS


def test_the_log_names_the_argument_that_ended_a_task(story: Story) -> None:
    for names, error in (
        (("times_out", "reschedule_long", "deferred_in_time"), "AirflowSensorTimeout"),
        (("poke_too_long", "poke_stuck", "reschedule_stuck"), "AirflowTaskTimeout"),
        (("deferrable_stuck", "deferred_too_long", "deferred_too_long_softly"), "AirflowTaskTimeout"),
    ):
        for name in names:
            assert error in "".join(logs(story.stack.home, f"task_id={name}/")), name


def test_no_key_is_in_any_log(story: Story) -> None:
    everything = "".join(logs(story.stack.home))
    assert "ImageKitAuthError" in everything
    assert not [key for key in (RIGHT_KEY, WRONG_KEY) if key in everything]
