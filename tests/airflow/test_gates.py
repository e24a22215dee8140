"""Tasks that a real Airflow runs and skips after a gate."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures
from tests.airflow.running import RunDag
from tests.support import AIRFLOW_3

HEAD = """
from airflow.sdk import DAG, TaskGroup, TriggerRule, task
from airflow_provider_imagekit.operators.phash import PHashBranchOperator, PHashShortCircuitOperator
from airflow_provider_imagekit.operators.transformations import TransformationCheckOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

A, NEAR, FAR, FLAT = "f06830ca9f1e3e90", "f06830ca9f1e3e97", "2222222222222222", "dcb0d01380eef490"
"""

TABLES = (
    HEAD
    + """
from airflow.sdk import Asset
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from airflow_provider_imagekit.operators.threshold import ThresholdReportOperator

with DAG("tables", schedule=None, params={"folder": ""}) as dag:

    @task
    def library():
        return [{"fileId": "a", "pHash": A}, {"fileId": "b", "pHash": NEAR}, {"fileId": "c", "pHash": FAR}]

    report = ThresholdReportOperator(
        task_id="report", records=library(), output_path="{{ params.folder }}/threshold", max_distance="12"
    )
    FindNearDuplicatesOperator(
        task_id="find", records=library(), output_path="{{ params.folder }}/{{ dag.dag_id }}",
        max_distance=report.output["suggested_radius"], max_pairs="{{ 10 * 10 }}", low_information=[FLAT],
        outlets=[Asset("imagekit://demo/dedup")], report_url="https://reports.example/groups.html",
    )
    FindNearDuplicatesOperator.partial(task_id="mapped", records=library()).expand(
        output_path=["{{ params.folder }}/m1", "{{ params.folder }}/m2"]
    )
"""
)


def test_tables_are_searched_and_the_page_is_linked(run_dag: RunDag, tmp_path: Path) -> None:
    run = run_dag(TABLES, "tables", folder=str(tmp_path))
    assert run.state == "success"
    found = run.xcom("find")
    assert (found["radius"], found["groups"], found["pairs"]) == (
        run.xcom("report", "suggested_radius"),
        1,
        1,
    )
    assert Path(found["groups_path"]) == tmp_path / "tables/groups.jsonl"
    assert run.asset_events == [found]
    assert [value["groups"] for value in run.xcoms["mapped"]["return_value"]] == [1, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m1", "m2", "tables", "threshold"]
    url = "https://reports.example/groups.html"
    assert run.xcom("find", "imagekit_report_url") == url
    if AIRFLOW_3:
        assert run.links["find"] == {"_link_ImageKitReportLink": url}


BRANCH = (
    HEAD
    + """
with DAG("branch", schedule=None, params={"url": "", "bank": "", "black": ""}) as dag:

    @task
    def note(text):
        return text

    def fork(name, **arguments):
        branch = PHashBranchOperator(
            task_id=name,
            follow_task_ids_if_similar=f"{name}_similar",
            follow_task_ids_if_different=f"{name}_different",
            follow_task_ids_if_undecidable=[f"{name}_undecidable"],
            **arguments,
        )
        ends = []
        for decision in ("similar", "different", "undecidable"):
            if decision == "different":
                with TaskGroup(f"{name}_{decision}"):
                    end = note(decision)
            else:
                end = note.override(task_id=f"{name}_{decision}")(decision)
            branch >> end
            ends.append(end)
        join = note.override(task_id=f"{name}_join", trigger_rule="none_failed_min_one_success")(
            branch.output["decision"]
        )
        ends >> join

    fork("near", url="{{ params.url }}", reference_bank="{{ params.bank }}", bank_id_column="name")
    fork("far", phash=A, reference_phash=[FAR])
    fork("black", url="{{ params.black }}", reference_phash=A)
