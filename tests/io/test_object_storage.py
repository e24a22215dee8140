from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec.exceptions
import pytest
import urllib3

from airflow_provider_imagekit.exceptions import (
    ImageKitInputError,
    InvalidPHashError,
    StorageError,
)
from airflow_provider_imagekit.gates.bank_files import load_bank
from airflow_provider_imagekit.gates.references import BankFile
from airflow_provider_imagekit.io.object_storage import (
    StoredTable,
    address_errors,
    open_locally,
    read_table,
    storage_errors,
    upload_together,
)
from airflow_provider_imagekit.io.tables import write_rows
from airflow_provider_imagekit.operators.upload_source import read_source
from airflow_provider_imagekit.phash import PHash

A, B, FLAT = "f06830ca9f1e3e90", "2222222222222222", "ccc9e67048f23f1d"
ROWS = [
    {"fileId": "a", "pHash": A},
    {"fileId": "b", "pHash": B},
    {"fileId": "flat", "pHash": FLAT},
    {"fileId": "video", "pHash": None},
]
NOTHING: frozenset[PHash] = frozenset()
FAULTS = [
    kind("ours") for kind in (AttributeError, KeyError, TypeError, ValueError, ImportError, RuntimeError)
]


def write(path: Path, rows: list[dict[str, str | None]] = ROWS, ending: str = "jsonl") -> BankFile:
    with upload_together() as upload, upload(str(path)) as file:
        write_rows(file, rows, dict.fromkeys(rows[0], str), ending)
    return BankFile(str(path))


class TestBank:
    @pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
    @pytest.mark.parametrize("scheme", ["", "file://"])
    def test_it_is_read_in_every_form(self, ending: str, scheme: str, tmp_path: Path) -> None:
        write(tmp_path / f"bank.{ending}", ending=ending)
        bank = load_bank(BankFile(f"{scheme}{tmp_path}/bank.{ending}"), NOTHING)
        assert len(bank) == 3
        nearest = bank.nearest(PHash.parse(B))
        assert nearest is not None
        assert (nearest.id, nearest.distance) == ("b", 0)

    def test_its_columns_can_be_named(self, tmp_path: Path) -> None:
        path = write(tmp_path / "bank.csv", [{"sku": "x", "id": "7", "hash": A}], "csv").path
        nearest = load_bank(BankFile(path, "sku", "hash"), NOTHING).nearest(PHash.parse(A))
        assert nearest is not None
        assert nearest.id == "x"

    def test_deleted_files_of_a_library_are_skipped(self, tmp_path: Path) -> None:
        rows = [
            {"file_id": "gone", "phash": A, "deleted_at": "2026-01-01T00:00:00Z"},
            {"file_id": "there", "phash": A, "deleted_at": None},
        ]
        nearest = load_bank(write(tmp_path / "library.jsonl", rows), NOTHING).nearest(PHash.parse(A))
        assert nearest is not None
        assert nearest.id == "there"

    def test_low_information_hashes_are_left_out(self, tmp_path: Path) -> None:
        assert len(load_bank(write(tmp_path / "bank.jsonl"), frozenset({PHash.parse(FLAT)}))) == 2

    def test_it_is_read_once_until_it_changes(self, tmp_path: Path) -> None:
        file = write(tmp_path / "bank.jsonl")
        first = load_bank(file, NOTHING)
        assert load_bank(file, NOTHING) is first
        write(tmp_path / "bank.jsonl", ROWS[:1])
        second = load_bank(file, NOTHING)
        assert len(second) == 1
        assert load_bank(file, frozenset({PHash.parse(A)})) is not second

    @pytest.mark.parametrize("name", ["none.jsonl", "none.csv", "none.parquet"])
    def test_a_missing_file_is_named(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ImageKitInputError, match=f"There is no file at .*{name}"):
            load_bank(BankFile(str(tmp_path / name)), NOTHING)

    @pytest.mark.parametrize(
        ("name", "content", "text"),
        [
            ("bank.jsonl", b"{}", "no 'fileId'"),
            ("bank.jsonl", b"no json", "Line 1"),
            ("bank.jsonl", b"\xff\xff", "bank.jsonl"),
            ("bank.csv", b"fileId,hash\na,1\n", "no column 'pHash'"),
            ("bank.csv", b"fileId,pHash\na,\xff\n", r"bank\.csv: Line 1 cannot be read"),
            ("bank.parquet", b"no parquet", "bank.parquet: This is not a readable Parquet file"),
            ("bank.txt", b"", "is not a known table format"),
        ],
    )
    def test_a_file_that_is_not_a_table_of_hashes_is_refused(
        self, name: str, content: bytes, text: str, tmp_path: Path
    ) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageKitInputError, match=text) as caught:
            load_bank(BankFile(str(tmp_path / name)), NOTHING)
        assert name in str(caught.value)

    def test_a_malformed_hash_is_reported_with_file_and_row(self, tmp_path: Path) -> None:
        rows = [*ROWS, {"fileId": "x", "pHash": "xyz"}]
        with pytest.raises(InvalidPHashError, match=r"bank\.jsonl: Row 5: Invalid pHash value 'xyz'"):
            load_bank(write(tmp_path / "bank.jsonl", rows), NOTHING)

    def test_an_unknown_scheme_is_refused(self) -> None:
        with pytest.raises(ImageKitInputError, match="quux"):
            load_bank(BankFile("quux://bucket/bank.csv"), NOTHING)

    def test_a_failure_of_the_disk_is_retryable(self, tmp_path: Path) -> None:
        path = tmp_path / "loop.jsonl"
        path.symlink_to(path)  # a disk error that needs no broken disk
        with pytest.raises(StorageError, match="does not respond") as caught:
            list(read_table(str(path)))
        assert caught.value.retryable

    def test_a_table_that_is_nested_too_deeply_or_corrupt_is_final(self, tmp_path: Path) -> None:
        (tmp_path / "deep.jsonl").write_text('{"id": ' + "[" * 100_000 + "]" * 100_000 + "}")
        (tmp_path / "page.parquet").write_bytes(self.with_a_corrupt_page(tmp_path / "whole.parquet"))
        for name in ("deep.jsonl", "page.parquet"):
            with pytest.raises(ImageKitInputError, match=name) as caught:
                load_bank(BankFile(str(tmp_path / name)), NOTHING)
            assert not caught.value.retryable

    @staticmethod
    def with_a_corrupt_page(path: Path) -> bytes:
        write(path, ROWS * 500, "parquet")
        content = bytearray(path.read_bytes())
        content[4:60] = bytes(56)
        return bytes(content)


