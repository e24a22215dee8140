"""
Airflow's buttons for a task that waits in the triggerer, and its switches of a sensor, on either Airflow.

The tests of this module are one story and run in order.
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
from airflow_provider_imagekit.pictures import phash_of_file
from demo.stack import AirflowStack
from tests import pictures
from tests.stack.api import Api, wait_until
from tests.stack.whole_airflow import whole_airflow
from tests.support import AIRFLOW_3

DAGS = Path(__file__).with_name("dags") / "contract"
QUIET_SECONDS = 12  # more than two checks
RIGHT_KEY, WRONG_KEY = (f"private_{name}{secrets.token_urlsafe(16)}=" for name in ("right", "wrong"))
MARKED = {f"is_marked_{state}": state for state in ("success", "failed", "skipped")}
COME = ("is_cleared", "outlives_the_triggerer")

# How each task ends, and with which try: a sensor's own timeout is final, anything else is retried.
ENDS = {
    "times_out": ("failed", 1),
    "times_out_softly": ("skipped", 1),
    "wrong_key": ("failed", 1),
    "wrong_key_is_retried": ("failed", 2),
    "operator_with_wrong_key": ("failed", 1),
    **({"wrong_key_with_policy": ("failed", 1)} if AIRFLOW_3 else {}),
    # During a check Airflow heeds soft_fail when execution_timeout is over, between two checks it does not.
    "poke_too_long": ("failed", 2),
    "poke_too_long_softly": ("failed", 1),
    "poke_stuck": ("failed", 2),
    "poke_stuck_softly": ("skipped", 1),
    # In reschedule mode it holds for each check by itself.
    "reschedule_long": ("failed", 1),
    "reschedule_stuck": ("failed", 2),
    "reschedule_stuck_softly": ("skipped", 1),
    # Deferred, it holds for the whole wait, and soft_fail is not heeded.
    "deferrable_stuck": ("failed", 2),
    "deferrable_stuck_softly": ("failed", 1),
    "deferred_too_long": ("failed", 2),
    "deferred_too_long_softly": ("failed", 1),
    "deferred_in_time": ("failed", 1),
}

TASKS = (*MARKED, *COME, *ENDS)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


class Story:
    """The running Airflow, the ImageKit that it asks, and the two runs."""

    def __init__(self, stack: AirflowStack, imagekit: ImageKitEmulator, library: Path) -> None:
        self.stack = stack
        self.imagekit = imagekit
        self.library = library
        self.api = Api(stack)
        self.buttons = self.contract = ""

    def states(self) -> dict[str, str]:
        """Return the states of the tasks whose buttons are pressed."""
        return {task["task_id"]: str(task["state"]) for task in self.api.tasks(self.buttons)}

    def deadline(self, task_id: str) -> datetime:
        """Return when Airflow ends the wait of a deferred task."""
        engine = sqlalchemy.create_engine(self.stack.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
        query = sqlalchemy.text("SELECT trigger_timeout FROM task_instance WHERE task_id = :task_id")
        with engine.connect() as connection:
            [[found]] = connection.execute(query, {"task_id": task_id})
        engine.dispose()
        return found if isinstance(found, datetime) else datetime.fromisoformat(found)

    def asked_for(self, since: float) -> set[str]:
        """Return the tasks for whose files ImageKit was asked since a time."""
        asked = [request.path for request in self.imagekit.requests if request.time >= since]
        return {task for task in TASKS for path in asked if self.imagekit.file_id(f"{task}.png") in path}

    def wait_for_polls(self, *tasks: str) -> None:
        """Return when the files of tasks have been asked for again from now on."""
        start = time.monotonic()
        wait_until(lambda: self.asked_for(start) >= set(tasks), 90, f"{tasks} are checked again")


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


def phash_of_picture(folder: Path) -> str:
    file = folder.parent / "picture.png"
    pictures.scene(1).save(file)
    return str(phash_of_file(file))


def test_the_sensors_defer(story: Story) -> None:
    story.buttons = story.api.trigger("stack_buttons")
    wait_until(lambda: set(story.states().values()) == {"deferred"}, 120, "all sensors are deferred")
    story.contract = story.api.trigger("stack_contract")


def test_a_deferred_task_is_marked_and_its_file_is_not_asked_for_any_more(story: Story) -> None:
    story.wait_for_polls(*MARKED)
    for task, state in MARKED.items():
        story.api.mark(story.buttons, task, state)

    def asked_when_quiet() -> set[str]:
        asked = story.asked_for(time.monotonic() - QUIET_SECONDS)
        return set() if asked & set(MARKED) else asked

    asked = wait_until(asked_when_quiet, 60, "the files of marked tasks are not asked for any more")
    assert asked >= set(COME)
    assert story.states().items() >= MARKED.items()


def test_a_deferred_task_is_cleared_and_waits_anew_for_its_whole_time(story: Story) -> None:
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
    story.wait_for_polls(*COME)
    assert [story.states()[task] for task in COME] == ["deferred", "deferred"]


def test_what_was_waited_for_ends_with_the_right_xcom(story: Story) -> None:
    for task in COME:
        pictures.put(pictures.scene(1), story.library / f"{task}.png")
    for task in COME:
        wait_until(lambda task=task: story.states()[task] == "success", 60, f"{task} has succeeded")
        value = story.api.xcom(story.buttons, task)
        assert (value["matched"], value["distance"]) == (True, 0)
        assert value["phash"] == value["reference_phash"] == story.stack.environment["IMAGEKIT_STACK_PHASH"]


def test_every_switch_does_what_airflow_says(story: Story) -> None:
    ended = {"success", "failed", "skipped"}
    tasks = wait_until(
        lambda: (tasks := story.api.tasks(story.contract)) and {t["state"] for t in tasks} <= ended and tasks,
        120,
        "all tasks have ended",
    )
    assert {task["task_id"]: (task["state"], task["try_number"]) for task in tasks} == ENDS


def test_the_log_names_the_switch_that_ended_a_task(story: Story) -> None:
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


def logs(home: Path, part: str = "") -> list[str]:
    return [path.read_text("utf-8", "replace") for path in home.rglob("*.log") if part in str(path)]
