"""Mistakes of new users: the error names the argument, the value and the way out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.threshold import ThresholdReportOperator
from airflow_provider_imagekit.operators.updates import UpdateFilesOperator
from airflow_provider_imagekit.operators.upload import UploadFileOperator
from tests.first_hour.mistakes import (
    GATES,
    NAMES,
    NOWHERE,
    TABLE,
    duplicates,
    library,
    listing,
    metadata,
    quality,
    sensor,
)
from tests.first_hour.scene import FAILS_AT_ONCE, RETRIES, WAITS, WARNS, Mistake, Scene, ended

#: Input and output paths, all of which are checked before the first request.
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
    "a store that does not exist": Mistake(
        lambda scene: duplicates(scene, output_path="s5://bucket/out"),
        ("output_path is 's5://bucket/out", "s3://"),
    ),
    "a missing input table": Mistake(
        lambda scene: library(scene, input_path="/nowhere/files.csv"),
        ("input_path", "no file /nowhere/files.csv"),
    ),
    "an input table with other columns": Mistake(
        lambda scene: library(scene, input_path=scene.path("files.csv", TABLE)),
        ("input_path", "files.csv", "'fileId'", "file_id_column", "sku, hash"),
    ),
    "a missing table of hashes": Mistake(
        lambda scene: duplicates(scene, input_path="/nowhere/hashes.csv"),
        ("input_path", "no file at /nowhere/hashes.csv"),
    ),
    "a relative table of hashes": Mistake(
        lambda scene: duplicates(scene, input_path="hashes.csv"),
        ("input_path", "hashes.csv", "starts in this worker's folder"),
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
    "a relative table that may not exist yet": Mistake(
        lambda scene: duplicates(scene, keep_path="decisions.csv"),
        ("keep_path is 'decisions.csv'", "relative"),
    ),
    "labels with other columns": Mistake(
        lambda scene: ThresholdReportOperator(
            task_id="t",
            records=[{"fileId": "a", "pHash": "f06830ca9f1e3e90"}],
            output_path=scene.path("out"),
            labels_path=scene.path("labels.csv", TABLE),
        ),
        ("labels_path", "labels.csv", "'same'", "sku, hash"),
    ),
    "a missing table for rules": Mistake(
        lambda _: quality(input_path="/nowhere/library.jsonl"), ("input_path", "no file at /nowhere/library")
    ),
    "violations in a relative table": Mistake(
        lambda scene: quality(file_id=scene.file_id, output_path="broken.jsonl"),
        ("output_path is 'broken.jsonl'", "relative"),
    ),
    "a missing table for an update": Mistake(
        lambda _: UpdateFilesOperator(task_id="t", input_path="/nowhere/files.csv", add_tags=["a"]),
        ("input_path", "no file at /nowhere/files.csv"),
    ),
    "a table for an update with other columns": Mistake(
        lambda scene: UpdateFilesOperator(
            task_id="t", input_path=scene.path("files.csv", TABLE), add_tags=["a"]
        ),
        ("input_path", "files.csv", "no column 'fileId'", "sku, hash"),
    ),
    "an upload from nowhere": Mistake(
        lambda _: UploadFileOperator(task_id="t", file="/nowhere/shoe.jpg", file_name="shoe.jpg"),
        ("file", "/nowhere/shoe.jpg"),
    ),
    "a table of duplicate_of with other columns": Mistake(
        lambda scene: UploadFileOperator(
            task_id="t",
            file=b"picture",
            file_name="shoe.jpg",
            duplicate_of=scene.path("hashes.csv", TABLE),
        ),
        ("duplicate_of", "hashes.csv", "no 'fileId'", "sku, hash"),
    ),
    "records with a bad hash": Mistake(
        lambda scene: duplicates(scene, records=[{"fileId": "a", "pHash": "zz"}]),
        ("records", "Row 1", "'zz'", "hexadecimal"),
    ),
    "no records": Mistake(
        lambda scene: duplicates(scene, records=[]),
        ("No picture has a pHash", "input_path or records"),
        WARNS,
    ),
    "no records for a report": Mistake(
        lambda scene: ThresholdReportOperator(task_id="t", records=[], output_path=scene.path("out")),
        ("No picture has a pHash", "input_path or records"),
        WARNS,
    ),
    "batches without a file": Mistake(
        lambda _: listing(batches=3), ("batches is 3", "without output_path", "Set output_path")
    ),
}

HASHES = "fileId,pHash,color\na,f06830ca9f1e3e90,red\n"

#: Values that are not among the allowed ones of an argument.
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
    "a part of EXIF to drop": Mistake(
        lambda scene: metadata(file_id=scene.file_id, exclude=["exif.gsp"]),
        ("exclude names 'exif.gsp'", "Did you mean 'exif.gps'?"),
        requests=1,
    ),
    "a part of EXIF to keep": Mistake(
        lambda scene: metadata(file_id=scene.file_id, fields="exif.images.Make"),
        ("fields names 'exif.images.Make'", "Did you mean 'exif.image'?"),
        requests=1,
    ),
    "a column of the page": Mistake(
        lambda scene: duplicates(
            scene, input_path=scene.path("hashes.csv", HASHES), report_fields=["colour", "fileId"]
        ),
        ("report_fields names 'colour'", "Did you mean 'color'?", "There are: fileId, pHash, color"),
    ),
    "a format that no picture can have": Mistake(
        lambda scene: duplicates(scene, preferred_formats=["*.jpg"]),
        ("preferred_formats names '*.jpg'", "such as jpg, png, webp"),
    ),
    "a preference without its rule": Mistake(
        lambda scene: duplicates(scene, preferred_formats=["png"], survivor_rules=["oldest"]),
        ("preferred_formats is given", "survivor_rules", "Add 'preferred_format'"),
    ),
    "a decision": Mistake(
        lambda scene: duplicates(scene, keep_path=scene.path("decisions.csv", "id,decision\na,kepe\n")),
        ("keep_path", "'kepe'", "keep or not_duplicate"),
    ),
    "a column of custom metadata": Mistake(
        lambda scene: UpdateFilesOperator(
            task_id="t",
            records=[{"fileId": scene.file_id, "color": "red"}],
            custom_metadata_columns={"paint": "colour"},
        ),
        ("custom_metadata_columns names 'colour'", "fileId, color"),
    ),
    "survivor_rules": Mistake(
        lambda scene: duplicates(scene, survivor_rules="bigest"),
        ("survivor_rules names 'bigest'", "most_pixels, largest"),
    ),
    "max_distance": Mistake(
        lambda scene: duplicates(scene, max_distance="near"), ("max_distance is 'near'", "near_duplicate")
    ),
    "gps": Mistake(
        lambda scene: metadata(file_id=scene.file_id, gps="none"), ("gps is 'none'", "keep, coarse, drop")
    ),
    "personal": Mistake(
        lambda scene: metadata(file_id=scene.file_id, personal="hide"), ("personal is 'hide'", "keep, drop")
    ),
    "max_calls": Mistake(
        lambda scene: metadata(file_id=scene.file_id, max_calls=0), ("max_calls is 0", "from 1")
    ),
    "a limit of calls that is too low": Mistake(
        lambda scene: library(scene, max_calls=1),
        ("max_calls is 1", "Raise max_calls"),
        requests=1,
    ),
    "a limit of calls that is too low for a wait": Mistake(
        lambda scene: sensor(scene, file_id=NOWHERE, timeout=60, max_calls=1),
        ("max_calls is 1", "Raise max_calls"),
        requests=1,
    ),
    "request_timeout": Mistake(
        lambda scene: metadata(file_id=scene.file_id, request_timeout="soon"),
        ("request_timeout is 'soon'", "from 0.1"),
    ),
    "max_retries": Mistake(
        lambda scene: metadata(file_id=scene.file_id, max_retries=-1), ("max_retries is -1", "from 0")
    ),
    "a rule": Mistake(
        lambda scene: quality(file_id=scene.file_id, rules=[{"rule": "min_widht", "value": 1}]),
        ("rules", "'min_widht'", "Did you mean 'min_width'"),
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
def test_a_temporary_failure_is_left_to_another_try(
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
