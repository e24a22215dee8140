"""Labels of mapped tasks in a real Airflow."""

from __future__ import annotations

from tests.airflow.running import RunDag

LABELS = """
from airflow_provider_imagekit.compat import DAG
from airflow_provider_imagekit.operators.phash import PHashShortCircuitOperator
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

A = "f06830ca9f1e3e90"
NUMBERS = "1234567890123456"

with DAG("labels", schedule=None, render_template_as_native_obj=True) as dag:
    PHashShortCircuitOperator.partial(task_id="gate", reference_phash=A, max_distance=4).expand(
        phash=[A, NUMBERS]
    )
    PHashDistanceSensor.partial(task_id="sensor", reference_phash=A, max_distance=64).expand(
        phash=[A, NUMBERS]
    )
    PHashShortCircuitOperator(task_id="alone", phash=A, reference_phash=A, max_distance=4)
"""


def test_mapped_gates_and_sensors_are_labelled_and_others_are_not(run_dag: RunDag) -> None:
    run = run_dag(LABELS, "labels")
    assert run.state == "success", run.log[-9000:]
    hashes = ["f06830ca9f1e3e90", "1234567890123456"]
    assert run.names == {"gate": hashes, "sensor": hashes, "alone": [None]}
