"""The provider in a real Airflow, end to end against the local server."""

from __future__ import annotations

import base64

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures
from tests.airflow.running import RunDag
from tests.support import AIRFLOW_3

HEAD = """
from airflow.sdk import DAG, Asset, task
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator, RemoteUrlMetadataOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
"""

METADATA = (
    HEAD
    + """
with DAG("metadata", schedule=None, params={"ids": [], "url": ""}) as dag:

    @task
    def ids(**context):
        return context["params"]["ids"]

    @task
    def pairs(found, **context):
        return [{"file_id": found[0], "file_url": context["params"]["url"]}]

    found = ids()
    mapped = FileMetadataOperator.partial(task_id="mapped", exclude=["exif.gps"]).expand(file_id=found)
    with_url = FileMetadataOperator.partial(task_id="with_url").expand_kwargs(pairs(found))
    single = RemoteUrlMetadataOperator(
        task_id="single",
        url="{{ params.url }}",
        fields="width,pHash",
        outlets=[Asset("imagekit://demo/shop/original.jpg")],
    )

    @task
    def use(phash, width):
        return f"{width} {phash}"

    use(single.output["pHash"], single.output["width"])
    PHashDistanceSensor(
        task_id="gate", url="{{ params.url }}", reference_phash=single.output["pHash"],
        max_distance="{{ 4 + 4 }}", deferrable=True,
    )
"""
)


def test_metadata_in_a_real_airflow(connection: str, imagekit: ImageKitEmulator, run_dag: RunDag) -> None:
    ids = [imagekit.file_id(pictures.ORIGINAL), imagekit.file_id(pictures.RESIZED)]
    url = imagekit.file_url(pictures.ORIGINAL)

    run = run_dag(METADATA, "metadata", ids=ids, url=url)

    assert run.state == "success"
    assert run.states["mapped"] == ["success"] * 2
    assert [value["width"] for value in run.xcoms["mapped"]["return_value"]] == [640, 160]
    assert run.xcoms["mapped"]["pHash"] == [value["pHash"] for value in run.xcoms["mapped"]["return_value"]]
    assert run.names["mapped"] == ids
    single = run.xcom("single")
    assert single.keys() == {"width", "pHash"}
    assert run.xcom("use") == f"640 {single['pHash']}"
    assert run.xcom("gate") == {
        "matched": True,
        "distance": 0,
        "similarity": 1.0,
        "phash": single["pHash"],
        "reference_phash": single["pHash"],
    }
    assert run.xcom("gate", "distance") == 0
    [event] = run.asset_events
    assert (event["url"], event["pHash"], event["width"]) == (url, single["pHash"], 640)
    if AIRFLOW_3:  # Airflow 2 resolves stored links when a user opens the page
        library = f"https://imagekit.io/dashboard/media-library/detail/{ids[0]}"
        assert run.links["with_url"] == {
            "_link_ImageKitFileLink": url,
            "_link_ImageKitMediaLibraryLink": library,
        }
        assert run.links["single"] == {"_link_ImageKitFileLink": url}
    assert run.xcoms["with_url"]["imagekit_file_url"] == [url]


WAIT = (
    HEAD
    + """
with DAG("wait", schedule=None, params={"image": "", "reference": ""}) as dag:
    for mode, deferrable in (("poke", False), ("reschedule", False), ("poke", True)):
        name = "deferrable" if deferrable else mode
        PHashDistanceSensor(
            task_id=name, file_id="{{ params.image }}", reference_file_id="{{ params.reference }}",
            max_distance=8, mode=mode, deferrable=deferrable, poke_interval=0.1, timeout=60,
        )
"""
)


def test_all_modes_wait_and_agree(connection: str, imagekit: ImageKitEmulator, run_dag: RunDag) -> None:
    if not AIRFLOW_3:
        pytest.skip("dag.test() of Airflow 2 never comes back to a rescheduled task")
    imagekit.inject(status=404, body={"message": "Not yet."}, times=3, share=1)
    ids = {"image": imagekit.file_id(pictures.RECOMPRESSED), "reference": imagekit.file_id(pictures.ORIGINAL)}

    run = run_dag(WAIT, "wait", **ids)

    assert run.state == "success"
    assert run.xcom("poke") == run.xcom("reschedule") == run.xcom("deferrable")
    assert run.xcom("poke")["matched"] is True


WRONG_KEY = (
    HEAD
    + """
with DAG("wrong_key", schedule=None, default_args={"retries": 0}) as dag:
    for name, arguments in {
        "poke": {}, "reschedule": {"mode": "reschedule"}, "deferrable": {"deferrable": True},
    }.items():
        PHashDistanceSensor(
            task_id=name, file_id="a" * 24, reference_phash="f06830ca9f1e3e90", max_distance=8,
            soft_fail=True, **arguments,
        )
    FileMetadataOperator(task_id="operator", file_id="a" * 24, retries=3)
"""
)


def test_a_wrong_key_fails_every_task_at_once_and_is_shown_nowhere(
    connection: str, imagekit: ImageKitEmulator, run_dag: RunDag
) -> None:
    key = imagekit.private_key
    imagekit.private_key = "private_another="
    run = run_dag(WRONG_KEY, "wrong_key")
    assert run.state == "failed"
    assert run.states == {name: ["failed"] for name in ("poke", "reschedule", "deferrable", "operator")}
    assert len(imagekit.requests) == 4
    assert "must be a private key of this account" in run.log
    assert key not in run.log
    assert base64.b64encode(f"{key}:".encode()).decode() not in run.log