"""
)


def test_a_branch_runs_its_tasks_and_skips_the_others(
    connection: str, imagekit: ImageKitEmulator, run_dag: RunDag, tmp_path: Path
) -> None:
    from airflow_provider_imagekit.hooks.imagekit import ImageKitHook

    phash = ImageKitHook().get_phash(file_id=imagekit.file_id(pictures.ORIGINAL))
    bank = tmp_path / "bank.csv"
    bank.write_text(f"name,pHash\nmaster,{phash}\n")
    run = run_dag(
        BRANCH,
        "branch",
        url=imagekit.file_url(pictures.RECOMPRESSED),
        black=imagekit.file_url(pictures.BLACK),
        bank=str(bank),
    )
    assert run.state == "success"
    for name, taken in (("near", "similar"), ("far", "different"), ("black", "undecidable")):
        for decision in ("similar", "different", "undecidable"):
            task_id = f"{name}_{decision}" + (".note" if decision == "different" else "")
            assert run.states[task_id] == ["success" if decision == taken else "skipped"], task_id
        assert run.xcom(f"{name}_join") == taken
        assert run.xcom(name)["decision"] == taken
    assert run.xcom("near")["reference_id"] == "master"
    assert run.xcom("near", "branch") == ["near_similar"]


CIRCUIT = (
    HEAD
    + """
with DAG("circuit", schedule=None) as dag:

    @task
    def note():
        pass

    def chain(name, **arguments):
        gate = PHashShortCircuitOperator(task_id=name, phash=A, **arguments)
        direct = note.override(task_id=f"{name}_direct")()
        last = note.override(task_id=f"{name}_last", trigger_rule="all_done")()
        gate >> direct >> last

    chain("open", reference_phash=NEAR)
    chain("closed", reference_phash=FAR)
    chain("closed_by_rules", reference_phash=FAR, ignore_downstream_trigger_rules=False)
    chain("banned", reference_phash=[FAR, NEAR], continue_if="different")
    chain("flat", reference_phash=[A], low_information=[A])
    PHashShortCircuitOperator(task_id="alone", phash=A, reference_phash=FAR)

    gate = PHashShortCircuitOperator.partial(task_id="mapped", phash=A)
    mapped = gate.expand(reference_phash=[NEAR, [FAR]])
    mapped >> note.override(task_id="behind_mapped", trigger_rule="all_done")()
"""
)


def test_a_short_circuit_skips_like_airflows_operator(connection: str, run_dag: RunDag) -> None:
    run = run_dag(CIRCUIT, "circuit")
    expected = {
        "open": ("success", "success"),
        "closed": ("skipped", "skipped"),
        "closed_by_rules": ("skipped", "success"),
        "banned": ("skipped", "skipped"),
        "flat": ("skipped", "skipped"),
    }
    for name, (direct, last) in expected.items():
        assert run.states[name] == ["success"]
        assert (run.states[f"{name}_direct"], run.states[f"{name}_last"]) == ([direct], [last]), name
        assert run.xcom(name)["continued"] is (name == "open")
    assert run.xcom("alone")["decision"] == "different"
    assert [value["continued"] for value in run.xcoms["mapped"]["return_value"]] == [True, False]


MISMATCH = (
    HEAD
    + """
with DAG("mismatch", schedule=None, params={"url": ""}) as dag:
    for on_mismatch in ("fail", "skip"):
        PHashDistanceSensor(
            task_id=on_mismatch, url="{{ params.url }}", reference_phash=FAR, max_distance=8, timeout=60,
            on_mismatch=on_mismatch, deferrable=True,
        )
    TransformationCheckOperator(
        task_id="variants", url="{{ params.url }}", retries=3,
        variants=[
            {"url": "{{ params.url }}?tr=w-64", "width": "{{ 60 + 4 }}"},
            {"url": "{{ params.url }}", "width": 1},
        ],
    )
"""
)


def test_a_verdict_can_end_a_wait_and_a_wrong_variant_fails_with_its_report_in_xcom(
    connection: str, imagekit: ImageKitEmulator, run_dag: RunDag
) -> None:
    run = run_dag(MISMATCH, "mismatch", url=imagekit.file_url(pictures.ORIGINAL))
    assert run.states == {"fail": ["failed"], "skip": ["skipped"], "variants": ["failed"]}
    assert "PHashMismatchError" in run.log
    assert [variant["passed"] for variant in run.xcom("variants")["variants"]] == [True, False]
