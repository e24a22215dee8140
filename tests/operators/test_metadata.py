from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, ClassVar

import jinja2
import pytest

from airflow_provider_imagekit.compat import AirflowFailException, AirflowSkipException, Asset
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import (
    ImageKitAuthError,
    ImageKitBadRequestError,
    ImageKitInputError,
    ImageKitNotFoundError,
    ImageKitServerError,
)
from airflow_provider_imagekit.operators.base import CONNECTION_ARGUMENTS
from airflow_provider_imagekit.operators.metadata import FileMetadataOperator, RemoteUrlMetadataOperator
from tests import pictures
from tests.doubles import context

MISSING = "a" * 24


def of_file(
    imagekit: ImageKitEmulator, path: str = pictures.ORIGINAL, **arguments: Any
) -> FileMetadataOperator:
    return FileMetadataOperator(task_id="metadata", **{"file_id": imagekit.file_id(path), **arguments})


class TestResult:
    def test_it_is_imagekits_object_with_its_own_names(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        metadata = of_file(imagekit).execute(context())
        assert {"width", "height", "size", "format", "pHash", "exif", "hasColorProfile"} <= metadata.keys()
        assert metadata["exif"]["image"]["Make"] == "Canon"
        assert len(imagekit.requests) == 1

    def test_by_url_it_is_the_same_and_of_a_transformation_it_is_the_transformed(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        url = imagekit.file_url(pictures.ORIGINAL)
        by_url = RemoteUrlMetadataOperator(task_id="t", url=url).execute(context())
        assert by_url == of_file(imagekit).execute(context())
        small = RemoteUrlMetadataOperator(task_id="t", url=f"{url}?tr=w-64").execute(context())
        assert small["width"] == 64

    def test_fields_and_exclude(self, connection: str, imagekit: ImageKitEmulator) -> None:
        assert of_file(imagekit, fields=["width", "exif.image.Make"]).execute(context()) == {
            "width": 640,
            "exif": {"image": {"Make": "Canon"}},
        }
        assert "image" not in of_file(imagekit, exclude="exif.image").execute(context())["exif"]

    @pytest.mark.parametrize(
        "body",
        [
            {
                "height": 720,
                "width": 1280,
                "bitRate": 546524,
                "duration": 70.5,
                "videoCodec": "h264",
                "size": 9,
            },
            {"width": 1, "exif": {}},
            {"width": 1, "exif": None},
            {"width": 1},
            {},
            {"width": 1, "brandNew": {"x": [1, None]}},
        ],
        ids=str,
    )
    def test_videos_missing_exif_and_new_names_pass(
        self, body: dict[str, Any], connection: str, imagekit: ImageKitEmulator
    ) -> None:
        imagekit.inject(status=200, body=body)
        assert of_file(imagekit).execute(context()) == body

    def test_xcom_gets_what_a_jsonb_column_takes(self, connection: str, imagekit: ImageKitEmulator) -> None:
        imagekit.inject(
            status=200,
            body='{"exif": {"image": {"Make": "Canon\\u0000", "X": NaN, "Y": "\\ud800"}}, "size": Infinity}',
        )
        text = json.dumps(of_file(imagekit).execute(context()), allow_nan=False)
        assert json.loads(text) == {
            "exif": {"image": {"Make": "Canon", "X": None, "Y": ""}},
            "size": None,
        }
        assert "\\u0000" not in text

    def test_the_outlets_event_tells_what_the_picture_is(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        asset = Asset("imagekit://demo/shop/original.jpg")
        event = SimpleNamespace(extra={"kept": 1})
        of_file(imagekit, outlets=[asset], fields=["format"]).execute(context(outlet_events={asset: event}))
        assert event.extra["kept"] == 1
        assert event.extra["file_id"] == imagekit.file_id(pictures.ORIGINAL)
        assert (event.extra["width"], event.extra["height"]) == (640, 480)
        assert len(event.extra["pHash"]) == 16
        assert event.extra["size"] > 0

    def test_the_links_lead_to_the_file_and_to_the_media_library(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        url = imagekit.file_url(pictures.ORIGINAL)
        with_url = context()
        of_file(imagekit, file_url=url).execute(with_url)
        file_id = imagekit.file_id(pictures.ORIGINAL)
        assert with_url["ti"].pushed == {
            "imagekit_media_library_url": f"https://imagekit.io/dashboard/media-library/detail/{file_id}",
            "imagekit_file_url": url,
        }
        by_url = context()
        RemoteUrlMetadataOperator(task_id="t", url=url).execute(by_url)
        assert by_url["ti"].pushed == {"imagekit_file_url": url}

    def test_mapped_tasks_are_named_after_their_picture_unless_the_author_names_them(
        self, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        unmapped, unnamed, named = context(), context(), context(map_index_template="{{ ds }}")
        unnamed["ti"].map_index = named["ti"].map_index = 3
        for one in (unmapped, unnamed, named):
            of_file(imagekit).execute(one)
        assert "map_index_template" not in unmapped
        label = jinja2.Template(unnamed["map_index_template"]).render(unnamed)
        assert label == imagekit.file_id(pictures.ORIGINAL)
        assert named["map_index_template"] == "{{ ds }}"


class TestErrors:
    CASES: ClassVar[list[Any]] = [
        ({"status": 400, "body": {"message": "Corrupt."}}, ImageKitBadRequestError),
        ({"status": 401, "body": {"message": "No key."}}, ImageKitAuthError),
        ({"status": 403, "body": {"message": "Wrong key."}}, ImageKitAuthError),
        ({"status": 404, "body": {"message": "Gone."}}, ImageKitNotFoundError),
    ]

    @pytest.mark.parametrize(("fault", "error"), CASES, ids=str)
    def test_what_no_retry_mends_fails_without_another_try(
        self, fault: dict[str, Any], error: type[Exception], connection: str, imagekit: ImageKitEmulator
    ) -> None:
        imagekit.inject(**fault, times=None)
        with pytest.raises(AirflowFailException) as caught:
            of_file(imagekit).execute(context())
        assert type(caught.value.__context__) is error
        assert "request id" in str(caught.value)
        assert len(imagekit.requests) == 1

    def test_what_a_retry_may_mend_is_left_to_airflows_retries(
        self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = imagekit.airflow_connection | {"extra": {"max_retries": 0}}
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(settings))
        imagekit.inject(status=503, times=None)
        with pytest.raises(ImageKitServerError):
            of_file(imagekit).execute(context())

    def test_a_missing_file_can_skip_or_be_retried(self, connection: str, imagekit: ImageKitEmulator) -> None:
        with pytest.raises(AirflowSkipException):
            of_file(imagekit, file_id=MISSING, on_missing="skip").execute(context())
        with pytest.raises(ImageKitNotFoundError):
            of_file(imagekit, file_id=MISSING, on_missing="retry").execute(context())

    @pytest.mark.parametrize("status", [400, 401, 403, 500])
    def test_what_is_not_a_missing_file_is_never_a_skip(
        self, status: int, connection: str, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = imagekit.airflow_connection
        settings["extra"]["max_retries"] = 0
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(settings))
        imagekit.inject(status=status, times=None)
        error = ImageKitServerError if status == 500 else AirflowFailException
        for operator in (
            of_file(imagekit, on_missing="skip"),
            RemoteUrlMetadataOperator(
                task_id="t", url=imagekit.file_url(pictures.ORIGINAL), on_missing="skip"
            ),
        ):
            with pytest.raises(error):
                operator.execute(context())

    def test_an_unusable_connection_fails_without_another_try(
        self, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = imagekit.airflow_connection | {"password": ""}
        monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(settings))
        with pytest.raises(AirflowFailException, match=r"Private key .* is empty"):
            of_file(imagekit).execute(context())


class TestInput:
    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ({"file_id": ""}, "file_id is '': the template gave None"),
            ({"file_id": ".."}, "placeholder"),
            ({"file_id": "a\x00b"}, "control characters"),
            ({"file_id": None}, "file_id is None: the template gave None"),
            ({"fields": ["phash"]}, "fields names 'phash'"),
            ({"fields": 3}, "instead of a list"),
            ({"exclude": ["exif..gps"]}, "exclude names"),
            ({"on_missing": "ignore"}, "on_missing is 'ignore'"),
        ],
    )
    def test_bad_input_is_refused_when_the_task_runs_and_not_before(
        self, arguments: dict[str, Any], text: str, connection: str, imagekit: ImageKitEmulator
    ) -> None:
        operator = of_file(imagekit, **arguments)
        with pytest.raises(AirflowFailException, match=text) as caught:
            operator.execute(context())
        assert isinstance(caught.value.__context__, ImageKitInputError)

    @pytest.mark.parametrize("url", ["", "ik.imagekit.io/demo/a.jpg", "ftp://x.example/a"])
    def test_a_url_without_scheme_is_refused(self, url: str, connection: str) -> None:
        with pytest.raises(AirflowFailException, match="url"):
            RemoteUrlMetadataOperator(task_id="t", url=url).execute(context())

    def test_every_argument_is_templated(self) -> None:
        common = {*CONNECTION_ARGUMENTS, "fields", "exclude", "gps", "personal", "on_missing"}
        assert set(FileMetadataOperator.template_fields) == common | {"file_id", "file_url"}
        assert set(RemoteUrlMetadataOperator.template_fields) == common | {"url"}
