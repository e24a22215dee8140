"""
A library on several machines, some of which are lost.

All processes share one request rate, and all results are stored in the object store. The tests of this module
depend on each other and run in order.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.io.object_storage import read_table
from airflow_provider_imagekit.phash.pictures import phash_of_file
from tests import pictures
from tests.cluster.machines import TRIGGERERS, WORKERS, Cluster, cluster
from tests.cluster.object_store import BUCKET, ObjectStore
from tests.redis_server import RedisServer
from tests.stack.api import Api, wait_until

DAGS = Path(__file__).with_name("dags")
STORE = f"s3://store@{BUCKET}/library"
SENSORS = int(os.environ["IMAGEKIT_TEST_CLUSTER"])
ADDED = 5  # sensors whose pictures are added
PARTS = 8
RATE = 40
SCENES, SIZES = 200, ((64, 48), (80, 60), (96, 72), (128, 96))
FILES = SCENES * len(SIZES)
KEY = f"private_{secrets.token_urlsafe(16)}="

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


class Story:
    """The running machines, the emulator and the store that they use, and the results of the runs."""

    def __init__(self, stack: Cluster, imagekit: ImageKitEmulator, store: ObjectStore, library: Path) -> None:
        self.stack = stack
        self.imagekit = imagekit
        self.store = store
        self.library = library
        self.api = Api(stack)
        self.parts = self.waiting = ""
        self.lost: set[int] = set()
        self.figures: dict[str, Any] = {}

    def instances(self, run: str, task_id: str) -> list[dict[str, Any]]:
        """Return the instances of a task in order of map index."""
        found = [task for task in self.api.tasks(run) if task["task_id"] == task_id]
        return sorted(found, key=lambda task: int(task["map_index"]))

    def journals(self) -> set[int]:
        """Return the parts that have a journal in the store."""
        names = self.store.names("library/parts/")
        return {int(name.split("part-")[1].split(".")[0]) for name in names if "/journal-" in name}

    def requested(self, kind: str) -> list[str]:
        """Return the files whose metadata or details were requested, in order."""
        paths = [request.path for request in self.imagekit.requests if request.path.endswith(f"/{kind}")]
        return [path.split("/")[3] for path in paths]

    def triggers(self) -> Counter[str]:
        """Return the number of triggers of each running triggerer."""
        engine = sqlalchemy.create_engine(self.stack.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
        query = "SELECT job.hostname FROM trigger JOIN job ON job.id = trigger.triggerer_id"
        with engine.connect() as connection:
            found = connection.execute(sqlalchemy.text(query)).scalars().all()
        engine.dispose()
        return Counter(map(str, found))

    def end_of(self, run: str) -> dict[str, str]:
        """Wait until a run has ended and return the states of its tasks."""
        ended = {"success", "failed"}
        wait_until(lambda: self.api.call("GET", run)["state"] in ended, 420, f"{run} has ended")
        return {f"{task['task_id']} {task['map_index']}": str(task["state"]) for task in self.api.tasks(run)}


@pytest.fixture(scope="module")
def story(server: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    library = tmp_path_factory.mktemp("library")
    redis = RedisServer(tmp_path_factory.mktemp("redis"))
    (library / "catalogue").mkdir()
    for number in range(SCENES):
        scene = pictures.scene(number)
        for width, height in SIZES:
            scene.resize((width, height)).save(library / f"catalogue/{number:03}-{width}.png")
    phash = str(phash_of_file(library / "catalogue/000-128.png"))
    redis.start()
    start = time.monotonic()
    try:
        with ImageKitEmulator(library=library, private_key=KEY) as imagekit:
            assert len(imagekit.files()) == FILES  # measures the files, so that no task waits for it
            connection = imagekit.airflow_connection
            connection["extra"] |= {"requests_per_second": RATE, "rate_limit_url": redis.url}
            waited_for = [
                {"file_id": imagekit.file_id(f"late-{number:03}.png"), "reference_phash": phash}
                for number in range(SENSORS)
            ]
            variables = {
                "AIRFLOW_CONN_IMAGEKIT_DEFAULT": json.dumps(connection),
                "AIRFLOW_CONN_STORE": server.connection,
                "IMAGEKIT_CLUSTER_STORE": STORE,
                "IMAGEKIT_CLUSTER_PARTS": str(PARTS),
                "IMAGEKIT_CLUSTER_PICTURES": json.dumps(waited_for),
            }
            with pytest.MonkeyPatch.context() as patch, cluster(DAGS, redis, variables) as stack:
                patch.setenv("AIRFLOW_CONN_STORE", server.connection)
                found = Story(stack, imagekit, server, library)
                yield found
                print(f"\n{json.dumps(found.figures | {'seconds': round(time.monotonic() - start)})}")
    finally:
        redis.stop()


def runs_on(task: dict[str, Any], worker: str) -> bool:
    return (task["state"], task["hostname"]) == ("running", worker)


def test_a_worker_is_lost_while_it_works_on_parts_of_the_table(story: Story) -> None:
    story.parts = story.api.trigger("cluster_parts")

    def both_work() -> set[int]:
        running = {
            name: {task["map_index"] for task in story.instances(story.parts, "parts") if runs_on(task, name)}
            for name in WORKERS
        }
        return (
            running[WORKERS[0]] if running[WORKERS[0]] & story.journals() and running[WORKERS[1]] else set()
        )

    story.lost = wait_until(both_work, 300, "both work, and the first worker has written a journal")
    story.stack.lose(WORKERS[0])
    story.stack.start(WORKERS[0])


def test_the_parts_that_it_worked_on_are_repeated_and_no_others(story: Story) -> None:
    states = story.end_of(story.parts)
    assert set(states.values()) == {"success"}, states
    tasks = story.instances(story.parts, "parts")
    repeated = {task["map_index"] for task in tasks if task["try_number"] > 1}
    story.figures |= {"parts": len(tasks), "repeated": len(repeated)}
    assert repeated
    assert repeated <= story.lost


def test_the_repeated_parts_resume_from_the_journal_in_the_store(story: Story) -> None:
    requested = Counter(story.requested("metadata"))
    again = sum(requested.values()) - FILES
    plans = [story.api.xcom(story.parts, "parts", map_index=part)["plan"] for part in sorted(story.lost)]
    story.figures |= {"metadata_requests": sum(requested.values()), "asked_twice": again}
    assert len(requested) == FILES
    assert any(plan["fetched_before"] for plan in plans)
    assert again < sum(plan["files"] for plan in plans) - sum(plan["fetched_before"] for plan in plans)
    assert story.journals() == set()


def test_the_sensors_defer_to_two_triggerers(story: Story) -> None:
    story.waiting = story.api.trigger("cluster_waiting")

    def all_wait() -> bool:
        triggers = story.triggers()
        return triggers.total() == SENSORS and set(triggers) == set(TRIGGERERS)

    wait_until(all_wait, 600, "all sensors wait in both triggerers")
    story.figures |= {"sensors": SENSORS, "triggers": dict(story.triggers())}


def test_a_triggerer_is_lost_and_the_other_one_waits_for_all(story: Story) -> None:
    story.stack.lose(TRIGGERERS[0])
    wait_until(
        lambda: story.triggers() == {TRIGGERERS[1]: SENSORS}, 180, "the other triggerer has all triggers"
    )
    start = time.monotonic()

    def all_asked() -> bool:
        since = [request.path for request in story.imagekit.requests if request.time >= start]
        return len({path for path in since if path.endswith("/metadata")}) >= SENSORS

    wait_until(all_asked, 120, "every sensor is checked again")
    states = Counter(str(task["state"]) for task in story.instances(story.waiting, "waits"))
    story.figures["lost_sensors"] = SENSORS - states["deferred"]
    assert states == {"deferred": SENSORS}


def test_the_table_in_parts_equals_that_of_one_worker(story: Story) -> None:
    """Runs while the sensors wait, so that worker and triggerer share the rate."""
    states = story.end_of(story.api.trigger("cluster_single"))
    assert states == {"single -1": "success", "near -1": "success", "known -1": "success"}
    single = list(read_table(f"{STORE}/single.parquet"))
    parts = [list(read_table(f"{STORE}/parts/part-{part}.parquet")) for part in range(PARTS)]
    story.figures |= {"rows": len(single), "rows_in_parts": sum(map(len, parts))}
    assert len(single) == FILES
    assert sorted((row for part in parts for row in part), key=lambda row: row["file_id"]) == single


def test_near_duplicates_and_their_page_are_in_the_store(story: Story) -> None:
    groups: dict[Any, set[str]] = {}
    for row in read_table(f"{STORE}/near/groups.jsonl"):
        groups.setdefault(row["group"], set()).add(Path(row["path"]).name.split("-")[0])
    assert all(len(scenes) == 1 for scenes in groups.values())
    assert len(groups) > 0.9 * SCENES
    assert b"<html" in story.store.get("library/near/groups.html")
    assert len(list(read_table(f"{STORE}/listing.jsonl"))) == FILES


def test_added_pictures_are_detected(story: Story) -> None:
    for number in range(ADDED):
        pictures.put(pictures.scene(0).resize((128, 96)), story.library / f"late-{number:03}.png")

    def have_succeeded() -> bool:
        states = [task["state"] for task in story.instances(story.waiting, "waits")]
        return states == ["success"] * ADDED + ["deferred"] * (SENSORS - ADDED)

    wait_until(have_succeeded, 300, "the sensors whose picture was added have succeeded")
    for number in range(ADDED):
        assert story.api.xcom(story.waiting, "waits", map_index=number)["distance"] == 0


def test_all_processes_together_keep_the_rate(story: Story) -> None:
    requests = story.imagekit.requests
    times = [request.time for request in requests]
    # Maximum excess over the rate in any interval; a burst of one second's rate is allowed.
    excess, lowest = 0.0, 0.0
    for number, moment in enumerate(times):
        lowest = min(lowest, number - RATE * (moment - times[0]))
        excess = max(excess, number + 1 - RATE * (moment - times[0]) - lowest)
    story.figures |= {"requests": len(times), "rate": RATE, "excess": round(excess)}
    assert {request.status for request in requests} <= {200, 404, None}
    # A slot is granted before the request arrives; on a busy machine, requests may arrive out of order.
    assert excess <= 2 * RATE


def test_no_results_are_on_a_machine(story: Story) -> None:
    tables = [
        path for ending in ("parquet", "jsonl", "html") for path in story.stack.home.rglob(f"*.{ending}")
    ]
    assert tables == []
