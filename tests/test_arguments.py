"""Conversion of rendered template arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.arguments import flag, mapping, optional_text, texts, whole_number
from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from tests.doubles import context
from tests.operators.libraries import operator

SCOPE = ("search_query", "path", "file_ids", "urls", "input_path")


@pytest.mark.parametrize("value", [None, "", " ", "None", "[]", []])
def test_a_list_without_items_is_empty(value: Any) -> None:
    assert texts(value, "file_ids") == ()


@pytest.mark.parametrize("value", [["a", "b"], "a, b", "['a', 'b']", '["a", "b"]', ("a", "b")])
def test_a_list_is_accepted_as_list_or_text(value: Any) -> None:
    assert texts(value, "file_ids") == ("a", "b")


@pytest.mark.parametrize("value", [[None], "[null]", ["a", ""], [1.5], 1.5, True, {"a": 1}])
def test_an_invalid_list_is_refused(value: Any) -> None:
    with pytest.raises(ImageKitInputError, match="file_ids"):
        texts(value, "file_ids")


@pytest.mark.parametrize("value", [3, "3", "3.0", 3.0, " 3 "])
def test_a_whole_number_may_be_written_with_a_fraction_of_zero(value: Any) -> None:
    assert whole_number(value, "limit", least=0, most=9) == 3


@pytest.mark.parametrize("value", [None, "None", "", "maybe"])
def test_a_boolean_that_renders_empty_is_refused(value: Any) -> None:
    with pytest.raises(ImageKitInputError, match="dry_run"):
        flag(value, "dry_run")


def test_a_number_from_native_rendering_is_converted_back_if_no_digit_is_lost() -> None:
    assert optional_text(1234567890123456, "phash") == "1234567890123456"
    with pytest.raises(ImageKitInputError, match="render_template_as_native_obj"):
        optional_text(1e22, "phash")


@pytest.mark.parametrize("name", SCOPE)
@pytest.mark.parametrize("rendered", [None, "None", ""])
def test_an_empty_template_never_widens_the_selection_of_a_table(
    name: str, rendered: Any, tmp_path: Path
) -> None:
    table = tmp_path / "library.jsonl"
    task = operator(table, **{name: "{{ none }}"})
    setattr(task, name, rendered)
    with pytest.raises(AirflowFailException, match=f"{name} is .*the template gave None"):
        task.execute(context())
    assert not table.exists()


@pytest.mark.parametrize("name", ["search_query", "path", "limit"])
def test_an_empty_template_never_widens_a_listing(name: str) -> None:
    task = ListFilesOperator(task_id="list", **{name: "{{ none }}"})  # type: ignore[arg-type]
    setattr(task, name, "None")
    with pytest.raises(AirflowFailException, match=f"{name} is .*the template gave None"):
        task.execute(context())


def test_the_template_field_of_dry_run_has_the_name_of_the_argument() -> None:
    assert "dry_run" in LibraryMetadataOperator.template_fields


@pytest.mark.parametrize("half", ["a\ud800", "\udfffa", "/caf\udce9.jpg", "\ude00\ud83d"])
def test_a_lone_surrogate_is_refused_with_the_arguments_name(half: str) -> None:
    for read in (optional_text, texts, lambda value, name: mapping({value: 1}, name)):
        with pytest.raises(ImageKitInputError, match=r"file_ids contains an unpaired surrogate\.") as caught:
            read(half, "file_ids")
        assert str(caught.value).isascii()
    assert optional_text("caf\u00e9 \U0001f600", "path") == "caf\u00e9 \U0001f600"
