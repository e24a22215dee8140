from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_imagekit.exceptions import (
    ImageKitError,
    ImageKitInputError,
    ImageKitTransportError,
    InvalidPHashError,
)
from airflow_provider_imagekit.gates.bank_files import load_bank
from airflow_provider_imagekit.gates.references import BankFile
from airflow_provider_imagekit.io.object_storage import read_table, upload_whole
from airflow_provider_imagekit.io.tables import write_rows
from airflow_provider_imagekit.phash import PHash

A, B, FLAT = "f06830ca9f1e3e90", "2222222222222222", "ccc9e67048f23f1d"
ROWS = [
    {"fileId": "a", "pHash": A},
    {"fileId": "b", "pHash": B},
    {"fileId": "flat", "pHash": FLAT},
    {"fileId": "video", "pHash": None},
]
NOTHING: frozenset[PHash] = frozenset()


def write(path: Path, rows: list[dict[str, str | None]] = ROWS, ending: str = "jsonl") -> BankFile:
    with upload_whole(str(path)) as file:
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

    def test_of_a_library_the_deleted_files_are_passed_over(self, tmp_path: Path) -> None:
        rows = [
            {"file_id": "gone", "phash": A, "deleted_at": "2026-01-01T00:00:00Z"},
            {"file_id": "there", "phash": A, "deleted_at": None},
        ]
        nearest = load_bank(write(tmp_path / "library.jsonl", rows), NOTHING).nearest(PHash.parse(A))
        assert nearest is not None
        assert nearest.id == "there"

    def test_hashes_that_say_nothing_are_left_out(self, tmp_path: Path) -> None:
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
            ("bank.txt", b"", "names no form of table"),
        ],
    )
    def test_what_is_no_table_of_hashes_is_refused(
        self, name: str, content: bytes, text: str, tmp_path: Path
    ) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageKitInputError, match=text) as caught:
            load_bank(BankFile(str(tmp_path / name)), NOTHING)
        assert name in str(caught.value)

    def test_a_malformed_hash_is_told_with_file_and_row(self, tmp_path: Path) -> None:
        rows = [*ROWS, {"fileId": "x", "pHash": "xyz"}]
        with pytest.raises(InvalidPHashError, match=r"bank\.jsonl: Row 5: Invalid pHash value 'xyz'"):
            load_bank(write(tmp_path / "bank.jsonl", rows), NOTHING)

    def test_an_unknown_scheme_is_refused(self) -> None:
        with pytest.raises(ImageKitInputError, match="quux"):
            load_bank(BankFile("quux://bucket/bank.csv"), NOTHING)

    def test_a_store_that_fails_may_answer_later(self, tmp_path: Path) -> None:
        path = tmp_path / "loop.jsonl"
        path.symlink_to(path)  # the one failure of a disk that needs no broken disk
        with pytest.raises(ImageKitTransportError) as caught:
            list(read_table(str(path)))
        assert caught.value.retryable


class TestWriting:
    def test_folders_are_made_and_what_was_there_is_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "a/b/table.jsonl"
        write(path)
        write(path, ROWS[:1])
        assert [json.loads(line) for line in path.read_text().splitlines()] == ROWS[:1]

    def test_half_a_file_is_never_left(self, tmp_path: Path) -> None:
        path = write(tmp_path / "table.jsonl").path
        before = Path(path).read_bytes()
        with pytest.raises(ZeroDivisionError), upload_whole(path) as file:
            file.write(b"half") and file.write(bytes([1 // 0]))
        assert Path(path).read_bytes() == before

    def test_what_the_store_refuses_is_told_with_the_path(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(ImageKitError), upload_whole(str(tmp_path / "file/table.jsonl")):
            pass


def test_an_error_of_whoever_reads_is_not_taken_for_one_of_the_table(tmp_path: Path) -> None:
    rows = read_table(write(tmp_path / "bank.jsonl").path)
    with pytest.raises(ZeroDivisionError):
        next(1 // 0 for _ in rows)
