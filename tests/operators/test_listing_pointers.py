from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.library.sources import Batch
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from airflow_provider_imagekit.operators.listing_pointers import batch_pointer, pointers, read_listing
from tests.doubles import context

PATH = "/data/listing.jsonl"


def listed(**arguments: Any) -> list[dict[str, Any]]:
    return ListFilesOperator(task_id="files", **arguments).execute(context())


def ids(files: Any) -> list[str]:
    return [file["fileId"] for file in read_listing(files)]


class TestReadListing:
    @pytest.mark.parametrize("batches", [None, 1, 3])
    def test_it_returns_the_same_files_from_xcom_and_from_a_file(
        self, connection: str, imagekit: ImageKitEmulator, tmp_path: Path, batches: int | None
    ) -> None:
        there = {"output_path": str(tmp_path / "listing.jsonl"), "batches": batches} if batches else {}
        assert sorted(ids(listed(**there))) == sorted(file["fileId"] for file in imagekit.files())

    def test_a_pointer_refers_to_the_files_of_its_batch(self, connection: str, tmp_path: Path) -> None:
        parts = listed(output_path=str(tmp_path / "listing.jsonl"), batches=3)
        assert [len(ids(part)) for part in parts] == [part["count"] for part in parts]
        assert sorted(file_id for part in parts for file_id in ids(part)) == sorted(ids(parts))

    def test_an_empty_listing_has_no_files(self, connection: str, tmp_path: Path) -> None:
        assert ids(listed(path="/nowhere")) == []
        assert ids(listed(path="/nowhere", output_path=str(tmp_path / "listing.jsonl"))) == []

    @pytest.mark.parametrize("other", [None, "text", 7, ["text"]])
    def test_an_invalid_listing_is_refused_with_an_error(self, other: Any) -> None:
        with pytest.raises(ImageKitInputError, match="is not a listing"):
            ids(other)

    def test_a_missing_file_is_named_in_the_error(self, tmp_path: Path) -> None:
        with pytest.raises(ImageKitInputError, match=r"There is no file .*gone\.jsonl"):
            ids(pointers(str(tmp_path / "gone.jsonl"), [1]))


class TestPartOfTable:
    def test_a_path_is_a_whole_table(self) -> None:
        assert batch_pointer(PATH) == (PATH, Batch(0, 1))

    def test_one_pointer_is_its_batch(self) -> None:
        first, second = pointers(PATH, [4, 5])
        assert batch_pointer(second) == batch_pointer([second]) == (PATH, Batch(1, 2))
        assert batch_pointer(first) == (PATH, Batch(0, 2))

    def test_all_pointers_are_the_whole_listing(self) -> None:
        assert batch_pointer(pointers(PATH, [4, 5, 6])) == (PATH, Batch(0, 1))

    @pytest.mark.parametrize(
        "some",
        [
            pointers(PATH, [1, 1, 1])[:2],
            [*pointers(PATH, [1]), *pointers("/other.jsonl", [1])],
            [{"fileId": "a"}, {"fileId": "b"}],
            ["a"],
            [],
        ],
    )
    def test_an_incomplete_list_of_pointers_is_refused(self, some: Any) -> None:
        with pytest.raises(ImageKitInputError, match="neither one pointer of a ListFilesOperator nor all"):
            batch_pointer(some)
