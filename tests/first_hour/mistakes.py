"""Mistakes in file names and in the arguments of gates, and factories for the tasks of all mistakes."""

from __future__ import annotations

from typing import Any

from airflow_provider_imagekit.operators.deletion import DeleteFilesOperator
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.jobs import PurgeCacheOperator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.location import LocationCheckOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator, RemoteUrlMetadataOperator
from airflow_provider_imagekit.operators.phash import PHashShortCircuitOperator
from airflow_provider_imagekit.operators.quality import ImageQualityOperator
from airflow_provider_imagekit.operators.transformations import TransformationCheckOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from tests.first_hour.scene import FAILS, RETRIES, SKIPS, WAITS, WARNS, Mistake, Scene

NOWHERE = "a" * 24
TABLE = "sku,hash\n1,2\n"


def metadata(**arguments: Any) -> FileMetadataOperator:
    return FileMetadataOperator(task_id="t", **arguments)


def library(scene: Scene, **arguments: Any) -> LibraryMetadataOperator:
    return LibraryMetadataOperator(task_id="t", **{"output_path": scene.path("table.jsonl")} | arguments)


def listing(**arguments: Any) -> ListFilesOperator:
    return ListFilesOperator(task_id="t", **arguments)


def duplicates(scene: Scene, **arguments: Any) -> FindNearDuplicatesOperator:
    given = {"output_path": scene.path("out")} | arguments
    if "input_path" not in given:
        given = {"records": [{"fileId": "a", "pHash": "f06830ca9f1e3e90"}]} | given
    return FindNearDuplicatesOperator(task_id="t", **given)


def quality(**arguments: Any) -> ImageQualityOperator:
    return ImageQualityOperator(task_id="t", **{"rules": [{"rule": "min_width", "value": 1}]} | arguments)


def sensor(scene: Scene, **arguments: Any) -> PHashDistanceSensor:
    named = {"file_id", "url", "phash"} & arguments.keys()
    picture = {} if named else {"file_id": scene.file_id}
    compared = any(name.startswith("reference") for name in arguments)
    reference = {} if compared else {"reference_file_id": scene.file_id}
    given = {"max_distance": 8, "poke_interval": 0.01, "timeout": 0.05}
    return PHashDistanceSensor(task_id="t", **given | picture | reference | arguments)


#: A file, id or address that the argument does not accept.
NAMES = {
    "a path as file_id": Mistake(
        lambda _: metadata(file_id="/shop/shoe.jpg"), ("file_id is '/shop/shoe.jpg'", "a path", "find_file")
    ),
    "a URL as file_id": Mistake(
        lambda scene: metadata(file_id=scene.url), ("file_id is 'http", "a URL", "a URL as url")
    ),
    "a template that renders to None as file_id": Mistake(
        lambda _: metadata(file_id="None"), ("file_id is 'None'", "the template gave None")
    ),
    "a path as url": Mistake(
        lambda _: RemoteUrlMetadataOperator(task_id="t", url="shop/shoe.jpg"),
        ("url is 'shop/shoe.jpg'", "https://ik.imagekit.io/your_imagekit_id/"),
    ),
    "a URL of another account": Mistake(
        lambda _: RemoteUrlMetadataOperator(task_id="t", url="https://shop.example/shoe.jpg"),
        ("HTTP 400", "url https://shop.example/shoe.jpg", "below a URL endpoint of the key's own account"),
        requests=1,
    ),
    "an id that no file has": Mistake(
        lambda _: metadata(file_id=NOWHERE), ("HTTP 404", f"file_id {NOWHERE}", "Check the id"), requests=1
    ),
    "an id that no file has, to be skipped": Mistake(
        lambda _: metadata(file_id=NOWHERE, on_missing="skip"), (f"file_id {NOWHERE}",), SKIPS, 1
    ),
    "an id that no file has, to be retried": Mistake(
        lambda _: metadata(file_id=NOWHERE, on_missing="retry"), (f"file_id {NOWHERE}",), FAILS, 1
    ),
    "an id that is malformed": Mistake(
        lambda _: metadata(file_id="shoe"), ("HTTP 400", "file_id shoe"), requests=1
    ),
    "paths as file_ids": Mistake(
        lambda scene: library(scene, file_ids=["/shop/shoe.jpg"]), ("file_ids is '/shop/shoe.jpg'", "a path")
    ),
    "paths as urls": Mistake(
        lambda scene: library(scene, urls=["/shop/shoe.jpg"]), ("urls is '/shop/shoe.jpg'", "complete URL")
    ),
    "a typo in path, in a table": Mistake(
        lambda scene: library(scene, path="/shpo"), ("No files were found with path='/shpo'",), WARNS, 2
    ),
    "a typo in path, in a listing": Mistake(
        lambda _: listing(path="/shpo"), ("No files were found with path='/shpo'",), WARNS, 2
    ),
    "paths as ids of an update": Mistake(
        lambda _: UpdateFilesOperator(task_id="t", file_ids=["/shop/shoe.jpg"], add_tags=["a"]),
        ("file_ids is '/shop/shoe.jpg'", "a path"),
    ),
    "a table of paths for an update": Mistake(
        lambda _: UpdateFilesOperator(task_id="t", records=[{"fileId": "/shop/shoe.jpg"}], add_tags=["a"]),
        ("records", "fileId is '/shop/shoe.jpg'", "a path"),
    ),
    "URLs as ids of a deletion": Mistake(
        lambda scene: DeleteFilesOperator(task_id="t", file_ids=[scene.url], confirm=True),
        ("file_ids is 'http", "a URL"),
    ),
    "a path to purge": Mistake(
        lambda _: PurgeCacheOperator(task_id="t", url="/shop/shoe.jpg"),
        ("url is '/shop/shoe.jpg'", "https://ik.imagekit.io/your_imagekit_id/"),
    ),
    "an id that no file has, in a location check": Mistake(
        lambda _: LocationCheckOperator(task_id="t", file_id=NOWHERE), (f"file_id {NOWHERE}",), requests=1
    ),
    "some files of a table that are gone": Mistake(
        lambda scene: library(scene, file_ids=[NOWHERE, "b" * 24, scene.file_id], threads=1, max_failed=0),
        ("1 file failed; max_failed allows 0", "HTTP 404", "errors.jsonl"),
        RETRIES,
        1,
    ),
    "a table of files that are all gone": Mistake(
        lambda scene: library(scene, file_ids=[NOWHERE]),
        ("No file was fetched: 1 of 1 file failed", "ImageKitNotFoundError (1)", "errors.jsonl"),
        RETRIES,
        1,
    ),
}

