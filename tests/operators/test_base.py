"""The base classes of the operators and sensors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from jinja2.nativetypes import NativeEnvironment

from airflow_provider_imagekit.operators.base import MAX_LABEL, ImageKitTask, label_of, push_no_none
from airflow_provider_imagekit.operators.metadata import RemoteUrlMetadataOperator
from tests.doubles import context

SIGNED = "https://ik.imagekit.io/demo/a.jpg?ik-t=9999999999&ik-s=0123456789abcdef0123456789abcdef01234567"


class Labelled(ImageKitTask):
    label_arguments = ("first", "second")
    first: Any = None
    second: Any = None


def label(value: Any, *, native: bool = False, map_index: int | None = 0) -> Any:
    task = Labelled()
    task.second = value
    context: Any = {
        "ti": SimpleNamespace(map_index=map_index),
        "dag": SimpleNamespace(render_template_as_native_obj=native),
    }
    task._label(context)
    template = context.get("map_index_template")
    environment = NativeEnvironment() if native else jinja2.Environment()
    return None if template is None else environment.from_string(template).render(context)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("value", ["1234567890123456", "[1]", "{{ ds }}", "it's", 12, 1.5])
def test_a_label_is_the_text_of_the_value_under_both_kinds_of_rendering(value: Any, native: bool) -> None:
    assert label(value, native=native) == str(value)


def test_a_label_fits_into_the_database() -> None:
    assert len(label("https://ik.imagekit.io/" + "a" * 2000)) == MAX_LABEL == 250


def test_a_label_has_no_signature_and_no_character_that_a_database_refuses() -> None:
    assert "0123456789abcdef" not in label(SIGNED)
    assert label_of("a\0b\ud800c\nd") == "abcd"


@pytest.mark.parametrize("map_index", [-1, None])
def test_a_task_that_is_not_mapped_has_no_label(map_index: int | None) -> None:
    assert label("a", map_index=map_index) is None


def test_a_task_without_a_label_value_has_no_label() -> None:
    assert label(None) is None


def test_a_url_operator_has_no_template_that_shows_its_url() -> None:
    assert RemoteUrlMetadataOperator(task_id="t", url=SIGNED).map_index_template is None


def test_an_output_that_is_none_is_not_pushed_on_airflow_3_0() -> None:
    """Airflow 3.0 is not installed here; the version matrix runs the examples on it."""
    task_instance = context()["ti"]
    push_no_none(task_instance)
    for key, value in {"output_path": None, "count": 0, "failed": [], "dry_run": False}.items():
        task_instance.xcom_push(key, value)
    assert task_instance.pushed == {"count": 0, "failed": [], "dry_run": False}
