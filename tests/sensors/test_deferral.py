"""Deferral: the trigger's arguments, its events, and the effect of Airflow's switches on errors."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from airflow_provider_imagekit.compat import (
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
    TriggerEvent,
)
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitBadRequestError, ImageKitError, ImageKitStatusError
from airflow_provider_imagekit.triggers import event
from tests import pictures
from tests.doubles import context
from tests.sensors.running import sensor_of
from tests.support import AIRFLOW_3

A = "f06830ca9f1e3e90"


class TestDeferral:
    ARGUMENTS: ClassVar[dict[str, Any]] = {"file_id": "a" * 24, "reference_phash": A, "max_distance": 8}

    def deferred(self, **arguments: Any) -> TaskDeferred:
        with pytest.raises(TaskDeferred) as caught:
            sensor_of("deferrable", **self.ARGUMENTS, **arguments).execute(context())
        return caught.value

    def test_every_setting_reaches_the_trigger_and_the_timeout_airflow(self, connection: str) -> None:
        deferred = self.deferred(
            poke_interval=30,
            timeout=600,
            exponential_backoff=True,
            max_wait=90,
            silent_fail=True,
            min_distance=2,
            request_timeout="7.5",
            max_retries="1",
            max_calls="9",
        )
        assert deferred.timeout is not None
        assert deferred.timeout.total_seconds() == 600
        arguments = deferred.trigger.serialize()[1]
        assert arguments.pop("deadline") == pytest.approx(time.time() + 600, abs=30)
        assert arguments.pop("next_check") == pytest.approx(time.time() + 30, abs=25)
        assert arguments == {
            "imagekit_conn_id": "imagekit_default",
            "poke_interval": 30,
            "exponential_backoff": True,
            "max_poke_interval": 90,
            "silent_fail": True,
            "request_timeout": 7.5,
            "max_retries": 1,
            "max_calls": 9,
            "calls_sent": 1,
            "stop_on_mismatch": False,
            "min_distance": 2,
            **self.ARGUMENTS,
        }

    def test_the_trigger_holds_no_secret(self, connection: str, imagekit: ImageKitEmulator) -> None:
        assert imagekit.private_key not in json.dumps(self.deferred().trigger.serialize())

    def resumed(self, error: str, **arguments: Any) -> Any:
        sensor = sensor_of("deferrable", **self.ARGUMENTS, **arguments)
        return sensor.resume_execution("__fail__", {"error": error, "traceback": ["Traceback …"]}, context())  # type: ignore[arg-type]

    @pytest.mark.parametrize("error", ["Trigger timeout", "Trigger/execution timeout"])
    def test_a_timeout_is_a_sensor_timeout_on_every_airflow_version(self, error: str) -> None:
        with pytest.raises(AirflowSensorTimeout):
            self.resumed(error)
        with pytest.raises(AirflowSensorTimeout):
            self.resumed(error, never_fail=True)
        with pytest.raises(AirflowSkipException):
            self.resumed(error, soft_fail=True)

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({}, AirflowSensorTimeout),
            ({"never_fail": True}, AirflowSensorTimeout),
            ({"soft_fail": True}, AirflowSkipException),
            ({"execution_timeout": timedelta(seconds=5)}, AirflowTaskTimeout),
        ],
        ids=str,
    )
    def test_the_triggers_deadline_ends_like_airflows_and_repeats_the_last_reason(
        self, arguments: dict[str, Any], error: type[BaseException]
    ) -> None:
        sensor = sensor_of("deferrable", **self.ARGUMENTS, **arguments)
        with pytest.raises(error, match="Not yet: because"):
            sensor.resume_execution(
                "execute_complete",
                {"event": event.timed_out("Not yet: because.")},
                context(),  # type: ignore[arg-type]
            )

    @pytest.mark.parametrize("error", ["Trigger failure", "ReadTimeout of something", "a timeout"])
    def test_a_failure_that_mentions_a_timeout_is_not_a_timeout(self, error: str) -> None:
        with pytest.raises(ImageKitError, match="The trigger failed"):
            self.resumed(error, soft_fail=True)

    def test_a_crashed_trigger_fails_the_task_and_does_not_skip_it(self) -> None:
        with pytest.raises(ImageKitError, match="The trigger failed"):
            self.resumed("Trigger failure", soft_fail=True)
        with pytest.raises(AirflowSkipException):
            self.resumed("Trigger failure", never_fail=True)

    @pytest.mark.parametrize("payload", [None, {}, {"status": "?"}])
    def test_an_unknown_event_is_not_a_success(self, payload: Any) -> None:
        sensor = sensor_of("deferrable", **self.ARGUMENTS, soft_fail=True)
        with pytest.raises(ImageKitError, match="without a result"):
            sensor.resume_execution("execute_complete", {"event": payload}, context())  # type: ignore[arg-type]


class TestAirflowsSwitches:
    ARGUMENTS: ClassVar[dict[str, Any]] = {"file_id": "a" * 24, "reference_phash": A, "max_distance": 8}

    @pytest.mark.parametrize("mode", ["poke", "deferrable"])
    def test_never_fail_skips_on_an_error(
        self, mode: str, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        imagekit.inject(status=400, times=None)
        with pytest.raises(AirflowSkipException):
            sensor_of(mode, **self.ARGUMENTS, never_fail=True).execute(context())

    def test_never_fail_skips_on_an_error_after_a_deferral(self) -> None:
        payload = event.failed(ImageKitBadRequestError("Corrupt.", status=400))
        assert TriggerEvent(payload)
        with pytest.raises(AirflowSkipException):
            sensor_of("deferrable", **self.ARGUMENTS, never_fail=True).resume_execution(
                "execute_complete",
                {"event": payload},
                context(),  # type: ignore[arg-type]
            )

    def test_silent_fail_continues_after_an_error(self, connection: str, imagekit: ImageKitEmulator) -> None:
        imagekit.inject(status=400)
        with pytest.raises(TaskDeferred):
            sensor_of("deferrable", **self.ARGUMENTS, silent_fail=True).execute(context())

    @pytest.mark.parametrize(
        ("soft_fail", "error"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)]
    )
    def test_soft_fail_skips_at_the_timeout(
        self, soft_fail: bool, error: type[Exception], connection: str, imagekit: ImageKitEmulator
    ) -> None:
        with pytest.raises(error):
            sensor_of(**self.ARGUMENTS, soft_fail=soft_fail, timeout=0.05).execute(context())

    def test_at_the_timeout_the_last_reason_is_repeated(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        with pytest.raises(AirflowSensorTimeout, match=r"Not yet: HTTP 404: picture: file_id a{24}: "):
            sensor_of(**self.ARGUMENTS, timeout=0.05).execute(context())

    def test_reschedule_mode_has_a_minimum_interval_on_airflow_3(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        sensor = sensor_of("reschedule", **self.ARGUMENTS, poke_interval=2, max_wait=3)
        imagekit.inject(status=404)
        with contextlib.suppress(Exception):  # without a task instance Airflow cannot store the next check
            sensor.execute(context())
        poke_interval, max_wait = (10, 10) if AIRFLOW_3 else (2, 3)
        assert (sensor.poke_interval, sensor.max_wait) == (poke_interval, timedelta(seconds=max_wait))


class TestWhichPicture:
    @pytest.mark.parametrize("status", [404, 400])
    @pytest.mark.parametrize("side", ["picture", "reference"])
    def test_an_error_response_names_the_side_and_the_picture(
        self, side: str, status: int, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        url = f"{imagekit.file_url(pictures.ORIGINAL)}?ik-s=secret0"
        wrong = {"url": url} if side == "picture" else {"reference_url": url}
        other = {"phash": A} if side == "reference" else {"reference_phash": A}
        imagekit.inject(status=status, body={"message": "No."}, times=None)
        with pytest.raises((AirflowSensorTimeout, ImageKitBadRequestError)) as caught:
            sensor_of(**wrong, **other, max_distance=8, timeout=0.05).execute(context())
        assert f"HTTP {status}: {side}: url {url.partition('?')[0]}?ik-s=***: No." in str(caught.value)

    def test_a_404_of_another_server_is_not_waited_for(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        imagekit.inject(status=404, body="<html>Nothing here</html>", times=None)
        with pytest.raises(
            ImageKitStatusError,
            match=r"http://127.* does not respond like ImageKit's API: .*Nothing here.* Check API base",
        ):
            sensor_of(**TestAirflowsSwitches.ARGUMENTS).execute(context())
