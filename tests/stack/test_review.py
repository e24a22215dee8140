"""
A person responds to the human-in-the-loop example DAG through the REST API of a complete Airflow.

Each outcome has its own folder in the library and its own DAG run; all runs are active at the same time.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from PIL import Image

from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.environment import EXAMPLE_DAGS
from demo.stack import AirflowStack
from tests import pictures
from tests.stack.api import READING_SECONDS, Api, wait_until

EXAMPLE = EXAMPLE_DAGS / "example_imagekit_review_duplicates.py"
FOLDERS = APPROVED, REJECTED, UNANSWERED, DIFFERENT = "/approved", "/rejected", "/unanswered", "/different"
TAG = "duplicate"
BOX = (200, 150)
PICTURE = r"!\[\]\((\S+)\) (\S+)"
ROW = re.compile(rf"\| {PICTURE} \| {PICTURE} \| (\d+) \|")
SECONDS = 90
# Changes to the DAG for a person who never responds: its timeout is seconds instead of days.
PATIENCE, IMPATIENCE = "timedelta(days=2)", f"timedelta(seconds={3 * READING_SECONDS})"
UNANSWERED_DAG_ID = "review_unanswered"

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


class Shown(NamedTuple):
    """A row of the question: paths, and sizes of the pictures as a browser loads them."""

    keep: str
    other: str
    distance: int
    sizes: list[tuple[int, int]]


class Person:
    """A person who uses Airflow's *Required Actions*."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def is_asked(self, run: str) -> dict[str, Any]:
        """Wait for the question of a run and return it."""
        [question] = wait_until(lambda: self._questions(run), SECONDS, "the question is asked")
        return dict(question)

    def looks_at(self, question: dict[str, Any]) -> list[Shown]:
        """Load the pictures of a question."""
        return [
            Shown(keep, other, int(distance), [self._load(address) for address in (left, right)])
            for left, keep, right, other, distance in ROW.findall(question["body"])
        ]

    def answers(self, run: str, question: dict[str, Any], option: str) -> dict[str, Any]:
        """Choose an option after the time that a person needs."""
        read = datetime.fromisoformat(question["created_at"]) + timedelta(seconds=READING_SECONDS)
        time.sleep(max((read - datetime.now(UTC)).total_seconds(), 0))
        path = f"{run}/taskInstances/approve/-1/hitlDetails"
        return dict(self._api.call("PATCH", path, {"chosen_options": [option]}))

    def _questions(self, run: str) -> list[dict[str, Any]]:
        details = self._api.call("GET", f"{run}/hitlDetails", response_received=False)["hitl_details"]
        return [one for one in details if one["task_instance"]["state"] == "awaiting_input"]

    @staticmethod
    def _load(address: str) -> tuple[int, int]:
        response = requests.get(address, timeout=30)
        response.raise_for_status()
        return Image.open(io.BytesIO(response.content)).size


class Review:
    """The running Airflow, a DAG run for each folder, and the library of the pictures."""

    def __init__(self, stack: AirflowStack, imagekit: ImageKitEmulator) -> None:
        self.api = Api(stack)
        self.imagekit = imagekit
        self.person = Person(self.api)
        self.runs = {
            folder: self.api.trigger(
                UNANSWERED_DAG_ID if folder == UNANSWERED else EXAMPLE.stem, {"folder": folder}
            )
            for folder in FOLDERS
        }

    def end_of(self, folder: str) -> dict[str, str]:
        """Wait until the run has ended and return the states of its tasks."""
        run = self.runs[folder]
        wait_until(lambda: self.api.call("GET", run)["state"] in {"success", "failed"}, SECONDS, "it ends")
        return {task["task_id"]: task["state"] for task in self.api.tasks(run)}

    def answer_in(self, folder: str) -> dict[str, Any]:
        """Return the response that is stored for the run's question."""
        return dict(self.api.call("GET", f"{self.runs[folder]}/taskInstances/approve/-1/hitlDetails"))

    def tagged(self, folder: str) -> set[str]:
        """Return the pictures of a folder that have the tag."""
        return {
            file["filePath"]
            for file in self.imagekit.files()
            if TAG in (file["tags"] or ()) and Path(file["filePath"]).parent == Path(folder)
        }


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Review]:
    library, dags = tmp_path_factory.mktemp("library"), tmp_path_factory.mktemp("dags")
    for folder in FOLDERS:
        (library / folder[1:]).mkdir()
        pictures.scene(1).save(library / folder[1:] / "original.png")
        pictures.scene(2).save(library / folder[1:] / "unrelated.png")
        if folder != DIFFERENT:
            pictures.scene(1).resize((320, 240)).save(library / folder[1:] / "smaller.jpg")
    shutil.copy(EXAMPLE, dags)
    source = EXAMPLE.read_text()
    assert source.count(PATIENCE) == 1
    impatient = source.replace(PATIENCE, IMPATIENCE).replace(EXAMPLE.stem, UNANSWERED_DAG_ID)
    (dags / f"{UNANSWERED_DAG_ID}.py").write_text(impatient)
    quick = {"AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1"}
    with (
        ImageKitEmulator(library=library) as imagekit,
        AirflowStack(dags, json.dumps(imagekit.airflow_connection), quick) as stack,
    ):
        yield Review(stack, imagekit)


def test_a_person_sees_the_pictures_side_by_side_and_approves(review: Review) -> None:
    run = review.runs[APPROVED]
    question = review.person.is_asked(run)
    assert question["options"] == ["Approve", "Reject"]
    [row] = review.person.looks_at(question)
    assert (row.keep, row.other) == (f"{APPROVED}/original.png", f"{APPROVED}/smaller.jpg")
    assert 0 <= row.distance <= 8
    assert row.sizes == [BOX, BOX]
    assert "unrelated" not in question["body"]
    assert review.tagged(APPROVED) == set(), "it continued without the response"

    response = review.person.answers(run, question, "Approve")

    assert response["responded_by"]["name"] == "admin"
    assert review.end_of(APPROVED)["tag"] == "success"
    assert review.tagged(APPROVED) == {f"{APPROVED}/smaller.jpg"}


def test_rejected_pictures_are_not_changed(review: Review) -> None:
    run = review.runs[REJECTED]
    question = review.person.is_asked(run)
    assert len(review.person.looks_at(question)) == 1
    review.person.answers(run, question, "Reject")
    states = review.end_of(REJECTED)
    assert (states["approve"], states["tag"]) == ("success", "skipped")
    assert review.tagged(REJECTED) == set()


def test_without_an_answer_the_run_ends_in_time_and_nothing_is_tagged(review: Review) -> None:
    states = review.end_of(UNANSWERED)
    assert (states["find"], states["approve"], states["tag"]) == ("success", "skipped", "skipped")
    assert review.tagged(UNANSWERED) == set()


def test_no_question_is_asked_without_duplicates(review: Review) -> None:
    states = review.end_of(DIFFERENT)
    assert (states["find"], states["approve"], states["tag"]) == ("success", "skipped", "skipped")
    assert review.api.call("GET", f"{review.runs[DIFFERENT]}/hitlDetails")["hitl_details"] == []


def test_only_approved_pictures_are_changed_in_the_library(review: Review) -> None:
    for folder in FOLDERS:
        review.end_of(folder)
    [written] = [request for request in review.imagekit.requests if request.method != "GET"]
    assert (written.method, written.path) == ("POST", "/v1/files/addTags")
