from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_imagekit.compat import AirflowFailException, Asset
from airflow_provider_imagekit.io.tables import read_rows
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.threshold import ThresholdReportOperator
from tests.doubles import context

A, NEAR, NEARER, FAR, FLAT = (
    "f06830ca9f1e3e90",
    "f06830ca9f1e3e97",
    "f06830ca9f1e3e91",
    "2222222222222222",
    "dcb0d01380eef490",
)
ROWS: list[dict[str, Any]] = [
    {"file_id": "a", "phash": A, "path": "/shop/a.jpg", "width": 10, "height": 10},
    {"file_id": "b", "phash": NEAR, "path": "/shop/b.jpg", "width": 30, "height": 30},
    {"file_id": "c", "phash": NEARER, "path": "/masters/c.png", "width": 5, "height": 5},
    {"file_id": "d", "phash": FAR, "path": "/shop/d.jpg"},
    {"file_id": "video", "phash": None},
    {"file_id": "black", "phash": "0" * 16},
    {"file_id": "grey", "phash": FLAT},
    {"file_id": "gone", "phash": A, "deleted_at": "2026-01-01T00:00:00Z"},
]


@pytest.fixture
def table(tmp_path: Path) -> str:
    return write(tmp_path / "library.jsonl", ROWS)


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def rows_of(path: str) -> list[dict[str, Any]]:
    with Path(path).open("rb") as file:
        return list(read_rows(file, path.rpartition(".")[2]))


def find(folder: Path, task: Any = None, **arguments: Any) -> Any:
    operator = FindNearDuplicatesOperator(task_id="find", output_path=f"{folder}/out/", **arguments)
    return operator.execute(task or context())


