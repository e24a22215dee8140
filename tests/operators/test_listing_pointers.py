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
    def test_it_is_the_same_files_wherever_they_are(
        self, connection: str, imagekit: ImageKitEmulator, tmp_path: Path, batches: int | None
    ) -> None:
        there = {"output_path": str(tmp_path / "listing.jsonl"), "batches": batches} if batches else {}
        assert sorted(ids(listed(**there))) == sorted(file["fileId"] for file in imagekit.files())

    def test_a_pointer_stands_for_the_files_of_its_batch(self, connection: str, tmp_path: Path) -> None:
        parts = listed(output_path=str(tmp_path / "listing.jsonl"), batches=3)
        assert [len(ids(part)) for part in parts] == [part["count"] for part in parts]
        assert sorted(file_id for part in parts for file_id in ids(part)) == sorted(ids(parts))

    def test_a_listing_of_nothing(self, connection: str, tmp_path: Path) -> None:
        assert ids(listed(path="/nowhere")) == []
        assert ids(listed(path="/nowhere", output_path=str(tmp_path / "listing.jsonl"))) == []

    @pytest.mark.parametrize("other", [None, "text", 7, ["text"]])
    def test_what_is_no_listing_is_refused(self, other: Any) -> None:
        with pytest.raises(ImageKitInputError, match="is not a listing"):
            ids(other)

    def test_a_file_that_is_gone_is_named(self, tmp_path: Path) -> None:
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
    def test_some_of_a_listing_are_refused(self, some: Any) -> None:
        with pytest.raises(ImageKitInputError, match="neither one pointer of ListFilesOperator nor all"):
            batch_pointer(some)
