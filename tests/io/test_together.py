"""All outputs of a task appear together or not at all, whichever step of the storage fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_imagekit.exceptions import StorageError
from airflow_provider_imagekit.io.object_storage import upload_together
from tests.support import AIRFLOW_3

attach = import_module("airflow.sdk.io" if AIRFLOW_3 else "airflow.io.store").attach

NAMES = ["groups.jsonl", "pairs.jsonl", "groups.html"]


class FailingStore(MemoryFileSystem):
    """A store that fails at selected steps."""

    # Class attributes, because Airflow's paths use several instances.
    steps = 0
    fails_at: Callable[[int], bool] = staticmethod(lambda step: False)

    def _step(self) -> None:
        FailingStore.steps += 1
        if self.fails_at(self.steps):
            raise OSError(5, f"the store failed at its step {self.steps}")

    def _open(self, *args: Any, **kwargs: Any) -> Any:
        self._step()
        return super()._open(*args, **kwargs)

    def cp_file(self, *args: Any, **kwargs: Any) -> None:
        self._step()
        super().cp_file(*args, **kwargs)

    def rm_file(self, *args: Any, **kwargs: Any) -> None:
        self._step()
        super().rm_file(*args, **kwargs)

    def info(self, *args: Any, **kwargs: Any) -> Any:
        self._step()
        return super().info(*args, **kwargs)


@pytest.fixture
def store() -> Iterator[type[FailingStore]]:
    fsspec.register_implementation("memory", FailingStore, clobber=True)
    attach("memory", fs=FailingStore(skip_instance_cache=True))
    yield FailingStore
    FailingStore.steps, FailingStore.fails_at = 0, staticmethod(lambda step: False)
    FailingStore.store.clear()
    fsspec.register_implementation("memory", MemoryFileSystem, clobber=True)
    attach("memory", fs=MemoryFileSystem(skip_instance_cache=True))


def write_all(folder: str, content: bytes, last: Callable[[], object] = lambda: None) -> None:
    with upload_together() as upload:
        for name in NAMES:
            with upload(f"{folder}/{name}") as file:
                file.write(content)
        last()


def in_the_way(path: Path) -> None:
    path.unlink()
    path.mkdir()


def contents(store: type[FailingStore]) -> dict[str, bytes]:
    return {path.rpartition("/")[2]: file.getvalue() for path, file in store.store.items()}


def all_are(content: bytes) -> dict[str, bytes]:
    return dict.fromkeys(NAMES, content)


@pytest.mark.parametrize("before", [all_are(b"old"), {}, {"pairs.jsonl": b"old"}], ids=["all", "none", "one"])
def test_a_store_that_fails_at_any_one_step_leaves_all_files_old_or_all_new(
    before: dict[str, bytes], store: type[FailingStore]
) -> None:
    write_all("memory://bucket/dry", b"new")
    failures = 0
    for step in range(1, 10 * store.steps):
        store.store.clear()
        store.fails_at = staticmethod(lambda _: False)
        for name, content in before.items():
            store().pipe_file(f"/bucket/out/{name}", content)
        store.steps, store.fails_at = 0, staticmethod(step.__eq__)
        try:
            write_all("memory://bucket/out", b"new")
        except StorageError:
            failures += 1
            expected = before
        else:
            expected = all_are(b"new")
        visible = {name: content for name, content in contents(store).items() if name in NAMES}
        assert visible == expected, step
        if store.steps < step:
            break
    assert failures > 3 * len(NAMES)


def test_after_an_outage_between_two_moves_the_error_says_where_the_former_files_are(
    store: type[FailingStore],
) -> None:
    write_all("memory://bucket/out", b"old")
    moved: list[int] = []

    def fails_at(step: int) -> bool:
        if not moved and contents(store)["groups.jsonl"] == b"new":
            moved.append(step)
        return bool(moved)

    store.fails_at = staticmethod(fails_at)
    with pytest.raises(StorageError) as caught:
        write_all("memory://bucket/out", b"new")
    [note, *_] = caught.value.__cause__.__notes__  # type: ignore[union-attr]
    assert "groups.jsonl could not be restored" in note
    kept = [name for name, content in contents(store).items() if name in note and content == b"old"]
    assert any(name.startswith("former-") for name in kept)


def test_leftovers_of_a_store_are_removed_when_a_day_old(store: type[FailingStore]) -> None:
    for age, name in ((2, "former-01234567-groups.jsonl"), (0, "unfinished-89abcdef-groups.jsonl")):
        store().pipe_file(f"/bucket/out/{name}", b"half")
        store.store[f"/bucket/out/{name}"].modified = datetime.now(UTC) - timedelta(days=age)
    write_all("memory://bucket/out", b"new")
    assert contents(store) == all_are(b"new") | {"unfinished-89abcdef-groups.jsonl": b"half"}


@pytest.mark.parametrize("links", [True, False])
def test_a_disk_on_which_one_file_cannot_be_moved_keeps_them_all(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all(str(tmp_path), b"old")
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    with pytest.raises(StorageError, match="Is a directory"):
        write_all(str(tmp_path), b"new", last=lambda: in_the_way(tmp_path / "pairs.jsonl"))
    (tmp_path / "pairs.jsonl").rmdir()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "groups.jsonl": b"old",
        "groups.html": b"old",
    }


def _no_links(*_: Any, **__: Any) -> None:
    raise PermissionError(1, "Operation not permitted")
