"""OpenLineage events of tasks, written to a file by OpenLineage's client."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import typing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import attr
import jsonschema
import pytest

from airflow_provider_imagekit.assets.datasets import Check, Dataset, table
from airflow_provider_imagekit.assets.factory import create_asset
from airflow_provider_imagekit.assets.lineage import convert_asset_to_openlineage, operator_lineage
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.library.table.schema import COLUMNS
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator
from airflow_provider_imagekit.operators.phash import PHashShortCircuitOperator
from tests import pictures

openlineage = pytest.importorskip("openlineage.client", reason="needs the extra openlineage")

from openlineage.client.event_v2 import Job, Run, RunEvent, RunState  # noqa: E402
from openlineage.client.facet_v2 import (  # noqa: E402
    data_quality_assertions_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)
from openlineage.client.transport.file import FileConfig, FileTransport  # noqa: E402

FACETS = (
    schema_dataset.SchemaDatasetFacet,
    output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
)
JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object"}


class TaskInstance:
    dag_id = task_id = run_id = "one"
    map_index = -1

    def xcom_push(self, key: str, value: Any) -> None:
        pass


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the JSON schema of a generated class of OpenLineage's client."""
    if not attr.has(kind):
        inner = [each for each in get_args(kind) if each is not type(None)]
        if inner and getattr(kind, "__origin__", None) is list:
            return {"type": "array", "items": schema_of(inner[0])}
        if inner and getattr(kind, "__origin__", None) is not dict:
            return {"anyOf": [schema_of(each) for each in inner]}
        return {"type": JSON_TYPES.get(kind, "object")}
    known = vars(typing) | {name: value for each in kind.__mro__[:-1] for name, value in names_of(each)}
    hints = {field.name: eval(str(field.type), known) for field in attr.fields(kind)}
    fields = [field for field in attr.fields(kind) if not field.name.startswith("_additional")]
    return {
        "type": "object",
        "properties": {field.name: schema_or_any(hints[field.name], kind) for field in fields},
        "required": [field.name for field in fields if field.default is attr.NOTHING],
        "additionalProperties": False,
    }


def names_of(kind: Any) -> list[tuple[str, Any]]:
    """Return the names that the annotations of a class can use."""
    return list(vars(inspect.getmodule(kind)).items())


def schema_or_any(hint: Any, owner: Any) -> dict[str, Any]:
    """Return the schema of a field; recursive fields, such as nested columns, are not followed."""
    return {} if re.search(rf"\b{owner.__name__}\b", str(hint)) else schema_of(hint)


def validated(lineage: Any, file: Path) -> dict[str, Any]:
    """Send an event through the file transport, validate it and return it."""
    event = RunEvent(
        eventTime=datetime.now(UTC).isoformat(),
        producer="https://example.com/tests",
        run=Run(runId=str(uuid4())),
        job=Job(namespace="tests", name="one"),
        eventType=RunState.COMPLETE,
        inputs=lineage.inputs,
        outputs=lineage.outputs,
    )
    FileTransport(FileConfig(log_file_path=str(file), append=True)).emit(event)
    written: dict[str, Any] = json.loads(file.read_text("utf-8").splitlines()[-1])
    for dataset in written["inputs"] + written["outputs"]:
        for kind in ("facets", "inputFacets", "outputFacets"):
            for facet in dataset.get(kind, {}).values():
                validate(facet)
    return written


def validate(facet: dict[str, Any]) -> None:
    [found] = [kind for kind in FACETS if kind._get_schema() == facet["_schemaURL"]]
    assert re.match("https://openlineage.io/spec/facets/", facet["_schemaURL"])
    jsonschema.validate(facet, schema_of(found))


def names(datasets: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(dataset["namespace"], dataset["name"]) for dataset in datasets]


def execute(operator: Any) -> Any:
    operator.execute({"ti": TaskInstance(), "task": operator})
    return operator.get_openlineage_facets_on_complete(None)


@pytest.fixture
def account(imagekit: ImageKitEmulator, connection: str) -> str:
    """The namespace of the local server's account."""
    host, _, name = imagekit.url_endpoint.removeprefix("http://").partition("/")
    return f"imagekit://{host} /{name}"


def test_an_invalid_facet_fails_the_validation() -> None:
    facet = schema_dataset.SchemaDatasetFacet(fields=[])
    good = {"fields": [], "_producer": "", "_schemaURL": facet._get_schema()}
    validate(good)
    for wrong in (good | {"fields": "none"}, good | {"other": 1}, good | {"fields": [{"type": "int"}]}):
        with pytest.raises(jsonschema.ValidationError):
            validate(wrong)


def test_the_librarys_table_has_its_columns_and_rows(account: str, tmp_path: Path) -> None:
    output = tmp_path / "library.jsonl"
    lineage = execute(LibraryMetadataOperator(task_id="library", path="/shop", output_path=str(output)))
    event = validated(lineage, tmp_path / "events")
    namespace, name = account.split()
    assert names(event["inputs"]) == [(namespace, f"{name}/shop")]
    [written] = event["outputs"]
    assert names([written]) == [("file", str(output))]
    columns = {field["name"]: field["type"] for field in written["facets"]["schema"]["fields"]}
    assert columns == {column.name: column.kind.value for column in COLUMNS}
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 5


