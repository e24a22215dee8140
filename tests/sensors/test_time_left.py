"""What the log of a sensor that is rescheduled says of its next check and of the time that is left."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.exceptions import AirflowException

from tests.doubles import context
from tests.sensors.running import sensor_of
from tests.support import AIRFLOW_3

pytestmark = pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 keeps the time of the first check to itself")
WAIT: dict[str, Any] = {"file_id": "a" * 24, "reference_phash": "f06830ca9f1e3e90", "max_distance": 8}


@pytest.mark.parametrize(
    ("since_first_check", "said"),
    [
        (None, r"Next check in 60 s; (600|599) s left"),
        (400, r"Next check in 60 s; (200|199) s left"),
        (570, r"One more check in 60 s; (30|29) s left"),
    ],
)
def test_the_log_says_how_long_the_wait_may_still_last(
    since_first_check: float | None, said: str, connection: str, capsys: pytest.CaptureFixture[str]
) -> None:
    about = context()
    if since_first_check:
        first = datetime.now(UTC) - timedelta(seconds=since_first_check)
        about["ti"].get_first_reschedule_date = lambda _: first
    sensor = sensor_of("reschedule", **WAIT, poke_interval=60, timeout=600)
    with pytest.raises(AirflowException) as ended:
        sensor.execute(about)
    assert type(ended.value).__name__ == "AirflowRescheduleException"
    assert re.search(said, capsys.readouterr().out)
