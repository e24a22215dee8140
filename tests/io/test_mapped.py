"""Only one of several instances of a mapped task may write an output."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.mapped import only_writer


def test_of_two_instances_that_write_at_the_same_time_the_first_to_begin_fails(tmp_path: Path) -> None:
    output = str(tmp_path / "output.jsonl")
    first, second = (only_writer(output, f"dag/task/run/{index}") for index in range(2))
    first.__enter__()
    (tmp_path / ".output.jsonl.writer.json").unlink()  # the second checked before the first wrote it
    second.__enter__()
    second.__exit__(None, None, None)
    with pytest.raises(ImageKitInputError, match=r"by instance 1 .* instance 0 would replace"):
        first.__exit__(None, None, None)


@pytest.mark.parametrize("owner", ["dag/task/run/-1", "run"])
def test_a_task_that_is_not_mapped_leaves_no_mark(owner: str, tmp_path: Path) -> None:
    with only_writer(str(tmp_path / "output.jsonl"), owner):
        pass
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_marked_where_nothing_is_written(tmp_path: Path) -> None:
    with only_writer(None, "dag/task/run/0"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damaged", ["", "[]", "{}", '{"owner": 7}', "no JSON", "[" * 5000])
def test_a_damaged_mark_stops_no_task(damaged: str, tmp_path: Path) -> None:
    (tmp_path / ".output.jsonl.writer.json").write_text(damaged)
    with only_writer(str(tmp_path / "output.jsonl"), "dag/task/run/0"):
        pass


def test_the_mark_for_a_folder_is_in_the_folder(tmp_path: Path) -> None:
    with only_writer(f"{tmp_path}/found/", "dag/task/run/0", name="output"):
        assert [file.name for file in (tmp_path / "found").iterdir()] == [".output.writer.json"]


def test_an_output_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ImageKitInputError, match=r"output_path is .* cannot be written"),
        only_writer(str(tmp_path / "file" / "output.jsonl"), "dag/task/run/0"),
    ):
        raise AssertionError("The work has begun.")
