"""The sensor has the same result in every mode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitInputError,
    InvalidPHashError,
    MissingPHashError,
    PHashMismatchError,
)
from airflow_provider_imagekit.sensors.phash import PHashDistanceSensor
from tests import pictures
from tests.doubles import context
from tests.sensors.running import MODES, run, sensor_of

A, B = "f06830ca9f1e3e90", "2222222222222222"  # 30 bits apart


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
                between=lambda: pictures.put(pictures.scene(7), tmp_path / pictures.ORIGINAL),
                file_id=imagekit.file_id(pictures.ORIGINAL),
                reference_phash=str(before),
                min_distance=16,
            )
        assert value["distance"] >= 16
        assert value["reference_phash"] == str(before)

    def test_on_a_file_that_is_uploaded_later(
        self, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pictures.draw(tmp_path)
        with ImageKitEmulator(library=tmp_path) as imagekit:
            monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(imagekit.airflow_connection))
            value = run(
                mode,
                between=lambda: pictures.put(pictures.scene(1), tmp_path / "shop/late.png"),
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
    def test_on_errors_that_waiting_cannot_fix_soft_fail_or_not(
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
                between=lambda: pictures.put(pictures.scene(1), tmp_path / pictures.BLACK),
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
            ({"phash": "xyz", "reference_phash": B, "max_distance": 8}, "has 3 digits"),
            ({"phash": "0" * 16, "reference_phash": B, "max_distance": 8}, "zero"),
        ],
    )
    @pytest.mark.parametrize("mode", MODES)
    def test_bad_input_is_refused_when_the_task_runs_and_not_before(
        self, mode: str, arguments: dict[str, Any], text: str
    ) -> None:
        sensor = sensor_of(mode, soft_fail=True, **arguments)
        with pytest.raises(ImageKitInputError, match=text):
            sensor.execute(context())

    @pytest.mark.parametrize("arguments", [{"file_id": ".."}, {"url": "a.jpg"}, {"file_id": "a\nb"}])
    def test_an_impossible_id_or_url_is_refused(self, arguments: dict[str, Any], connection: str) -> None:
        with pytest.raises(ImageKitInputError):
            sensor_of(**arguments, reference_phash=A, max_distance=8).execute(context())

    def test_every_argument_except_deferrable_is_templated(self) -> None:
        own = {"file_id", "url", "phash", "max_distance", "min_distance", "imagekit_conn_id"}
        own |= {f"reference_{name}" for name in ("file_id", "url", "phash", "bank")}
        own |= {"bank_id_column", "bank_phash_column", "low_information", "max_matches", "on_mismatch"}
        own |= {"request_timeout", "max_retries", "max_calls"}
        assert set(PHashDistanceSensor.template_fields) == own
