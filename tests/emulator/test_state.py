"""Uploads and changes that a server keeps between runs."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.emulator.__main__ import main
from airflow_provider_imagekit.emulator.library.assets import Asset, Version
from airflow_provider_imagekit.emulator.library.library import Library
from airflow_provider_imagekit.emulator.library.store import Store


def upload(library: Library, path: str, content: bytes) -> None:
    def change(known: Asset | None, blob: str) -> Asset:
        number = known.current.number + 1 if known else 1
        return Asset(path, None, (*(known.versions if known else ()), Version(number, blob, 0, 0)))

    library.upload(path, content, change)


def test_a_second_server_on_one_state_folder_is_refused(library: Path, tmp_path: Path, capsys):
    state = tmp_path / "state"
    with ImageKitEmulator(library=library, state=state):
        with pytest.raises(OSError, match="Another server uses the state folder"):
            ImageKitEmulator(library=library, state=state)
        assert main(["--library", str(library), "--state", str(state)]) == 1
        assert f"Another server uses the state folder {state}." in capsys.readouterr().err
    with ImageKitEmulator(library=library, state=state) as ik:
        assert ik.files()


def test_an_invalid_state_database_is_explained(library: Path, tmp_path: Path):
    (tmp_path / "imagekit-emulator.sqlite").write_text("no database " * 100)
    with pytest.raises(OSError, match="cannot be used: file is not a database"):
        ImageKitEmulator(library=library, state=tmp_path)


@pytest.mark.slow
def test_the_time_of_an_upload_does_not_grow_with_the_store(library: Path):
    store = Store(None)
    files = Library(library, store)

    def seconds(first: int, count: int) -> float:
        started = time.process_time()
        for number in range(first, first + count):
            upload(files, f"/n{number}.txt", b"%d" % number)
        return time.process_time() - started

    early = min(seconds(first, 100) for first in (0, 100, 200))
    seconds(300, 6000)
    assert min(seconds(first, 100) for first in (6300, 6400, 6500)) < 4 * early
    store.close()


def test_contents_that_no_version_uses_are_dropped(library: Path, tmp_path: Path):
    store = Store(tmp_path)
    files = Library(library, store)
    upload(files, "/a.txt", b"shared")
    upload(files, "/b.txt", b"shared")
    files.change("/a.txt", lambda known: Asset("/a.txt", None, ()))
    assert len(store.contents()) == 1
    files.change("/b.txt", lambda known: Asset("/b.txt", None, ()))
    assert store.contents() == set()
    store.close()


def test_a_refused_upload_leaves_no_content(library: Path):
    store = Store(None)
    files = Library(library, store)

    def refuse(known: Asset | None, blob: str) -> Asset:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        files.upload("/a.txt", b"new", refuse)
    assert store.contents() == set()
    store.close()


def test_contents_of_a_killed_upload_are_dropped_at_the_next_start(library: Path, tmp_path: Path):
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "imagekit-emulator.sqlite") as database:
        database.execute("INSERT INTO blob VALUES ('left over', 'x')")
    database.close()
    store = Store(tmp_path)
    Library(library, store)
    assert store.contents() == set()
    store.close()