class TestFinding:
    def test_groups_pairs_and_a_page_are_written_and_counted(self, table: str, tmp_path: Path) -> None:
        task = context()
        found = find(tmp_path, task, input_path=table, low_information=[FLAT])
        assert found == {
            "radius": 8,
            "compared": 4,
            "groups": 1,
            "duplicates": 2,
            "low_information": 2,
            "without_phash": 1,
            "pairs": 3,
            "groups_path": f"{tmp_path}/out/groups.jsonl",
            "pairs_path": f"{tmp_path}/out/pairs.jsonl",
            "report_path": f"{tmp_path}/out/groups.html",
        }
        rows = rows_of(found["groups_path"])
        assert [(row["id"], row["keep"], row["distance"]) for row in rows] == [
            ("b", True, 0),
            ("c", False, 2),
            ("a", False, 3),
        ]
        pairs = rows_of(found["pairs_path"])
        assert sorted(tuple(sorted((row["id"], row["other_id"]))) for row in pairs) == [
            ("a", "b"),
            ("a", "c"),
            ("b", "c"),
        ]
        page = Path(found["report_path"]).read_text()
        assert "2 near-duplicates in 1 group: within" in page
        assert "Set apart: 2 flat, 1 without a pHash" in page
        assert task["ti"].pushed == {}, "Airflow links only to http and https"

    def test_records_may_come_from_xcom(self, tmp_path: Path) -> None:
        records = [{"fileId": "a", "pHash": A}, {"fileId": "b", "pHash": NEAR}]
        assert find(tmp_path, records=records)["duplicates"] == 1
        assert find(tmp_path, records=[])["groups"] == 0

    def test_a_bad_value_in_an_unused_column_is_ignored(self, tmp_path: Path) -> None:
        path = str(tmp_path / "library.parquet")
        columns = {"id": ["a", "b"], "pHash": [A, NEAR], "seen": pa.array([1 << 60] * 2, pa.timestamp("ms"))}
        pq.write_table(pa.table(columns), path)
        assert find(tmp_path, input_path=path)["duplicates"] == 1
        with pytest.raises(AirflowFailException, match="'seen' holds an unreadable value"):
            find(tmp_path, input_path=path, report_fields=["seen"])

    def test_a_bad_value_in_an_unused_column_of_decisions_is_ignored(
        self, table: str, tmp_path: Path
    ) -> None:
        path = str(tmp_path / "decisions.parquet")
        bad = pa.array([1 << 60], pa.timestamp("ms"))
        pq.write_table(pa.table({"when": bad, "id": ["a"], "other_id": ["b"], "same": [True]}), path)
        find(tmp_path, input_path=table, keep_path=path, not_duplicates_path=path)
        pq.write_table(pa.table({"when": bad, "phash": [A], "other_phash": [NEAR], "same": [True]}), path)
        ThresholdReportOperator(
            task_id="t", input_path=table, output_path=str(tmp_path), labels_path=path
        ).execute(context())

    @pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet", ""])
    def test_a_column_of_the_page_that_no_table_has_is_refused_before_the_search(
        self, ending: str, tmp_path: Path
    ) -> None:
        columns = {"id": ["a", "b"], "pHash": [A, NEAR], "color": ["red", "blue"], "created_at": ["", ""]}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        path = tmp_path / f"library.{ending}"
        if ending == "parquet":
            pq.write_table(pa.table(columns), path)
        elif ending == "csv":
            path.write_text("".join(f"{','.join(row)}\n" for row in [columns, *map(dict.values, rows)]))
        else:
            write(path, rows)
        given: dict[str, Any] = {"input_path": str(path)} if ending else {"records": rows}
        with pytest.raises(
            AirflowFailException, match=r"names 'colour', which .* mean 'color'\? There are: id"
        ):
            find(tmp_path, report_fields="color, created, colour", max_pairs=0, **given)
        assert find(tmp_path, report_fields="color, created", **given)["duplicates"] == 1

    @pytest.mark.parametrize("source", ["table", "records"])
    def test_lone_surrogates_are_replaced_before_the_work(self, source: str, tmp_path: Path) -> None:
        records = [{"id": f"{n}\ud800", "pHash": A, "path": f"/{n}\udfff.jpg"} for n in "ab"]
        given = (
            {"records": records}
            if source == "records"
            else {"input_path": write(tmp_path / "t.jsonl", records)}
        )
        rows = rows_of(find(tmp_path, **given)["groups_path"])
        assert [(row["id"], row["path"]) for row in rows] == [
            ("a\ufffd", "/a\ufffd.jpg"),
            ("b\ufffd", "/b\ufffd.jpg"),
        ]

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [({}, "=cmd"), ({"escape_formulas": "no"}, "=cmd"), ({"escape_formulas": True}, "'=cmd")],
    )
    def test_names_that_a_spreadsheet_evaluates_are_escaped_on_request(
        self, arguments: dict[str, Any], name: str, tmp_path: Path
    ) -> None:
        rows = [{"id": "=cmd", "phash": A}, {"id": "+b", "phash": NEAR}, {"id": "plain", "phash": NEARER}]
        table = write(tmp_path / "input.jsonl", rows)
        found = find(tmp_path, input_path=table, output_format="csv", **arguments)
        names = {row["id"].removeprefix("'") for row in rows_of(found["groups_path"])}
        assert names == {"=cmd", "+b", "plain"}
        cells = {row[key] for row in rows_of(found["pairs_path"]) for key in ("id", "other_id") if key in row}
        assert (name in cells, "plain" in cells) == (True, True)

    @pytest.mark.parametrize("form", ["csv", "parquet"])
    def test_other_table_formats_can_be_written(self, form: str, table: str, tmp_path: Path) -> None:
        found = find(tmp_path, input_path=table, output_format=form)
        assert [row["id"] for row in rows_of(found["groups_path"])] == ["b", "c", "a"]
        assert len(rows_of(found["pairs_path"])) == found["pairs"] == 3

    def test_pairs_and_page_can_be_left_out(self, table: str, tmp_path: Path) -> None:
        task = context()
        found = find(tmp_path, task, input_path=table, write_pairs=False, write_report=False)
        assert not {"pairs", "pairs_path", "report_path"} & found.keys()
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["groups.jsonl"]
        assert task["ti"].pushed == {}

    def test_a_preference_that_no_picture_has_is_logged(
        self,
        table: str,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        find(tmp_path, input_path=table, preferred_folders=["/Masters"], preferred_formats="png, tga")
        text = caplog.text + "".join(capsys.readouterr())  # Airflow 2 logs there, Airflow 3 here
        assert "'/Masters'" in text
        assert "'tga'" in text
        assert "'png'" not in text

    def test_the_survivor_follows_the_rules(self, table: str, tmp_path: Path) -> None:
        for arguments in ({"preferred_folders": ["/masters"]}, {"preferred_formats": "png, jpg"}):
            rows = rows_of(find(tmp_path, input_path=table, **arguments)["groups_path"])
            assert rows[0]["id"] == "c"
        rules = rows_of(find(tmp_path, input_path=table, survivor_rules="largest")["groups_path"])
        assert rules[0]["id"] == "a"

    def test_pairs_marked_as_no_duplicates_never_come_back(self, table: str, tmp_path: Path) -> None:
        marked = write(tmp_path / "not.jsonl", [{"id": "a", "other_id": "b"}, {"id": "b", "other_id": "c"}])
        found = find(tmp_path, input_path=table, not_duplicates_path=marked)
        assert [row["id"] for row in rows_of(found["groups_path"])] == ["a", "c"]
        assert found["pairs"] == 1

    def test_known_pictures_are_compared_only_with_new_ones(self, table: str, tmp_path: Path) -> None:
        known = write(tmp_path / "known.jsonl", [*ROWS[:2], {**ROWS[3], "phash": NEAR}])
        found = find(tmp_path, input_path=table, known_path=known, low_information=[FLAT])
        assert found["compared"] == 2  # c is new, and the hash of d has changed
        assert found["pairs"] == 2

    def test_a_first_run_has_no_known_pictures(self, table: str, tmp_path: Path) -> None:
        missing = str(tmp_path / "yesterday.jsonl")
        assert find(tmp_path, input_path=table, known_path=missing, not_duplicates_path=missing)["pairs"] == 3

    def test_a_reference_is_kept_and_never_a_copy(self, table: str, tmp_path: Path) -> None:
        masters = write(tmp_path / "masters.jsonl", [ROWS[2]])
        rows = rows_of(find(tmp_path, input_path=table, reference_path=masters)["groups_path"])
        assert [(row["id"], row["origin"]) for row in rows] == [
            ("c", "reference"),
            ("a", "new"),
            ("b", "new"),
        ]

    def test_the_asset_event_has_counts_and_paths(self, table: str, tmp_path: Path) -> None:
        asset = Asset("file://dedup/groups.jsonl")
        event = SimpleNamespace(extra={})
        find(tmp_path, context(outlet_events={asset: event}), input_path=table, outlets=[asset])
        assert event.extra["groups"] == 1
        assert event.extra["report_path"].endswith("groups.html")

    def test_the_link_opens_the_page_at_report_url(self, table: str, tmp_path: Path) -> None:
        task = context()
        find(tmp_path, task, input_path=table, report_url="https://reports.example/groups.html")
        assert task["ti"].pushed["imagekit_report_url"] == "https://reports.example/groups.html"


class TestRefusing:
    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ({}, "Exactly one of input_path and records"),
            ({"input_path": "/none.jsonl", "records": []}, "Exactly one of input_path and records"),
            ({"input_path": "/none/none.jsonl"}, "There is no file at /none/none.jsonl"),
            ({"records": "abc"}, "records is 'abc'"),
            ({"records": ROWS, "max_distance": 17}, "use 16 or less"),
            ({"records": ROWS, "max_pairs": 1}, "More than 1 pair found within 8 bits"),
            ({"records": ROWS, "max_pairs": "many"}, "max_pairs is 'many'"),
            ({"records": ROWS, "survivor_rules": ["prettiest"]}, "survivor_rules names 'prettiest'"),
            ({"records": ROWS, "preferred_folders": 3.5}, "preferred_folders is 3.5"),
            ({"records": ROWS, "output_format": "xlsx"}, "output_format is 'xlsx'"),
            ({"records": ROWS, "id_column": "sku"}, "no 'sku'"),
            ({"records": [*ROWS, ROWS[0]]}, "'a' occurs twice in its table"),
            ({"records": ROWS, "reference_path": "/none/masters.csv"}, "There is no file"),
        ],
        ids=str,
    )
    def test_bad_input_fails_without_a_retry_and_writes_nothing(
        self, arguments: dict[str, Any], text: str, tmp_path: Path
    ) -> None:
        with pytest.raises(AirflowFailException, match=text):
            find(tmp_path, **arguments)
        assert not (tmp_path / "out").exists()

    def test_a_blank_output_path_is_refused(self) -> None:
        with pytest.raises(AirflowFailException, match="output_path"):
            FindNearDuplicatesOperator(task_id="t", output_path=" ", records=ROWS).execute(context())


