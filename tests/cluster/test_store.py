"""Tables, banks, listings and leases on S3, through Airflow's Amazon provider."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_imagekit.compat import ObjectStoragePath
from airflow_provider_imagekit.exceptions import ImageKitError, ImageKitInputError, StorageError
from airflow_provider_imagekit.gates.bank_files import load_bank
from airflow_provider_imagekit.gates.references import BankFile
from airflow_provider_imagekit.io.object_storage import check_output, exists, read_table, upload_together
from airflow_provider_imagekit.io.paths import files_in
from airflow_provider_imagekit.io.tables import write_rows
from airflow_provider_imagekit.library.lease import Lease
from airflow_provider_imagekit.operators.library import LibraryMetadataOperator
from airflow_provider_imagekit.operators.listing import ListFilesOperator
from tests.cluster.object_store import BUCKET, ObjectStore, object_store
from tests.doubles import context

A, B = "f06830ca9f1e3e90", "2222222222222222"
FOLDER = f"s3://store@{BUCKET}/folder"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def store(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    monkeypatch.setenv("AIRFLOW_CONN_STORE", server.connection)
    for key in server.names():
        server.client.delete_object(Bucket=BUCKET, Key=key)
    return server


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def write(name: str, *hashes: str) -> None:
    rows = [{"fileId": str(number), "pHash": phash} for number, phash in enumerate(hashes)]
    with upload_together() as upload, upload(f"{FOLDER}/{name}") as file:
        write_rows(file, rows, {"fileId": str, "pHash": str}, name.rpartition(".")[2])


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_a_table_is_written_and_read_in_every_form(ending: str, store: ObjectStore) -> None:
    for hashes in ([A], [A, B]):
        write(f"bank.{ending}", *hashes)
        assert [row["pHash"] for row in read_table(f"{FOLDER}/bank.{ending}")] == hashes
    assert store.names() == [f"folder/bank.{ending}"]


def write_half(name: str) -> None:
    with upload_together() as upload, upload(f"{FOLDER}/{name}") as file:
        file.write(lines({"fileId": "half"}))
        raise ZeroDivisionError


def test_a_table_whose_writing_fails_does_not_appear(store: ObjectStore) -> None:
    write("bank.jsonl", A)
    with pytest.raises(ZeroDivisionError):
        write_half("bank.jsonl")
    assert store.names() == ["folder/bank.jsonl"]
    assert [row["fileId"] for row in read_table(f"{FOLDER}/bank.jsonl")] == ["0"]


def test_files_written_by_another_machine_are_visible_at_once(store: ObjectStore) -> None:
    write("bank.jsonl", A)
    folder, bank = ObjectStoragePath(FOLDER), BankFile(f"{FOLDER}/bank.jsonl")
    assert [path.name for path in files_in(folder)] == ["bank.jsonl"]
    list(folder.iterdir())  # the client caches this listing
    assert len(load_bank(bank, frozenset())) == 1

    list(folder.iterdir())
    store.put("folder/bank.jsonl", lines({"fileId": "a", "pHash": A}, {"fileId": "b", "pHash": B}))
    store.put("folder/new.jsonl", lines({"fileId": "c", "pHash": B}))

    assert len(load_bank(bank, frozenset())) == 2
    list(folder.iterdir())
    store.put("folder/newer.jsonl", b"")
    assert exists(f"{FOLDER}/newer.jsonl")
    list(folder.iterdir())
    store.put("folder/new.jsonl", lines(*[{"fileId": str(number)} for number in range(9)]))
    assert len(list(read_table(f"{FOLDER}/new.jsonl"))) == 9
    list(folder.iterdir())
    store.put("folder/newest.jsonl", b"")
    assert len(files_in(folder)) == 4


def test_a_lease_taken_over_by_another_try_is_detected(store: ObjectStore) -> None:
    folder = ObjectStoragePath(FOLDER)
    lease = Lease(folder, owner="run")
    lease.acquire()
    list(folder.iterdir())
    stored = json.loads(store.get("folder/lease.json"))
    store.put("folder/lease.json", lines(stored | {"token": "of-another-try", "more": "bytes"}))
    with pytest.raises(ImageKitError, match="in use"):
        lease.check()


def test_a_missing_file_and_a_missing_bucket_are_final(store: ObjectStore) -> None:
    with pytest.raises(ImageKitInputError, match="There is no file"):
        list(read_table(f"{FOLDER}/none.jsonl"))
    with pytest.raises(ImageKitInputError, match="cannot be written"):
        check_output("s3://store@elsewhere/table.jsonl")


@pytest.mark.usefixtures("connection")
def test_a_store_that_is_down_may_answer_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with object_store() as store:
        monkeypatch.setenv("AIRFLOW_CONN_DOWN", store.connection)
    address = f"s3://down@{BUCKET}/table.jsonl"
    with pytest.raises(StorageError, match="cannot be written"):
        check_output(address)
    with pytest.raises(StorageError, match="does not respond"):
        list(read_table(address))
    for operator in (LibraryMetadataOperator, ListFilesOperator):
        with pytest.raises(StorageError, match="cannot be written"):
            operator(task_id="writes", output_path=address).execute(context())
