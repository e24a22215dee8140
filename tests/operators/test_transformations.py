from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitAuthError
from airflow_provider_imagekit.operators.base import CONNECTION_ARGUMENTS
from airflow_provider_imagekit.operators.transformations import TransformationCheckOperator
from tests import pictures
from tests.doubles import context

A = "f06830ca9f1e3e90"


def check(task: Any = None, **arguments: Any) -> Any:
    return TransformationCheckOperator(task_id="check", **arguments).execute(task or context())


@pytest.fixture
def master(connection: str, imagekit: ImageKitEmulator) -> str:
    return imagekit.file_url(pictures.ORIGINAL)


def test_matching_variants_pass_with_their_distances(master: str) -> None:
    report = check(
        url=master,
        variants=[
            {"url": f"{master}?tr=w-320", "width": 320, "height": 240},
            {"url": f"{master}?tr=w-160,f-png", "width": "160", "format": "png", "max_distance": "strict"},
            {"url": master, "format": "jpeg", "max_bytes": 10_000_000},
        ],
    )
    assert (report["passed"], report["checked"], report["failed"]) == (True, 3, 0)
    assert [variant["width"] for variant in report["variants"]] == [320, 160, 640]
    assert all(variant["distance"] <= 4 and not variant["problems"] for variant in report["variants"])


def test_all_problems_are_reported_before_the_task_fails(master: str, imagekit: ImageKitEmulator) -> None:
    arguments = {
        "url": master,
        "variants": [
            {"url": f"{master}?tr=w-320", "width": 300, "format": "webp", "max_bytes": 10},
            {"url": imagekit.file_url(pictures.UNRELATED)},
            {"url": imagekit.file_url("shop/gone.jpg")},
            {"url": imagekit.file_url(pictures.BLACK)},
            {"url": f"{master}?tr=w-64"},
        ],
    }
    task = context()
    with pytest.raises(AirflowFailException, match="4 of 5 variants failed the check") as caught:
        check(task, **arguments)
    for text in (
        "320 pixels instead of 300",
        "instead of webp",
        "more than 10",
        "at most 8",
        "HTTP 404",
        "flat",
    ):
        assert text in str(caught.value)
    report = task["ti"].pushed["return_value"]
    assert [variant["passed"] for variant in report["variants"]] == [False] * 4 + [True]
    assert check(**arguments, fail_on_problem=False)["failed"] == report["failed"] == 4


def test_a_failed_task_without_do_xcom_push_pushes_no_xcom(master: str) -> None:
    task = context()
    operator = TransformationCheckOperator(
        task_id="check", url=master, variants=[{"url": master, "width": 1}], do_xcom_push=False
    )
    with pytest.raises(AirflowFailException):
        operator.execute(task)
    assert "return_value" not in task["ti"].pushed


def test_the_master_may_be_a_file_or_a_hash(master: str, imagekit: ImageKitEmulator) -> None:
    variants = [{"url": f"{master}?tr=w-320"}]
    assert check(file_id=imagekit.file_id(pictures.ORIGINAL), variants=variants)["passed"]
    assert not check(phash=A, variants=variants, fail_on_problem=False)["passed"]


def test_signatures_are_shown_nowhere(master: str) -> None:
    report = check(url=master, variants=[{"url": f"{master}?ik-s=c0ffee&tr=w-64"}], fail_on_problem=False)
    assert "c0ffee" not in str(report)


def test_a_wrong_key_is_an_error_and_not_a_finding(master: str, imagekit: ImageKitEmulator) -> None:
    imagekit.private_key = "private_other="
    with pytest.raises(AirflowFailException) as caught:
        check(phash=A, variants=[{"url": master}])
    assert isinstance(caught.value.__context__, ImageKitAuthError)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"variants": []}, "variants is"),
        ({"variants": "https://x.example"}, "variants is"),
        ({"variants": ["https://x.example"]}, "Variant 1 is 'https://x.example'"),
        ({"variants": [{"width": 3}]}, "Variant 1 is"),
        ({"variants": [{"url": "u", "widht": 3}]}, "Variant 1: A variant has no 'widht'"),
        ({"variants": [{"url": "u", "width": 0}]}, "Variant 1: width is 0"),
        ({"variants": [{"url": "u", "max_distance": 20}]}, "Variant 1: max_distance is 20"),
        ({"variants": [{"url": "u"}], "max_distance": 20}, "Variant 1: max_distance is 20"),
        ({"variants": [{"url": "u"}], "url": "also"}, "Exactly one of file_id, url, phash"),
        ({"variants": [{"url": "u"}], "low_information": 3.5}, "low_information"),
    ],
    ids=str,
)
def test_bad_input_is_refused_before_the_first_request(
    arguments: dict[str, Any], text: str, connection: str, imagekit: ImageKitEmulator
) -> None:
    with pytest.raises(AirflowFailException, match=text):
        check(phash=A, **arguments)
    assert imagekit.requests == []


def test_every_argument_is_templated() -> None:
    assert set(TransformationCheckOperator.template_fields) == {
        "variants",
        "file_id",
        "url",
        "phash",
        "max_distance",
        "low_information",
        "force",
        "fail_on_problem",
        *CONNECTION_ARGUMENTS,
    }
