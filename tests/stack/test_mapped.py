"""
Mapped tasks, their labels and links in a complete Airflow, on PostgreSQL if it is installed.

SQLite does not enforce the length of a label, so ``dag.test()`` would not show an error. The tests of this
module depend on each other and run in order.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.emulator.routes.signing import signature
from tests import pictures
from tests.stack.api import READING_SECONDS, Api, wait_until
from tests.stack.evidence import logs, phash_of_picture
from tests.stack.whole_airflow import whole_airflow

DAGS = Path(__file__).with_name("dags") / "mapped"
KEY = f"private_{secrets.token_urlsafe(16)}="
EXPIRY = "9999999999"
LONGEST_LABEL = 250

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


class Story:
    """The running Airflow, the picture that is added later, and the DAG run."""

    def __init__(self, api: Api, library: Path, home: Path, signatures: list[str]) -> None:
        self.api = api
        self.library = library
        self.home = home
        self.signatures = signatures
        self.run = ""

    def tasks(self, task_id: str) -> list[dict[str, Any]]:
        """Return the instances of a task in order of map index."""
        found = [task for task in self.api.tasks(self.run) if task["task_id"] == task_id]
        return sorted(found, key=lambda task: int(task["map_index"]))

    def states(self, task_id: str) -> list[str]:
        """Return the states of the instances of a task."""
        return [str(task["state"]) for task in self.tasks(task_id)]

    def wait_for(self, task_id: str, states: list[str]) -> None:
        """Wait until the instances of a task have these states."""
        wait_until(lambda: self.states(task_id) == states, 120, f"{task_id} is {states}")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    library = tmp_path_factory.mktemp("library")
    pictures.scene(1).save(library / "here.png")
    with ImageKitEmulator(library=library, private_key=KEY) as imagekit:
        targets = [f"{name}.png?v={'a' * 300}" for name in ("here", "late")]
        signatures = [signature(KEY, target, EXPIRY) for target in targets]
        urls = [
            f"{imagekit.url_endpoint}/{target}&ik-t={EXPIRY}&ik-s={signed}"
            for target, signed in zip(targets, signatures, strict=True)
        ]
        with whole_airflow(
            DAGS,
            {"imagekit_default": json.dumps(imagekit.airflow_connection)},
            AIRFLOW__CORE__PARALLELISM="16",
            IMAGEKIT_STACK_URLS=json.dumps(urls),
            IMAGEKIT_STACK_PHASH=phash_of_picture(library),
        ) as stack:
            yield Story(Api(stack), library, stack.home, signatures)


def test_a_url_longer_than_a_label_may_be_fails_no_task(story: Story) -> None:
    story.run = story.api.trigger("stack_mapped")
    story.wait_for("long_url", ["success"])
    story.wait_for("long_urls", ["success", "success"])


def test_the_label_of_a_mapped_task_is_cut_and_shows_no_signature(story: Story) -> None:
    for task in story.tasks("long_urls"):
        label = task["rendered_map_index"]
        assert label.startswith("http")
        assert len(label) <= LONGEST_LABEL
        assert not [signed for signed in story.signatures if signed in label]


def test_a_deferred_task_keeps_its_label(story: Story) -> None:
    story.wait_for("waits", ["deferred"])
    [waiting] = story.tasks("waits")
    assert "late.png" in waiting["rendered_map_index"]
    time.sleep(READING_SECONDS)  # an event before the task's first process has ended can be lost
    pictures.put(pictures.scene(1), story.library / "late.png")
    story.wait_for("waits", ["success"])
    [resumed] = story.tasks("waits")
    assert resumed["rendered_map_index"] == waiting["rendered_map_index"]


def test_a_closed_gate_skips_only_its_own_mapped_group(story: Story) -> None:
    story.wait_for("short_circuited.gate", ["success", "success"])
    story.wait_for("short_circuited.behind", ["success", "skipped"])


def test_each_instance_of_a_mapped_group_branches_on_its_own(story: Story) -> None:
    story.wait_for("branched.same", ["success", "skipped"])
    story.wait_for("branched.other", ["skipped", "success"])


def test_a_failed_task_has_its_links(story: Story) -> None:
    story.wait_for("fails", ["failed"])
    links = story.api.call("GET", f"{story.run}/taskInstances/fails/links")
    links = links.get("extra_links", links)
    assert [link for name, link in links.items() if "library" in name.lower()] != [None]


def test_a_hash_that_native_rendering_makes_a_number_is_still_a_hash(story: Story) -> None:
    story.run = story.api.trigger("stack_native")
    story.wait_for("hash_of_digits", ["success"])
    story.wait_for("hashes_of_digits", ["success"])


def test_no_signature_is_in_any_log(story: Story) -> None:
    everything = "".join(logs(story.home))
    assert "here.png" in everything
    assert not [signed for signed in story.signatures if signed in everything]
