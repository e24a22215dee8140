"""The operator that checks pictures against quality rules."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.quality import ImageQualityOperator
from tests import pictures
from tests.doubles import TaskInstance

ROWS = [
    {"file_id": "a", "path": "/a.jpg", "url": "https://x/a.jpg", "width": 1200, "deleted_at": None},
    {"file_id": "b b", "path": "/b.jpg", "url": "https://x/b.jpg", "width": 300, "deleted_at": None},
    {"file_id": "c", "path": "/c.jpg", "url": "https://x/c.jpg", "width": 1, "deleted_at": "2026-01-01"},
]
RULE = {"rule": "min_width", "value": 1000}


class Checked(ImageQualityOperator):
    """The operator, which records the branch instead of following it."""

    branch: Any = None

    def do_branch(self, context: Any, branches_to_execute: Any) -> Any:
        self.branch = branches_to_execute


def run(**arguments: Any) -> tuple[Checked, TaskInstance]:
    operator = Checked(task_id="quality", **arguments)
    ti = TaskInstance()
    operator.execute({"ti": ti, "task": SimpleNamespace(get_closest_mapped_task_group=lambda: None)})
    return operator, ti


@pytest.fixture
def checked(tmp_path: Path) -> str:
    path = tmp_path / "library.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    return str(path)


def test_a_warning_counts_and_lists_the_violations(checked: str, tmp_path: Path) -> None:
    output = tmp_path / "violations.jsonl"
    _, ti = run(rules=[RULE | {"severity": "warn"}], input_path=checked, output_path=str(output))
    assert ti.pushed["return_value"] == {
        "checked": 2,
        "passed": 1,
        "score": 0.5,
        "broken": {"min_width": 1},
        "violations": 1,
        "violations_path": str(output),
        "severity": "warn",
        "branch": None,
    }
    assert ti.pushed["score"] == 0.5
    [violation] = [json.loads(line) for line in output.read_text().splitlines()]
    assert violation == {
        "file_id": "b b",
        "path": "/b.jpg",
        "rule": "min_width",
        "severity": "warn",
        "column": "width",
        "value": "300",
        "url": "https://x/b.jpg",
        "media_library_url": "https://imagekit.io/dashboard/media-library/detail/b%20b",
    }


def test_a_broken_rule_fails_the_task_after_its_counts_are_reported(checked: str) -> None:
    operator = Checked(task_id="quality", rules=json.dumps([RULE]), input_path=checked)
    ti = TaskInstance()
    with pytest.raises(AirflowFailException, match=r"1 of 2 files passed all rules.*min_width: 1"):
        operator.execute({"ti": ti})
    assert ti.pushed["broken"] == {"min_width": 1}


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [({"multiple_outputs": False}, {"return_value"}), ({"do_xcom_push": False}, set())],
    ids=str,
)
def test_xcom_respects_multiple_outputs_and_do_xcom_push(
    arguments: dict[str, Any], keys: set[str], checked: str
) -> None:
    _, ti = run(rules=[RULE | {"severity": "warn"}], input_path=checked, **arguments)
    assert set(ti.pushed) == keys


@pytest.mark.parametrize(("value", "branch"), [(200, ["publish"]), (1000, ["review"])])
def test_the_result_selects_the_branch_to_follow(value: int, branch: list[str], checked: str) -> None:
    operator, ti = run(
        rules=[{"rule": "min_width", "value": value, "severity": "branch"}],
        input_path=checked,
        follow_task_ids_if_passed="publish",
        follow_task_ids_if_broken=["review"],
    )
    assert operator.branch == ti.pushed["branch"] == branch


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("by", ["file_id", "url"])
def test_one_file_is_checked_by_the_same_rules(imagekit: ImageKitEmulator, by: str) -> None:
    named = {
        "file_id": imagekit.file_id(pictures.RESIZED),
        "url": f"{imagekit.url_endpoint}/{pictures.RESIZED}",
    }
    operator, ti = run(
        rules=[RULE | {"severity": "branch"}, {"rule": "phash"}, {"rule": "no_gps"}],
        follow_task_ids_if_passed="publish",
        follow_task_ids_if_broken="review",
        **{by: named[by]},
    )
    assert ti.pushed["broken"] == {"min_width": 1, "phash": 0, "no_gps": 0}
    assert operator.branch == ["review"]


def test_numbers_and_booleans_of_a_csv_file_get_their_types(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("file_id,width,has_gps,captured_at\na,1000,false,2020\nb,900,True,\nc,wide,,2020\n")
    names = ({"rule": "min_width", "value": 950}, {"rule": "no_gps"}, {"rule": "captured_at"})
    _, ti = run(rules=[rule | {"severity": "warn"} for rule in names], input_path=str(table))
    assert ti.pushed["broken"] == {"min_width": 2, "no_gps": 2, "captured_at": 1}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"rules": "None"}, "rules is"),
        ({"rules": [RULE]}, "Exactly one of input_path, file_id, url is required; given: none"),
        ({"rules": [RULE], "file_id": "a", "url": "https://x"}, "given: file_id, url"),
        ({"rules": [RULE | {"severity": "branch"}], "file_id": "a"}, "follow_task_ids_if_passed is None"),
        ({"rules": [RULE], "file_id": "a", "follow_task_ids_if_passed": "x"}, "follow_task_ids_if_broken is"),
        ({"rules": [RULE], "input_path": "/nowhere/table.jsonl"}, "There is no file at"),
        ({"rules": [RULE], "file_id": "a", "output_path": "/tmp/x.txt"}, "is not a known table format"),
    ],
)
def test_invalid_arguments_fail_the_task_at_once(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(AirflowFailException, match=text):
        run(**arguments)


def test_openlineage_gets_the_results_of_the_rules(checked: str, tmp_path: Path) -> None:
    pytest.importorskip("openlineage.client", reason="needs the extra openlineage")
    rules = [RULE | {"severity": "warn"}, {"rule": "expression", "value": "width > 1", "name": "some width"}]
    operator, _ = run(rules=rules, input_path=checked, output_path=str(tmp_path / "found.csv"))
    lineage = operator.get_openlineage_facets_on_complete(None)
    [read], [written] = lineage.inputs, lineage.outputs
    assertions = read.inputFacets["dataQualityAssertions"].assertions
    assert [(each.assertion, each.success, each.column) for each in assertions] == [
        ("min_width", False, "width"),
        ("some width", True, "width"),
    ]
    assert written.outputFacets["outputStatistics"].rowCount == 1
