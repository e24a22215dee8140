from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.time_window import search_in_window
from tests.doubles import context

IN_BERLIN: Any = {"dag": SimpleNamespace(timezone=pendulum.timezone("Europe/Berlin"))}
MIDNIGHT = "2026-02-28T23:00:00.000Z"


def window(**bounds: Any) -> str | None:
    return search_in_window(None, bounds, IN_BERLIN)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01",
        "2026-03-01T00:00:00",
        "2026-03-01 00:00:00+01:00",
        "2026-02-28T23:00:00Z",
        pendulum.datetime(2026, 3, 1, tz="Europe/Berlin"),
        datetime(2026, 2, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 1),  # noqa: DTZ001 - the DAG's zone is meant
    ],
)
def test_a_time_is_a_text_or_datetime_and_by_default_in_the_dags_zone(value: Any) -> None:
    assert window(created_after=value) == f'createdAt >= "{MIDNIGHT}"'


def test_the_window_includes_its_start_and_excludes_its_end() -> None:
    found = window(created_after="2026-03-01T00:00Z", created_before="2026-03-02T00:00Z")
    assert found == 'createdAt >= "2026-03-01T00:00:00.000Z" AND createdAt < "2026-03-02T00:00:00.000Z"'


def test_a_search_is_combined_with_the_window() -> None:
    found = search_in_window('tags = "a" OR tags = "b"', {"updated_after": "2026-03-01"}, IN_BERLIN)
    assert found == f'(tags = "a" OR tags = "b") AND updatedAt >= "{MIDNIGHT}"'


@pytest.mark.parametrize("nothing", [None, "", " ", "None"])
def test_absent_bounds_add_no_condition(nothing: Any) -> None:
    assert window(created_after=nothing, created_before=nothing, updated_after=nothing) is None
    assert search_in_window("size > 1", {"created_after": nothing}, IN_BERLIN) == "size > 1"


@pytest.mark.parametrize("value", ["yesterday", "7d", 5, "12:30", "2026-13-01"])
def test_an_invalid_time_is_refused_with_the_arguments_name(value: Any) -> None:
    with pytest.raises(ImageKitInputError, match="created_before is "):
        window(created_before=value)


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ImageKitInputError, match=r"is 2026-03-02.*after created_before, 2026-03-01"):
        window(created_after="2026-03-02T00:00Z", created_before="2026-03-01T00:00Z")


def test_without_a_dag_a_zone_is_required() -> None:
    with pytest.raises(ImageKitInputError, match="has no time zone"):
        search_in_window(None, {"created_after": "2026-03-01"}, {})  # type: ignore[typeddict-item]


def test_listings_of_consecutive_windows_share_no_file(connection: str, imagekit: ImageKitEmulator) -> None:
    created = sorted(
        file["createdAt"] for file in ListFilesOperator(task_id="a", fields="createdAt").execute(context())
    )
    middle = created[len(created) // 2]
    before = ListFilesOperator(task_id="b", fields="createdAt", created_before=middle).execute(context())
    after = ListFilesOperator(task_id="c", fields="createdAt", created_after=middle).execute(context())
    assert [file["createdAt"] for file in before] == [moment for moment in created if moment < middle]
    assert sorted(file["createdAt"] for file in before + after) == created


def test_a_table_holds_the_files_of_its_window(connection: str, tmp_path: Path) -> None:
    def rows(**bounds: Any) -> list[dict[str, Any]]:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
        LibraryMetadataOperator(task_id="t", output_path=str(path), **bounds).execute(context())
        return [json.loads(line) for line in path.read_text().splitlines()]

    assert len(rows(created_after="2020-01-01T00:00Z")) > 5
    assert rows(created_before="2020-01-01T00:00Z", created_after="2019-01-01T00:00Z") == []


def test_a_window_cannot_be_combined_with_given_files(connection: str, tmp_path: Path) -> None:
    operator = LibraryMetadataOperator(
        task_id="t", output_path=str(tmp_path / "a.jsonl"), file_ids=["a"], created_after="2020-01-01T00:00Z"
    )
    with pytest.raises(AirflowFailException, match=r"Both .* and file_ids"):
        operator.execute(context())  # type: ignore[typeddict-item]


@pytest.mark.parametrize("operator", [ListFilesOperator, LibraryMetadataOperator])
def test_the_bounds_are_templated(operator: Any) -> None:
    assert {"created_after", "created_before", "updated_after"} <= set(operator.template_fields)