class TestErrors:
    @pytest.mark.parametrize("error", FAULTS, ids=repr)
    def test_a_bug_is_raised_unchanged(self, error: Exception, tmp_path: Path) -> None:
        with pytest.raises(type(error), match="ours") as caught, storage_errors("s3://bucket/bank.csv"):
            raise error
        file = write(tmp_path / "bank.jsonl").path
        with pytest.raises(type(error)) as in_body, open_locally(file):
            raise error
        assert caught.value is in_body.value is error

    @pytest.mark.parametrize("error", FAULTS, ids=repr)
    def test_a_bug_while_a_bank_is_built_is_raised_unchanged(self, error: Exception, tmp_path: Path) -> None:
        class Hashes(frozenset[PHash]):
            def __iter__(self) -> Iterator[PHash]:
                raise error

        with pytest.raises(type(error)) as caught:
            load_bank(write(tmp_path / "bank.jsonl"), Hashes())
        assert caught.value is error

    @pytest.mark.parametrize(
        "error",
        [
            OSError(5, "Input/output error"),
            TimeoutError("slow"),
            ConnectionResetError("cut"),
            fsspec.exceptions.FSTimeoutError(),
            urllib3.exceptions.HTTPError("refused"),
        ],
        ids=repr,
    )
    def test_an_error_of_the_storage_is_retryable(self, error: Exception) -> None:
        with (
            pytest.raises(
                StorageError, match=r"s3://bucket/bank\.csv: the storage does not respond"
            ) as caught,
            storage_errors("s3://bucket/bank.csv"),
        ):
            raise error
        assert caught.value.retryable

    @pytest.mark.parametrize(
        "error", [FileNotFoundError(), PermissionError("no"), ValueError("scheme"), ImportError("gcsfs")]
    )
    def test_an_error_that_a_retry_cannot_fix_is_final(self, error: Exception) -> None:
        address = "s3://bucket/bank.csv"
        with (
            pytest.raises(ImageKitInputError, match="bank"),
            storage_errors(address),
            address_errors(address),
        ):
            raise error

    @pytest.mark.parametrize("address", ["quux://a/b.csv", "/tmp/a\0b.csv"])
    def test_an_address_that_names_no_file_is_final_wherever_it_is_read(self, address: str) -> None:
        for read in (
            lambda: load_bank(BankFile(address), NOTHING),
            lambda: list(read_table(address)),
            lambda: StoredTable(address).__enter__(),
            lambda: read_source(address, None),
        ):
            with pytest.raises(ImageKitInputError):
                read()


class TestWriting:
    def test_folders_are_made_and_what_was_there_is_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "a/b/table.jsonl"
        write(path)
        write(path, ROWS[:1])
        assert [json.loads(line) for line in path.read_text().splitlines()] == ROWS[:1]

    def test_an_incomplete_file_is_never_left(self, tmp_path: Path) -> None:
        path = write(tmp_path / "table.jsonl").path
        before = Path(path).read_bytes()
        with pytest.raises(ZeroDivisionError), upload_together() as upload, upload(path) as file:
            file.write(b"half") and file.write(bytes([1 // 0]))
        assert Path(path).read_bytes() == before

    def test_an_error_of_the_store_names_the_path(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        path = str(tmp_path / "file/table.jsonl")
        with (
            pytest.raises(ImageKitInputError, match="cannot be written"),
            upload_together() as upload,
            upload(path),
        ):
            pass

    def test_files_appear_together_or_not_at_all(self, tmp_path: Path) -> None:
        one, two = tmp_path / "one", tmp_path / "two"
        one.write_bytes(b"old")
        with pytest.raises(ZeroDivisionError), upload_together() as upload:
            self.write_both(upload, one, two)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"old"}

    @staticmethod
    def write_both(upload: Any, one: Path, two: Path) -> None:
        with upload(str(one)) as file:
            file.write(b"new")
        with upload(str(two)) as file:
            file.write(bytes([1 // 0]))

    def test_files_of_a_killed_process_are_removed_and_those_of_a_live_one_are_kept(
        self, tmp_path: Path
    ) -> None:
        left = tmp_path / "unfinished-0123abcd-one"
        left.write_bytes(b"half")
        with upload_together() as live, live(str(tmp_path / "one")) as file:
            write(tmp_path / "one", ending="jsonl")
            file.write(b"later")
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("one", b"later")]


def test_an_error_of_the_caller_is_not_mistaken_for_one_of_the_table(tmp_path: Path) -> None:
    rows = read_table(write(tmp_path / "bank.jsonl").path)
    with pytest.raises(ZeroDivisionError):
        next(1 // 0 for _ in rows)
