from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from airflow.triggers.base import TriggerEvent

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitError,
    ImageKitInputError,
    InvalidPHashError,
    MissingPHashError,
    PHashMismatchError,
)
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from airflow_provider_imagekit.triggers import event
from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger
from tests import pictures
from tests.triggers.test_phash import Waits, fired

A, B = "f06830ca9f1e3e90", "2222222222222222"  # 30 bits apart
MODES = ["poke", "reschedule", "deferrable", "after deferral"]


def sensor_of(mode: str = "poke", **arguments: Any) -> PHashDistanceSensor:
    return PHashDistanceSensor(
        task_id="gate",
        **{
            "mode": "reschedule" if mode == "reschedule" else "poke",
            "deferrable": mode in {"deferrable", "after deferral"},
            "poke_interval": 0.01,
            "timeout": 20,
            **arguments,
        },
    )


class Task:
    """What a sensor asks of its task instance, here without a database."""

    max_tries = 0
    map_index = -1

    @staticmethod
    def get_first_reschedule_date(_context: Any) -> None:
        return None


def run(mode: str, between: Any = None, **arguments: Any) -> Any:
    """Run a sensor to its end as Airflow would in a mode; something may happen after the first check."""
    sensor = sensor_of(mode, **arguments)
    context: Any = {"ti": Task()}
    if mode == "poke" and between is not None:
        original = sensor.poke

        def poke(context: Any) -> Any:
            found = original(context)
            between()
            return found

        sensor.poke = poke  # type: ignore[method-assign]
    if mode == "reschedule":
        return _run_rescheduled(mode, between, arguments)
    try:
        return sensor.execute(context)
    except TaskDeferred as deferred:
        if between is not None:
            between()
        rebuilt = PHashDistanceTrigger(**json.loads(json.dumps(deferred.trigger.serialize()[1])))
        payload = fired(rebuilt, Waits())
        # Another process: nothing of the first sensor object is left.
        return sensor_of(mode, **arguments).resume_execution(
            deferred.method_name, {"event": payload}, context
        )


def _run_rescheduled(mode: str, between: Any, arguments: dict[str, Any]) -> Any:
    for _ in range(5):
        sensor = sensor_of(mode, **arguments)  # each check is a process of its own
        found = sensor.poke({"ti": Task()}) if not sensor._gate().fixed else None
        if found is None:
            return sensor.execute({"ti": Task()})
        if found:
            return found.xcom_value
        if between is not None:
            between()
    raise TimeoutError


