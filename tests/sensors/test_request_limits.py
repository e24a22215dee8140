"""A sensor's request limits take precedence over those of its Airflow Connection."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException, AirflowSkipException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitInputError
from tests.doubles import context
from tests.sensors.running import run, sensor_of

ABSENT: dict[str, Any] = {"file_id": "a" * 24, "reference_phash": "f06830ca9f1e3e90", "max_distance": 8}


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
@pytest.mark.parametrize("switches", [{}, {"silent_fail": True}, {"soft_fail": True}], ids=str)
def test_reaching_max_calls_fails_the_task_and_skips_nothing(
    mode: str, switches: dict[str, Any], connection: str, imagekit: ImageKitEmulator
) -> None:
    with pytest.raises(
        AirflowFailException, match="max_calls is 3, and the task has sent that many"
    ) as caught:
        run(mode, **ABSENT, max_calls="3", **switches)
    assert caught.value.__suppress_context__, "one error is in the log"
    assert len(imagekit.requests) == 3


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
def test_reaching_max_calls_skips_with_never_fail(
    mode: str, connection: str, imagekit: ImageKitEmulator
) -> None:
    with pytest.raises(AirflowSkipException, match="never_fail"):
        run(mode, **ABSENT, max_calls=2, never_fail=True)
    assert len(imagekit.requests) == 2


def test_in_reschedule_mode_max_calls_applies_to_one_check(
    connection: str, imagekit: ImageKitEmulator
) -> None:
    imagekit.inject(status=503, times=99)
    with pytest.raises(AirflowFailException, match="max_calls is 2"):
        sensor_of("reschedule", **ABSENT, max_calls=2).poke(context())
    assert len(imagekit.requests) == 2


def test_max_retries_of_the_task_applies_to_a_check(connection: str, imagekit: ImageKitEmulator) -> None:
    imagekit.inject(status=503, times=99)
    assert not sensor_of(**ABSENT, max_retries="0").poke(context())
    assert len(imagekit.requests) == 1


def test_request_timeout_does_not_limit_the_wait(connection: str, imagekit: ImageKitEmulator) -> None:
    imagekit.inject(delay=5, times=1)
    sensor = sensor_of(**ABSENT, request_timeout="0.2", max_retries=0, timeout=20)
    assert not sensor.poke(context())
    assert (sensor.timeout, sensor._last_reason[:21]) == (20, "Not yet: picture: fil")


@pytest.mark.parametrize("value", ["None", "", "no", 0, -1, 1.5])
def test_a_limit_whose_template_rendered_to_nothing_is_refused(
    value: Any, connection: str, imagekit: ImageKitEmulator
) -> None:
    with pytest.raises(ImageKitInputError, match="max_calls is"):
        sensor_of(**ABSENT, max_calls=value).poke(context())
    native = sensor_of(**ABSENT, max_calls="{{ params.most }}")
    native.max_calls = None  # the result of native rendering
    with pytest.raises(ImageKitInputError, match="max_calls is None: the template gave None"):
        native.poke(context())
    assert len(imagekit.requests) == 0