def test_a_table_in_a_storage_is_named_without_its_connection(tmp_path: Path) -> None:
    checks = (Check("min_width >= 1000", passed=False, column="width"), Check("gps", passed=True))
    read = Dataset("imagekit://demo", "/shop/a.jpg", checks=checks)
    lineage = operator_lineage([read], [table("s3://aws_default@bucket/folder/library.parquet", rows=3)])
    event = validated(lineage, tmp_path / "events")
    assert names(event["outputs"]) == [("s3://bucket", "folder/library.parquet")]
    assertions = event["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(each["assertion"], each["success"], each.get("column")) for each in assertions] == [
        ("min_width >= 1000", False, "width"),
        ("gps", True, None),
    ]


def test_listing_and_near_duplicates_report_their_inputs(account: str, tmp_path: Path) -> None:
    listing, library = tmp_path / "listing.jsonl", tmp_path / "library.jsonl"
    namespace, name = account.split()
    event = validated(
        execute(ListFilesOperator(task_id="list", output_path=str(listing))), tmp_path / "events"
    )
    assert names(event["inputs"]) == [(namespace, name)]
    assert event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 6
    found = execute(
        LibraryMetadataOperator(task_id="library", input_path=str(listing), output_path=str(library))
    )
    assert names(validated(found, tmp_path / "events")["inputs"]) == [("file", str(listing))]
    near = FindNearDuplicatesOperator(
        task_id="near", input_path=str(library), output_path=str(tmp_path / "near")
    )
    event = validated(execute(near), tmp_path / "events")
    assert names(event["inputs"]) == [("file", str(library))]
    assert [Path(dataset["name"]).name for dataset in event["outputs"]] == ["groups.jsonl", "pairs.jsonl"]


def test_a_gate_reports_its_files_without_transformations(
    imagekit: ImageKitEmulator, account: str, tmp_path: Path
) -> None:
    file_id = imagekit.file_id(pictures.ORIGINAL)
    namespace, name = account.split()
    operator = PHashShortCircuitOperator(
        task_id="gate",
        file_id=file_id,
        reference_url=f"{imagekit.url_endpoint}/tr:w-100/{pictures.RECOMPRESSED}?updatedAt=1&v=2",
        continue_if="similar",
        max_distance=8,
    )
    event = validated(execute(operator), tmp_path / "events")
    assert names(event["inputs"]) == [
        (namespace, f"{name}?fileId={file_id}"),
        (namespace, f"{name}/{pictures.RECOMPRESSED}"),
    ]


def test_a_metadata_call_reports_its_file(imagekit: ImageKitEmulator, account: str, tmp_path: Path) -> None:
    file_id = imagekit.file_id(pictures.ORIGINAL)
    event = validated(execute(FileMetadataOperator(task_id="one", file_id=file_id)), tmp_path / "events")
    assert len(event["inputs"]) == 1
    assert event["outputs"] == []


def test_airflow_converts_an_asset() -> None:
    dataset = convert_asset_to_openlineage(create_asset(account="demo", path="/shop/a b.jpg"), None)
    assert (dataset.namespace, dataset.name) == ("imagekit://demo", "/shop/a b.jpg")


# Calls the hook in a process in which Airflow collects the lineage of hooks, and prints what it collects.
HOOK_CALLS = """
import json, sys
from airflow_provider_imagekit.compat import get_hook_lineage_collector
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
file_id, url, bad_url = sys.argv[1:]
hook = ImageKitHook()
hook.get_file_metadata(file_id)
hook.get_remote_url_metadata(url)
try:
    hook.get_remote_url_metadata(bad_url)
except Exception:
    pass
list(hook.list_files(path="/shop"))
hook.upload_file(b"GIF89a", "new.gif", folder="/shop", unique_name=False)
collector = get_hook_lineage_collector()
collected = getattr(collector, "collected_assets", None) or collector.collected_datasets
def uris(group):
    return [(getattr(each, "asset", None) or each.dataset).uri for each in group]
print(json.dumps([uris(collected.inputs), uris(collected.outputs)]))
"""


@pytest.mark.slow
def test_a_hook_reports_its_inputs_and_outputs(
    written_imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", '{"type": "console"}')
    file_id, served = written_imagekit.file_id(pictures.ORIGINAL), written_imagekit.url_endpoint
    urls = f"{served}/tr:w-10/{pictures.ORIGINAL}", "https://ik.imagekit.io/?ik-s=0123456789"
    done = subprocess.run(
        [sys.executable, "-c", HOOK_CALLS, file_id, *urls], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    read, written = json.loads(done.stdout.splitlines()[-1])
    endpoint = served.removeprefix("http")
    assert read == [
        f"imagekit{endpoint}?fileId={file_id}",
        f"imagekit{endpoint}/{pictures.ORIGINAL}",
        f"imagekit{endpoint}/shop",
    ]
    assert written == [f"imagekit{endpoint}/shop/new.gif"]
