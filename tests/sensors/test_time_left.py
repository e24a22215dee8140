"""In each mode a sensor logs its next check and the remaining time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.exceptions import AirflowException

from airflow_provider_imagekit.compat import AirflowSensorTimeout, TaskDeferred
from tests.doubles import context
from tests.sensors.running import sensor_of
from tests.support import AIRFLOW_3

WAIT: dict[str, Any] = {"file_id": "a" * 24, "reference_phash": "f06830ca9f1e3e90", "max_distance": 8}


@pytest.mark.parametrize(
    ("since_first_check", "backoff", "said"),
    [
        (None, False, r"Next check in 60 s; (600|59.) s left"),
        (400, False, r"Next check in 60 s; (200|19.) s left"),
        (570, False, r"One more check in 60 s; (30|2.) s left"),
        (None, True, r"Next check in [345]. s; (600|59.) s left"),
        (400, True, r"(Next|One more) check in [12].. s; (200|19.) s left"),
    ],
)
def test_a_rescheduled_sensor_logs_the_remaining_time(
    since_first_check: float | None,
    backoff: bool,
    said: str,
    connection: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    about = context()
    first = datetime.now(UTC) - timedelta(seconds=since_first_check or 0)
    about["ti"].get_first_reschedule_date = lambda _: first
    if not AIRFLOW_3:  # Airflow 2 queries its database
        monkeypatch.setattr("airflow.sensors.base._orig_start_date", lambda **_: first)
        monkeypatch.setattr("airflow.sensors.base._is_metadatabase_mysql", lambda: False)
    sensor = sensor_of("reschedule", **WAIT, poke_interval=60, timeout=600, exponential_backoff=backoff)
    with pytest.raises(AirflowException) as ended:
        sensor.execute(about)
    assert type(ended.value).__name__ == "AirflowRescheduleException"
    assert re.search(said, capsys.readouterr().out + caplog.text)


@pytest.mark.parametrize("backoff", [False, True])
def test_a_poking_sensor_logs_the_remaining_time_after_each_check(
    backoff: bool, connection: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    sensor = sensor_of("poke", **WAIT, poke_interval=1, timeout=2.9, exponential_backoff=backoff)
    with pytest.raises(AirflowSensorTimeout):
        sensor.execute(context())
    said = capsys.readouterr().out + caplog.text
    assert re.search(r"Next check in 1 s; [123] s left", said)
    assert re.search(r"One more check in [01] s; [01] s left", said)


@pytest.mark.parametrize("backoff", [False, True])
def test_a_deferred_sensor_logs_the_remaining_time_before_it_defers(
    backoff: bool, connection: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    sensor = sensor_of("deferrable", **WAIT, poke_interval=60, timeout=600, exponential_backoff=backoff)
    with pytest.raises(TaskDeferred):
        sensor.execute(context())
    assert re.search(r"Next check in 60 s; (600|59.) s left", capsys.readouterr().out + caplog.text)