@pytest.mark.parametrize("mode", MODES)
class TestEveryModeAgrees:
    def test_on_a_match_at_the_first_check(
        self, mode: str, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        value = run(
            mode,
            file_id=imagekit.file_id(pictures.RECOMPRESSED),
            reference_url=imagekit.file_url(pictures.ORIGINAL),
            max_distance="near_duplicate",
        )
        assert set(value) == {"matched", "distance", "similarity", "phash", "reference_phash"}
        assert value["matched"] is True
        assert value["similarity"] == 1 - value["distance"] / 64
        assert len(imagekit.requests) == 2

    def test_on_a_picture_that_is_replaced_while_it_waits(
        self, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pictures.draw(tmp_path)
        with ImageKitEmulator(library=tmp_path) as imagekit:
            monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))
            before = sensor_of().hook.get_phash(file_id=imagekit.file_id(pictures.ORIGINAL))
            value = run(
                mode,
                between=lambda: pictures.scene(7).save(tmp_path / pictures.ORIGINAL),
                file_id=imagekit.file_id(pictures.ORIGINAL),
                reference_phash=str(before),
                min_distance=16,
            )
        assert value["distance"] >= 16
        assert value["reference_phash"] == str(before)

    def test_on_a_file_that_comes_later(
        self, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pictures.draw(tmp_path)
        with ImageKitEmulator(library=tmp_path) as imagekit:
            monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))
            value = run(
                mode,
                between=lambda: pictures.scene(1).save(tmp_path / "shop/late.png"),
                file_id=imagekit.file_id("shop/late.png"),
                reference_file_id=imagekit.file_id(pictures.ORIGINAL),
                max_distance=8,
            )
        assert value["matched"] is True

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (
                {"status": 403, "body": {"message": "Your account cannot be authenticated."}},
                ImageKitAuthError,
            ),
            ({"status": 401, "body": {"message": "No key."}}, ImageKitAuthError),
            ({"status": 400, "body": {"message": "Corrupt."}}, ImageKitBadRequestError),
            ({"status": 200, "body": {"height": 1}}, MissingPHashError),
            ({"status": 200, "body": {"pHash": None}}, MissingPHashError),
            ({"status": 200, "body": {"pHash": "zzz"}}, InvalidPHashError),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("soft_fail", [False, True])
    def test_on_errors_that_no_waiting_mends_soft_fail_or_not(
        self,
        mode: str,
        fault: dict[str, Any],
        error: type[Exception],
        soft_fail: bool,
        connection: str,
        imagekit: ImageKitEmulator,
    ) -> None:
        arguments = {"file_id": "a" * 24, "reference_phash": A, "max_distance": 8, "soft_fail": soft_fail}
        if mode == "after deferral":
            imagekit.inject(status=404)
        imagekit.inject(**fault, times=None)
        with pytest.raises(error) as caught:
            run(mode, **arguments)
        assert type(caught.value) is error
        assert len(imagekit.requests) <= 5

    def test_on_two_literal_hashes_which_need_no_request(
        self, mode: str, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        value = run(mode, phash=A.upper(), reference_phash=B, min_distance=30, max_distance=30)
        assert value == {
            "matched": True,
            "distance": 30,
            "similarity": 0.53125,
            "phash": A,
            "reference_phash": B,
        }
        with pytest.raises(PHashMismatchError, match="30 of 64"):
            run(mode, phash=A, reference_phash=B, max_distance=8, soft_fail=True)
        assert imagekit.requests == []

    def test_on_a_black_picture_which_is_never_called_a_duplicate(
        self, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pictures.draw(tmp_path)
        with ImageKitEmulator(library=tmp_path) as imagekit:
            monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))
            value = run(
                mode,
                between=lambda: pictures.scene(1).save(tmp_path / pictures.BLACK),
                url=imagekit.file_url(pictures.BLACK),
                reference_file_id=imagekit.file_id(pictures.ORIGINAL),
                max_distance=64,
            )
        assert value["phash"] != "0" * 16


class TestInput:
    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ({"reference_phash": A, "max_distance": 8}, "Exactly one of file_id, url, phash"),
            ({"file_id": "a", "phash": A, "reference_phash": A, "max_distance": 8}, "got file_id and phash"),
            ({"phash": A, "max_distance": 8}, "reference_file_id, reference_url, reference_phash"),
            ({"phash": A, "reference_phash": B}, "distance"),
            ({"phash": A, "reference_phash": B, "max_distance": 65}, "64"),
            ({"phash": A, "reference_phash": B, "max_distance": -1}, "0"),
            ({"phash": A, "reference_phash": B, "max_distance": "close"}, "close"),
            ({"phash": A, "reference_phash": B, "max_distance": 4, "min_distance": 5}, "min_distance"),
            ({"phash": "xyz", "reference_phash": B, "max_distance": 8}, "Invalid pHash"),
            ({"phash": "0" * 16, "reference_phash": B, "max_distance": 8}, "zero"),
        ],
    )
    @pytest.mark.parametrize("mode", MODES)
    def test_bad_input_is_refused_when_the_task_runs_and_not_before(
        self, mode: str, arguments: dict[str, Any], text: str
    ) -> None:
        sensor = sensor_of(mode, soft_fail=True, **arguments)
        with pytest.raises(ImageKitInputError, match=text):
            sensor.execute({"ti": Task()})

    @pytest.mark.parametrize("arguments", [{"file_id": ".."}, {"url": "a.jpg"}, {"file_id": "a\nb"}])
    def test_an_impossible_id_or_url_is_refused(self, arguments: dict[str, Any], connection: str) -> None:
        with pytest.raises(ImageKitInputError):
            sensor_of(**arguments, reference_phash=A, max_distance=8).execute({"ti": Task()})

    def test_every_argument_is_templated_but_the_switch(self) -> None:
        own = {"file_id", "url", "phash", "max_distance", "min_distance", "imagekit_conn_id"}
        own |= {f"reference_{name}" for name in ("file_id", "url", "phash", "bank")}
        own |= {"bank_id_column", "bank_phash_column", "low_information", "max_matches", "on_mismatch"}
        assert set(PHashDistanceSensor.template_fields) == own