#: The errors of the sensor and the gates name the picture or the reference.
GATES = {
    "a typo in the reference": Mistake(
        lambda scene: sensor(scene, reference_file_id=NOWHERE),
        ("The last check: Not yet: HTTP 404: reference: file_id a", "Check the id"),
        WAITS,
        2,
    ),
    "a picture that never appears": Mistake(
        lambda scene: sensor(scene, file_id=NOWHERE),
        ("The last check: Not yet: HTTP 404: picture: file_id a",),
        WAITS,
        1,
    ),
    "a path as the reference's id": Mistake(
        lambda scene: sensor(scene, reference_file_id="/shop/shoe.jpg"),
        ("reference_file_id is '/shop/shoe.jpg'", "a path"),
        FAILS,
    ),
    "a hash that was cut": Mistake(
        lambda scene: sensor(scene, phash="abc"), ("phash is 'abc'", "3 digits", "16"), FAILS
    ),
    "a reference that was cut": Mistake(
        lambda scene: PHashShortCircuitOperator(task_id="t", file_id=scene.file_id, reference_phash="abc"),
        ("reference_phash is 'abc'", "16"),
    ),
    "no distance": Mistake(
        lambda scene: sensor(scene, max_distance=None),
        ("Neither max_distance nor min_distance", "Pass max_distance"),
        FAILS,
    ),
    "a distance that makes every picture similar": Mistake(
        lambda scene: PHashShortCircuitOperator(
            task_id="t", file_id=scene.file_id, reference_file_id=scene.file_id, max_distance=30
        ),
        ("max_distance is 30", "16 or less", "force=True"),
    ),
    "two pictures": Mistake(
        lambda scene: sensor(scene, file_id=scene.file_id, url=scene.url),
        ("Exactly one of file_id, url, phash", "file_id and url"),
        FAILS,
    ),
    "a bank that does not exist": Mistake(
        lambda scene: sensor(scene, reference_bank="/nowhere/banned.csv"),
        ("reference_bank", "There is no file at /nowhere/banned.csv"),
        FAILS,
    ),
    "a bank with other columns": Mistake(
        lambda scene: sensor(scene, reference_bank=scene.path("bank.csv", TABLE)),
        ("reference_bank", "bank.csv", "no 'fileId'", "the columns are: sku, hash"),
        FAILS,
    ),
    "variants without a URL": Mistake(
        lambda scene: TransformationCheckOperator(task_id="t", file_id=scene.file_id, variants=[{"w": 1}]),
        ("Variant 1 is {'w': 1}", '{"url": …'),
    ),
}
