"""Selection of the library operator's files, and invalid arguments, which are refused before a call."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AirflowFailException
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from tests import pictures
from tests.doubles import context
from tests.operators.libraries import metadata_calls, operator, rows


class TestWhichFiles:
    def test_a_folder_gives_the_files_in_it(self, connection: str, table: Path) -> None:
        operator(table, path="/docs").execute(context())
        assert [row["name"] for row in rows(table)] == ["readme.pdf"]

    def test_a_search_gives_the_files_it_finds(
        self, connection: str, imagekit: ImageKitEmulator, table: Path
    ) -> None:
        listing = [file for file in imagekit.files() if file["name"] == "original.jpg"]
        imagekit.inject(status=200, body=listing, match="searchQuery=name")
        operator(table, search_query='name = "original.jpg"').execute(context())
        assert [row["name"] for row in rows(table)] == ["original.jpg"]

    @pytest.mark.parametrize("as_text", [True, False])
    def test_ids_are_fetched_without_a_listing(
        self, connection: str, imagekit: ImageKitEmulator, table: Path, as_text: bool
    ) -> None:
        ids = [imagekit.file_id(pictures.ORIGINAL), imagekit.file_id(pictures.RESIZED)]
        operator(table, file_ids=",".join(ids) if as_text else ids).execute(context())
        assert {row["file_id"] for row in rows(table)} == set(ids)
        assert [request.path for request in imagekit.requests if request.path == "/v1/files"] == []

    def test_records_of_a_listing_are_not_listed_again(
        self, connection: str, imagekit: ImageKitEmulator, table: Path
    ) -> None:
        files = ListFilesOperator(task_id="files", path="/shop").execute(context())
        operator(table, file_ids=files).execute(context("monday"))
        imagekit.clear()
        operator(table, file_ids=files).execute(context("tuesday"))
        assert imagekit.requests == []
        assert len(rows(table)) == len(files)

    def test_urls_give_rows_identified_by_url(
        self, connection: str, imagekit: ImageKitEmulator, table: Path
    ) -> None:
        url = imagekit.file_url(pictures.ORIGINAL)
        operator(table, urls=[url]).execute(context())
        assert [(row["url"], row["width"]) for row in rows(table)] == [(url, 640)]

    def test_a_column_of_a_csv_file(
        self, connection: str, imagekit: ImageKitEmulator, table: Path, tmp_path: Path
    ) -> None:
        with (tmp_path / "ids.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerows([["sku", "picture"], ["1", imagekit.file_id(pictures.ORIGINAL)]])
        operator(table, input_path=str(tmp_path / "ids.csv"), file_id_column="picture").execute(context())
        assert [row["width"] for row in rows(table)] == [640]

    def test_a_column_of_urls_of_a_parquet_file(
        self, connection: str, imagekit: ImageKitEmulator, table: Path, tmp_path: Path
    ) -> None:
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        url = imagekit.file_url(pictures.ORIGINAL)
        parquet.write_table(arrow.table({"fileId": ["x"], "at": [url]}), tmp_path / "urls.parquet")
        operator(table, input_path=str(tmp_path / "urls.parquet"), url_column="at").execute(context())
        assert [(row["file_id"], row["url"], row["width"]) for row in rows(table)] == [(None, url, 640)]

    def test_the_operators_own_table(
        self, connection: str, imagekit: ImageKitEmulator, table: Path, tmp_path: Path
    ) -> None:
        operator(table).execute(context())
        imagekit.clear()
        copy = tmp_path / "copy.parquet"
        operator(copy, input_path=str(table), file_id_column="file_id").execute(context())
        assert metadata_calls(imagekit) == len(rows(table))

    def test_mapped_over_the_batches_of_a_listing_every_file_is_in_one_table(
        self, connection: str, imagekit: ImageKitEmulator, tmp_path: Path
    ) -> None:
        pointers = ListFilesOperator(
            task_id="files", output_path=str(tmp_path / "listing.jsonl"), batches=3
        ).execute(context())
        names = []
        for number, pointer in enumerate(pointers):
            part = tmp_path / f"part-{number}.jsonl"
            result = operator(part, input_path=pointer).execute(context())
            assert result["counts"]["rows"] == pointer["count"]
            names += [row["name"] for row in rows(part)]
        assert sorted(names) == sorted(file["name"] for file in imagekit.files())

    @pytest.mark.parametrize("batches", [1, 3])
    def test_a_whole_listing_is_one_table(
        self, connection: str, imagekit: ImageKitEmulator, table: Path, tmp_path: Path, batches: int
    ) -> None:
        listing = ListFilesOperator(
            task_id="files", output_path=str(tmp_path / "listing.jsonl"), batches=batches
        ).execute(context())
        operator(table, input_path=listing).execute(context())
        assert sorted(row["name"] for row in rows(table)) == sorted(file["name"] for file in imagekit.files())

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"file_ids": ["a"], "urls": ["b"]}, "file_ids and urls"),
            ({"path": "/a", "input_path": "x.csv"}, "path and input_path"),
            ({"file_ids": {"a": 1}}, "a dict instead of a list"),
            ({"file_ids": [7.5]}, "a float instead of a text"),
            ({"file_ids": "None"}, "file_ids is 'None': the template gave None"),
            ({"search_query": ""}, "search_query is '': the template gave None"),
            ({"path": "None"}, "path is 'None': the template gave None"),
            ({"input_path": "/nowhere/x.csv"}, "There is no file"),
            ({"input_path": "/nowhere/x.xls"}, "There is no file"),
            ({"gps": "blur"}, "gps is 'blur'"),
            ({"personal": "some"}, "personal is 'some'"),
            ({"timezone": "Middle/Earth"}, "Middle/Earth"),
            ({"max_failed": "-1"}, "max_failed"),
            ({"max_failed": 1.5}, "max_failed"),
            ({"threads": 33}, "threads is 33"),
            ({"full_refresh": "perhaps"}, "full_refresh is 'perhaps'"),
        ],
    )
    def test_invalid_arguments_fail_without_a_retry_and_a_call(
        self,
        connection: str,
        imagekit: ImageKitEmulator,
        table: Path,
        arguments: dict[str, Any],
        message: str,
    ) -> None:
        with pytest.raises(AirflowFailException, match=message):
            operator(table, **arguments).execute(context())
        assert imagekit.requests == []

    @pytest.mark.parametrize("output", ["", "folder/", "table.csv", "table", "table.xlsx"])
    def test_an_unwritable_output_is_refused_before_the_first_call(
        self, connection: str, imagekit: ImageKitEmulator, output: str
    ) -> None:
        with pytest.raises(AirflowFailException, match=r"output_path|ending|CSV"):
            operator(output).execute(context())
        assert imagekit.requests == []