class TestThreshold:
    def report(self, folder: Path, task: Any = None, **arguments: Any) -> Any:
        operator = ThresholdReportOperator(task_id="threshold", output_path=str(folder), **arguments)
        return operator.execute(task or context())

    def test_it_suggests_a_radius_and_shows_why(self, table: str, tmp_path: Path) -> None:
        task = context()
        found = self.report(tmp_path / "out", task, input_path=table, low_information=[FLAT])
        assert (found["suggested_radius"], found["pictures"], found["left_out"]) == (8, 4, 3)
        assert found["risk"]
        assert "| radius |" in Path(found["report_path"]).read_text()
        assert json.loads(Path(found["json_path"]).read_text())["suggested_radius"] == 8
        assert task["ti"].pushed == {}
        json.dumps(found, allow_nan=False)

    def test_labels_come_from_a_file_or_a_list(self, table: str, tmp_path: Path) -> None:
        labels = [
            {"id": "a", "other_id": "b", "same": "yes"},
            {"phash": A, "other_phash": FAR, "same": False},
        ]
        as_list = self.report(tmp_path, input_path=table, labels=labels)
        as_file = self.report(tmp_path, input_path=table, labels_path=write(tmp_path / "l.jsonl", labels))
        assert as_list == as_file
        assert as_list["labels"] == 2

    @pytest.mark.parametrize(("form", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
    def test_a_plot_is_drawn_on_request(self, form: str, begin: bytes, table: str, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        found = self.report(tmp_path, input_path=table, plot_format=form)
        assert Path(found["plot_path"]).read_bytes().startswith(begin)

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ({"plot_format": "gif"}, "plot_format is 'gif'"),
            ({"max_false_share": 2}, "max_false_share is 2"),
            ({"min_precision": "high"}, "min_precision is 'high'"),
            ({"max_distance": 20}, "use 16 or less"),
            ({"labels": ["a"]}, "labels is"),
            ({"labels": [{"id": "a", "other_id": "unknown", "same": 1}]}, "'other_id' is not a picture"),
        ],
        ids=str,
    )
    def test_bad_input_fails_without_a_retry(
        self, arguments: dict[str, Any], text: str, tmp_path: Path
    ) -> None:
        with pytest.raises(AirflowFailException, match=text):
            self.report(tmp_path, records=ROWS, **arguments)


def test_nothing_is_pushed_for_a_task_that_failed(tmp_path: Path) -> None:
    task = context()
    with pytest.raises(AirflowFailException):
        find(tmp_path, task, records=ROWS, max_pairs=0)
    assert task["ti"].pushed == {}


FULL_DISK = """
import resource, sys
from airflow_provider_imagekit.exceptions import StorageError
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.threshold import ThresholdReportOperator
from tests.doubles import context

operator = {"find": FindNearDuplicatesOperator, "report": ThresholdReportOperator}[sys.argv[1]]
task = operator(task_id="task", input_path=sys.argv[2], output_path=sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
try:
    task.execute(context())
except StorageError as error:
    sys.stdout.write(f"refused: {error.message}")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("operator", "limit"), [("find", 1000), ("find", 3000), ("report", 1000)])
def test_a_full_disk_leaves_the_old_outputs_as_they_were(
    table: str, tmp_path: Path, operator: str, limit: int
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    for name in ("groups.jsonl", "pairs.jsonl", "groups.html", "threshold.md", "threshold.json"):
        (output / name).write_text("old")
    before = {path.name: path.read_text() for path in output.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, operator, table, str(output), str(limit)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "refused: " in done.stdout, done.stderr
    assert {path.name: path.read_text() for path in output.iterdir()} == before
