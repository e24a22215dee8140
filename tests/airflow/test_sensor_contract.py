"""Airflow's switches of a sensor with dag.test(); tests/stack/test_contract.py tests the rest."""

from __future__ import annotations

import json

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.airflow.running import RunDag
from tests.support import AIRFLOW_3

SENSORS = """
from datetime import timedelta

from airflow.sdk import DAG
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor

MISSING = {"file_id": "f" * 24, "reference_phash": "f06830ca9f1e3e90", "max_distance": 4}
WRONG = {**MISSING, "imagekit_conn_id": "imagekit_wrong"}
ONCE = {"retries": 1, "retry_delay": timedelta(0)}
POLICY = {}
# POLICY

with DAG("contract", schedule=None) as dag:
    def sensor(task_id, **arguments):
        return PHashDistanceSensor(task_id=task_id, **{"poke_interval": 0.5, "timeout": 1, **arguments})

    for mode in ("poke", "reschedule"):
        sensor(f"{mode}_times_out", mode=mode, **MISSING, **ONCE)
        sensor(f"{mode}_times_out_softly", mode=mode, soft_fail=True, **MISSING)
        sensor(f"{mode}_wrong_key", mode=mode, soft_fail=True, **WRONG)
        sensor(f"{mode}_wrong_key_never_fails", mode=mode, never_fail=True, **WRONG)
        sensor(f"{mode}_wrong_key_silently", mode=mode, silent_fail=True, **WRONG)
        sensor(f"{mode}_backs_off", mode=mode, exponential_backoff=True, timeout=2, **MISSING)
    sensor("deferrable_wrong_key", deferrable=True, soft_fail=True, **WRONG)
    sensor("deferrable_wrong_key_never_fails", deferrable=True, never_fail=True, **WRONG)
    sensor("deferrable_times_out", deferrable=True, timeout=3, **MISSING, **ONCE)
    sensor("deferrable_times_out_softly", deferrable=True, soft_fail=True, timeout=3, **MISSING)
    sensor("is_retried", **WRONG, **ONCE)
    sensor("is_not_retried", **WRONG, **ONCE, **POLICY)
    # LAST
"""

# Airflow 2's dag.test() ends when a task times out; its scheduler does not.
LAST = 'sensor("runs_too_long", timeout=3600, execution_timeout=timedelta(seconds=2), **MISSING)'


POLICY = """
from airflow_provider_imagekit.hooks.retry_policy import ImageKitRetryPolicy

POLICY = {"retry_policy": ImageKitRetryPolicy()}
"""


def test_every_switch_works_as_airflow_documents(
    connection: str, imagekit: ImageKitEmulator, run_dag: RunDag, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = imagekit.airflow_connection | {"password": "private_wrong="}
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_WRONG", json.dumps(wrong))
    source = SENSORS.replace("# POLICY", POLICY).replace("# LAST", LAST) if AIRFLOW_3 else SENSORS

    run = run_dag(source, "contract")

    states = {task: state for task, [state] in run.states.items()}
    assert states == {
        **{
            f"{mode}_{end}": state
            for mode in ("poke", "reschedule")
            for end, state in {
                "times_out": "failed",
                "times_out_softly": "skipped",
                "wrong_key": "failed",  # never a skip
                "wrong_key_never_fails": "skipped",
                "wrong_key_silently": "failed",  # at the timeout
                "backs_off": "failed",
            }.items()
        },
        "deferrable_times_out": "failed",
        "deferrable_times_out_softly": "skipped",
        "deferrable_wrong_key": "failed",
        "deferrable_wrong_key_never_fails": "skipped",
        "is_retried": "failed",
        "is_not_retried": "failed",
        **({"runs_too_long": "failed"} if AIRFLOW_3 else {}),
    }
    assert run.tries["is_retried"] == 2
    assert run.tries["poke_times_out"] == run.tries["reschedule_times_out"] == 1
    assert run.tries["deferrable_times_out"] == 1  # a timeout is final
    if AIRFLOW_3:
        assert run.tries["is_not_retried"] == 1
