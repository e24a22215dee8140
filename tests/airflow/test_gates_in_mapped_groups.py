"""A gate that closes for one instance of a mapped task group, in a real Airflow."""

from __future__ import annotations

from tests.airflow.running import RunDag

MAPPED = """
from airflow.sdk import DAG, task, task_group
from airflow_provider_imagekit.operators.phash import PHashBranchOperator, PHashShortCircuitOperator

A, FAR = "f06830ca9f1e3e90", "2222222222222222"

with DAG("mapped", schedule=None) as dag:

    @task
    def note():
        return "ran"

    @task_group
    def circuit(phash):
        gate = PHashShortCircuitOperator(task_id="gate", phash=phash, reference_phash=A)
        gate >> note.override(task_id="first")() >> note.override(task_id="second")()

    @task_group
    def branch(phash):
        gate = PHashBranchOperator(
            task_id="gate", phash=phash, reference_phash=A,
            follow_task_ids_if_similar="branch.same", follow_task_ids_if_different="branch.other",
        )
        gate >> [note.override(task_id="same")(), note.override(task_id="other")()]

    circuit.expand(phash=[A, FAR])
    branch.expand(phash=[A, FAR])
"""


def test_tasks_after_a_closed_gate_of_a_mapped_group_are_skipped(run_dag: RunDag) -> None:
    run = run_dag(MAPPED, "mapped")
    assert run.state == "success"
    assert run.states["circuit.gate"] == run.states["branch.gate"] == ["success", "success"]
    assert run.states["circuit.first"] == run.states["circuit.second"] == ["success", "skipped"]
    assert run.states["branch.same"] == ["success", "skipped"]
    assert run.states["branch.other"] == ["skipped", "success"]
