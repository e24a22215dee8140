"""The label of a mapped task in Airflow's UI, its database and its log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from jinja2.nativetypes import NativeEnvironment

from airflow_provider_imagekit.operators.base import LABEL_LENGTH, set_map_index_label

SIGNED = "https://ik.imagekit.io/demo/a.jpg?ik-t=9999999999&ik-s=32dbbbfc5f945c0403c71b54c38e76896ef2d6b0"


def labelled(map_index: int = 0, template: str | None = None, **arguments: Any) -> dict[str, Any]:
    context: dict[str, Any] = {"ti": SimpleNamespace(map_index=map_index), "map_index_template": template}
    set_map_index_label(context, SimpleNamespace(**arguments), *arguments)  # type: ignore[arg-type]
    return context


def rendered(context: dict[str, Any], environment: type[Environment] = Environment) -> Any:
    return environment().from_string(context["map_index_template"]).render(context)


def test_it_is_the_first_argument_that_is_set() -> None:
    assert rendered(labelled(file_id=None, url="None", phash="f06830ca9f1e3e90")) == "f06830ca9f1e3e90"


def test_a_task_that_is_not_mapped_has_none() -> None:
    assert labelled(map_index=-1, file_id="a")["map_index_template"] is None


def test_a_dag_authors_own_label_stays() -> None:
    assert labelled(template="{{ ds }}", file_id="a")["map_index_template"] == "{{ ds }}"


def test_it_shows_no_signature() -> None:
    assert rendered(labelled(url=SIGNED)).endswith("ik-s=***")


def test_it_stays_on_the_task_instance_for_a_deferral() -> None:
    assert labelled(url=SIGNED)["ti"].rendered_map_index.endswith("ik-s=***")


@pytest.mark.parametrize("value", ["1234567890123456", "[1, 2]", "True", "None ", "1e5"])
def test_native_rendering_leaves_it_a_text(value: str) -> None:
    context = labelled(phash=value, url="fallback")
    assert isinstance(rendered(context, NativeEnvironment), str)


@given(value=st.text() | st.integers() | st.lists(st.integers()))
def test_no_value_makes_a_label_that_fails_a_task(value: Any) -> None:
    context = labelled(file_id=value)
    for environment in (Environment, NativeEnvironment):
        if context["map_index_template"] is not None:
            label = rendered(context, environment)
            assert isinstance(label, str)
            assert len(label) <= LABEL_LENGTH
            label.encode()