class TestDeferral:
    ARGUMENTS: ClassVar[dict[str, Any]] = {"file_id": "a" * 24, "reference_phash": A, "max_distance": 8}

    def deferred(self, **arguments: Any) -> TaskDeferred:
        with pytest.raises(TaskDeferred) as caught:
            sensor_of("deferrable", **self.ARGUMENTS, **arguments).execute({"ti": Task()})
        return caught.value

    def test_every_setting_reaches_the_trigger_and_the_timeout_airflow(self, connection: str) -> None:
        deferred = self.deferred(
            poke_interval=30,
            timeout=600,
            exponential_backoff=True,
            max_wait=90,
            silent_fail=True,
            min_distance=2,
        )
        assert deferred.timeout is not None
        assert deferred.timeout.total_seconds() == 600
        assert deferred.trigger.serialize()[1] == {
            "imagekit_conn_id": "imagekit_default",
            "poke_interval": 30,
            "exponential_backoff": True,
            "max_wait": 90,
            "silent_fail": True,
            "stop_on_mismatch": False,
            "min_distance": 2,
            **self.ARGUMENTS,
        }

    def test_the_trigger_holds_no_secret(self, connection: str, imagekit: ImageKitEmulator) -> None:
        assert imagekit.private_key not in json.dumps(self.deferred().trigger.serialize())

    def resumed(self, error: str, **arguments: Any) -> Any:
        sensor = sensor_of("deferrable", **self.ARGUMENTS, **arguments)
        return sensor.resume_execution(
            "__fail__", {"error": error, "traceback": ["Traceback …"]}, {"ti": Task()}
        )  # type: ignore[arg-type]

    @pytest.mark.parametrize("error", ["Trigger timeout", "Trigger/execution timeout"])
    def test_the_end_of_the_time_is_a_sensor_timeout_on_every_airflow(self, error: str) -> None:
        with pytest.raises(AirflowSensorTimeout):
            self.resumed(error)
        with pytest.raises(AirflowSensorTimeout):
            self.resumed(error, never_fail=True)
        with pytest.raises(AirflowSkipException):
            self.resumed(error, soft_fail=True)

    def test_a_crashed_trigger_fails_the_task_and_is_no_skip(self) -> None:
        with pytest.raises(ImageKitError, match="The trigger failed"):
            self.resumed("Trigger failure", soft_fail=True)
        with pytest.raises(AirflowSkipException):
            self.resumed("Trigger failure", never_fail=True)

    @pytest.mark.parametrize("payload", [None, {}, {"status": "?"}])
    def test_an_event_that_says_nothing_is_no_success(self, payload: Any) -> None:
        sensor = sensor_of("deferrable", **self.ARGUMENTS, soft_fail=True)
        with pytest.raises(ImageKitError, match="without a result"):
            sensor.resume_execution("execute_complete", {"event": payload}, {"ti": Task()})  # type: ignore[arg-type]


class TestAirflowsSwitches:
    ARGUMENTS: ClassVar[dict[str, Any]] = {"file_id": "a" * 24, "reference_phash": A, "max_distance": 8}

    @pytest.mark.parametrize("mode", ["poke", "deferrable"])
    def test_never_fail_skips_on_an_error(
        self, mode: str, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        imagekit.inject(status=400, times=None)
        with pytest.raises(AirflowSkipException):
            sensor_of(mode, **self.ARGUMENTS, never_fail=True).execute({"ti": Task()})

    def test_never_fail_skips_on_an_error_after_a_deferral(self) -> None:
        payload = event.failed(ImageKitBadRequestError("Corrupt.", status=400))
        assert TriggerEvent(payload)
        with pytest.raises(AirflowSkipException):
            sensor_of("deferrable", **self.ARGUMENTS, never_fail=True).resume_execution(
                "execute_complete",
                {"event": payload},
                {"ti": Task()},  # type: ignore[arg-type]
            )

    def test_silent_fail_goes_on_after_an_error(self, connection: str, imagekit: ImageKitEmulator) -> None:
        imagekit.inject(status=400)
        with pytest.raises(TaskDeferred):
            sensor_of("deferrable", **self.ARGUMENTS, silent_fail=True).execute({"ti": Task()})

    @pytest.mark.parametrize(
        ("soft_fail", "error"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)]
    )
    def test_soft_fail_skips_when_the_time_is_over(
        self, soft_fail: bool, error: type[Exception], connection: str, imagekit: ImageKitEmulator
    ) -> None:
        start = time.monotonic()
        with pytest.raises(error):
            sensor_of(**self.ARGUMENTS, soft_fail=soft_fail, timeout=0.05).execute({"ti": Task()})
        assert time.monotonic() - start < 5
