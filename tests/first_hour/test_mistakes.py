"""Each mistake of a first hour: the text names the argument, the value and the way out, and the end fits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator, RemoteUrlMetadataOperator
from airflow_provider_imagekit.operators.phash import PHashShortCircuitOperator
from airflow_provider_imagekit.operators.threshold import ThresholdReportOperator
from airflow_provider_imagekit.operators.transformations import TransformationCheckOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from tests.first_hour.scene import FAILS, FAILS_AT_ONCE, RETRIES, SKIPS, WAITS, WARNS, Mistake, Scene, ended

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


def sensor(scene: Scene, **arguments: Any) -> PHashDistanceSensor:
    named = {"file_id", "url", "phash"} & arguments.keys()
    picture = {} if named else {"file_id": scene.file_id}
    compared = any(name.startswith("reference") for name in arguments)
    reference = {} if compared else {"reference_file_id": scene.file_id}
    given = {"max_distance": 8, "poke_interval": 0.01, "timeout": 0.05}
    return PHashDistanceSensor(task_id="t", **given | picture | reference | arguments)


#: The file, id or address is not what the argument takes.
NAMES = {
    "a path as file_id": Mistake(
        lambda _: metadata(file_id="/shop/shoe.jpg"), ("file_id is '/shop/shoe.jpg'", "a path", "find_file")
    ),
    "a URL as file_id": Mistake(
        lambda scene: metadata(file_id=scene.url), ("file_id is 'http", "a URL", "passed as url")
    ),
    "a template of nothing as file_id": Mistake(
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
        lambda scene: library(scene, urls=["/shop/shoe.jpg"]), ("urls is '/shop/shoe.jpg'", "whole address")
    ),
    "a typo in path, in a table": Mistake(
        lambda scene: library(scene, path="/shpo"), ("No files were found with path='/shpo'",), WARNS, 2
    ),
    "a typo in path, in a listing": Mistake(
        lambda _: listing(path="/shpo"), ("No files were found with path='/shpo'",), WARNS, 2
    ),
    "a table of files that are all gone": Mistake(
        lambda scene: library(scene, file_ids=[NOWHERE]),
        ("No file was fetched: 1 of 1 file failed", "ImageKitNotFoundError (1)", "errors.jsonl"),
        RETRIES,
        1,
    ),
}

#: The sensor and the gates name the side.
GATES = {
    "a typo in the reference": Mistake(
        lambda scene: sensor(scene, reference_file_id=NOWHERE),
        ("The last check: Not yet: HTTP 404: reference: file_id a", "Check the id"),
        WAITS,
        2,
    ),
    "a picture that never comes": Mistake(
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
    "a distance that calls everything alike": Mistake(
        lambda scene: PHashShortCircuitOperator(
            task_id="t", file_id=scene.file_id, reference_file_id=scene.file_id, max_distance=30
        ),
        ("max_distance is 30", "16 or below", "force=True"),
    ),
    "two pictures": Mistake(
        lambda scene: sensor(scene, file_id=scene.file_id, url=scene.url),
        ("Exactly one of file_id, url, phash", "file_id and url"),
        FAILS,
    ),
    "a bank that is not there": Mistake(
        lambda scene: sensor(scene, reference_bank="/nowhere/banned.csv"),
        ("reference_bank", "There is no file at /nowhere/banned.csv"),
        FAILS,
    ),
    "a bank with other columns": Mistake(
        lambda scene: sensor(scene, reference_bank=scene.path("bank.csv", TABLE)),
        ("reference_bank", "bank.csv", "no 'fileId'", "there are: sku, hash"),
        FAILS,
    ),
    "variants without a URL": Mistake(
        lambda scene: TransformationCheckOperator(task_id="t", file_id=scene.file_id, variants=[{"w": 1}]),
        ("Variant 1 is {'w': 1}", '{"url": …'),
    ),
}

#: Where to read and write: all of it is known before the first request.
TABLES = {
    "a relative output_path of a table": Mistake(
        lambda scene: library(scene, output_path="table.jsonl"),
        ("output_path is 'table.jsonl'", "relative", "/data/"),
    ),
    "a relative output_path of a listing": Mistake(
        lambda _: listing(output_path="list.jsonl"), ("output_path is 'list.jsonl'", "relative")
    ),
    "a relative output_path of a search": Mistake(
        lambda scene: duplicates(scene, output_path="out"), ("output_path is 'out", "relative")
    ),
    "a folder that cannot be written": Mistake(
        lambda scene: library(scene, output_path="/proc/table.jsonl"),
        ("output_path is '/proc/table.jsonl'", "cannot be written", "may write there"),
    ),
    "an ending that is not a table's": Mistake(
        lambda scene: library(scene, output_path=scene.path("table.txt")),
        ("output_path", "'table.txt'", "Use .jsonl"),
    ),
    "a library as CSV": Mistake(
        lambda scene: library(scene, output_path=scene.path("table.csv")),
        ("output_path", "CSV", "Use .jsonl or .parquet"),
    ),
    "a listing as text": Mistake(
        lambda scene: listing(output_path=scene.path("list.txt")), ("output_path", "'list.txt'", "Use .jsonl")
    ),
    "a listing as CSV": Mistake(
        lambda scene: listing(output_path=scene.path("list.csv")), ("output_path", "'list.csv'", "Use .jsonl")
    ),
    "a Google store without its provider": Mistake(
        lambda scene: library(scene, output_path="gs://bucket/table.jsonl"),
        ("output_path is 'gs://bucket/table.jsonl'", "apache-airflow-providers-google"),
    ),
    "an S3 store without its provider": Mistake(
        lambda scene: listing(output_path="s3://bucket/list.jsonl"),
        ("output_path is 's3://bucket/list.jsonl'", "apache-airflow-providers-amazon[s3fs]"),
    ),
    "a store that nobody has": Mistake(
        lambda scene: duplicates(scene, output_path="s5://bucket/out"),
        ("output_path is 's5://bucket/out", "s3://"),
    ),
    "an input table that is not there": Mistake(
        lambda scene: library(scene, input_path="/nowhere/files.csv"),
        ("input_path", "no file /nowhere/files.csv"),
    ),
    "an input table with other columns": Mistake(
        lambda scene: library(scene, input_path=scene.path("files.csv", TABLE)),
        ("'fileId'", "file_id_column", "sku, hash"),
    ),
    "a table of hashes that is not there": Mistake(
        lambda scene: duplicates(scene, input_path="/nowhere/hashes.csv"),
        ("input_path", "no file at /nowhere/hashes.csv"),
    ),
    "a relative table of hashes": Mistake(
        lambda scene: duplicates(scene, input_path="hashes.csv"),
        ("input_path", "hashes.csv", "begins at this worker's folder"),
    ),
    "a table of hashes with other columns": Mistake(
        lambda scene: duplicates(scene, input_path=scene.path("hashes.csv", TABLE)),
        ("input_path", "hashes.csv", "no 'fileId'", "sku, hash"),
    ),
    "references with other columns": Mistake(
        lambda scene: duplicates(scene, reference_path=scene.path("masters.csv", TABLE)),
        ("reference_path", "masters.csv", "no 'fileId'", "sku, hash"),
    ),
    "decisions with other columns": Mistake(
        lambda scene: duplicates(scene, not_duplicates_path=scene.path("decisions.csv", TABLE)),
        ("not_duplicates_path", "no 'id'", "sku, hash"),
    ),
    "records with a bad hash": Mistake(
        lambda scene: duplicates(scene, records=[{"fileId": "a", "pHash": "zz"}]),
        ("records", "Row 1", "'zz'", "hexadecimal"),
    ),
    "no records": Mistake(
        lambda scene: duplicates(scene, records=[]),
        ("no picture with a pHash", "input_path or records"),
        WARNS,
    ),
    "no records for a report": Mistake(
        lambda scene: ThresholdReportOperator(task_id="t", records=[], output_path=scene.path("out")),
        ("no picture with a pHash", "input_path or records"),
        WARNS,
    ),
    "batches without a file": Mistake(
        lambda _: listing(batches=3), ("batches is 3", "without output_path", "Set output_path")
    ),
}

#: Words that are not among those of an argument.
WORDS = {
    "a field with another case": Mistake(
        lambda scene: metadata(file_id=scene.file_id, fields="phash"),
        ("fields names 'phash'", "pHash"),
        requests=1,
    ),
    "on_missing": Mistake(
        lambda scene: metadata(file_id=scene.file_id, on_missing="ignore"),
        ("on_missing is 'ignore'", "fail, skip, retry"),
    ),
    "file_type of a listing": Mistake(
        lambda _: listing(file_type="images"), ("file_type is 'images'", "all, image, non-image")
    ),
    "file_type of a table": Mistake(
        lambda scene: library(scene, file_type="images"), ("file_type is 'images'", "all, image, non-image")
    ),
    "sort": Mistake(lambda _: listing(sort="NEWEST"), ("sort is 'NEWEST'", "DESC_CREATED")),
    "a field of the search": Mistake(
        lambda _: listing(search_query='statsu = "x"'),
        ("HTTP 400", "search_query", "'statsu' is not a field"),
        requests=1,
    ),
    "a field of the listing": Mistake(
        lambda _: listing(fields="fileid"), ("fields names 'fileid'", "Did you mean 'fileId'?")
    ),
    "timezone": Mistake(
        lambda scene: library(scene, timezone="Mars"), ("timezone is 'Mars'", "Europe/Berlin")
    ),
    "survivor_rules": Mistake(
        lambda scene: duplicates(scene, survivor_rules="bigest"),
        ("survivor_rules names 'bigest'", "most_pixels, largest"),
    ),
    "max_distance": Mistake(
        lambda scene: duplicates(scene, max_distance="near"), ("max_distance is 'near'", "near_duplicate")
    ),
    "output_format": Mistake(
        lambda scene: duplicates(scene, output_format="xlsx"),
        ("output_format is 'xlsx'", "jsonl, csv, parquet"),
    ),
    "plot_format": Mistake(
        lambda scene: ThresholdReportOperator(
            task_id="t", records=[], output_path=scene.path("out"), plot_format="gif"
        ),
        ("plot_format is 'gif'", "png"),
    ),
}

ALL = {**NAMES, **GATES, **TABLES, **WORDS}


@pytest.mark.parametrize("name", ALL)
def test_a_mistake_is_named_with_its_value_and_the_way_out(
    name: str,
    connection: str,
    imagekit: ImageKitEmulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    mistake = ALL[name]
    task = mistake.task(Scene(imagekit, tmp_path))
    imagekit.clear()
    end, text = ended(task, capsys, caplog)
    assert [part for part in mistake.says if part not in text] == [], text
    assert end == mistake.ends
    if end == WAITS:
        assert len(imagekit.requests) >= mistake.requests
    else:
        assert len(imagekit.requests) == mistake.requests


@pytest.mark.parametrize("error", [429, 503])
def test_what_passes_by_itself_is_left_to_another_try(
    error: int,
    connection: str,
    imagekit: ImageKitEmulator,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    imagekit.inject(status=error, headers={"X-RateLimit-Reset": "1"}, times=None)
    end, text = ended(metadata(file_id=NOWHERE, imagekit_conn_id=connection), capsys, caplog)
    assert end == RETRIES
    assert f"file_id {NOWHERE}" in text


@pytest.mark.parametrize(
    ("name", "package", "task"),
    [
        ("output_path", "pyarrow", lambda scene: library(scene, output_path=scene.path("table.parquet"))),
        ("output_format", "pyarrow", lambda scene: duplicates(scene, output_format="parquet")),
        (
            "plot_format",
            "matplotlib",
            lambda scene: ThresholdReportOperator(
                task_id="t", records=[], output_path=scene.path("out"), plot_format="png"
            ),
        ),
    ],
)
def test_a_missing_extra_is_named_before_anything_is_done(
    name: str,
    package: str,
    task: Any,
    connection: str,
    imagekit: ImageKitEmulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for module in (package, f"{package}.figure"):
        monkeypatch.setitem(sys.modules, module, None)
    end, text = ended(task(Scene(imagekit, tmp_path)), capsys, caplog)
    assert end == FAILS_AT_ONCE
    assert name in text
    assert package in text
    assert "airflow-provider-imagekit[" in text
    assert not imagekit.requests
    assert not list(tmp_path.iterdir())
