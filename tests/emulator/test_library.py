from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.emulator.routes.objects import iso_time
from tests.emulator.drawing import draw, encode

OTHER = encode(draw(100, 80, seed=99))


def test_an_added_file_is_detected(ik, get, library: Path):
    file_id = ik.file_id("late/new.jpg")
    assert get(f"/v1/files/{file_id}/metadata").status_code == 404
    (library / "late").mkdir()
    (library / "late" / "new.jpg").write_bytes(OTHER)
    assert get(f"/v1/files/{file_id}/metadata").json()["width"] == 100
    assert "late" in {folder["name"] for folder in get("/v1/files?type=folder").json()}


@pytest.fixture
def busy() -> Iterator[None]:
    """Other threads of this process use most of its CPU time."""
    over, interval = threading.Event(), sys.getswitchinterval()

    def work() -> None:
        while not over.is_set():
            pass

    spinners = [threading.Thread(target=work) for _ in range(4)]
    sys.setswitchinterval(0.03)
    for thread in spinners:
        thread.start()
    yield
    over.set()
    for thread in spinners:
        thread.join()
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("busy")
def test_a_removed_file_is_detected_on_a_busy_machine(ik: ImageKitEmulator, library: Path) -> None:
    assert "notes.txt" in {file["name"] for file in ik.files()}
    (library / "notes.txt").unlink()
    assert "notes.txt" not in {file["name"] for file in ik.files()}


def test_a_replaced_file_keeps_its_id_and_gets_another_hash(ik, get, library: Path):
    file_id = ik.file_id("folder/a.jpg")
    before, listed = get(f"/v1/files/{file_id}/metadata").json(), get("/v1/files?name=a.jpg").json()[0]
    (library / "folder" / "a.jpg").write_bytes(OTHER)
    after, relisted = get(f"/v1/files/{file_id}/metadata").json(), get("/v1/files?name=a.jpg").json()[0]
    assert before["pHash"] != after["pHash"]
    assert (relisted["fileId"], relisted["width"]) == (file_id, 100)
    assert relisted["updatedAt"] > listed["updatedAt"]
    assert relisted["createdAt"] == listed["createdAt"]
    assert get(ik.file_url("folder/a.jpg")).content == OTHER


def test_a_replaced_file_of_equal_size_and_time_is_detected(ik, get, library: Path):
    path = library / "notes.txt"
    status = path.stat()
    assert get(ik.file_url("notes.txt")).text == "no picture"
    fresh = library / "fresh"
    fresh.write_text("NO PICTURE")
    os.utime(fresh, ns=(status.st_atime_ns, status.st_mtime_ns))
    fresh.rename(path)
    assert get(ik.file_url("notes.txt")).text == "NO PICTURE"


def test_a_removed_file_is_not_found(ik, get, library: Path):
    file_id = ik.file_id("top.webp")
    assert get(f"/v1/files/{file_id}/metadata").status_code == 200
    (library / "top.webp").unlink()
    assert get(f"/v1/files/{file_id}/metadata").status_code == 404
    assert get("/v1/files?name=top.webp").json() == []
    assert get(ik.file_url("top.webp")).status_code == 404


def test_a_moved_file_has_another_id_and_the_same_metadata(ik, get, library: Path):
    before = get(f"/v1/files/{ik.file_id('folder/a.jpg')}/metadata").json()
    (library / "folder" / "a.jpg").rename(library / "moved.jpg")
    assert get(f"/v1/files/{ik.file_id('moved.jpg')}/metadata").json() == before
    assert get(f"/v1/files/{ik.file_id('folder/a.jpg')}/metadata").status_code == 404


def test_names_with_odd_characters_are_served(ik, get, library: Path):
    for name in ("ü & co+1.jpg", "50% off?.jpg", "a#b.jpg", "tr:w-1.jpg"):
        (library / name).write_bytes(OTHER)
        listed = get("/v1/files", params={"name": name}).json()[0]
        assert get(listed["url"]).content == OTHER
        assert get("/v1/metadata", params={"url": ik.file_url(name)}).json()["width"] == 100
        assert get("/v1/metadata", params={"url": listed["url"]}).json()["width"] == 100


def test_one_bad_entry_never_fails_a_listing(library: Path):
    (library / "loop.jpg").symlink_to(library / "loop.jpg")
    (library / "there").symlink_to(library / "back")
    (library / "back").symlink_to(library / "there")
    (library / "folder" / "up").symlink_to(library)
    (library / "dangling.jpg").symlink_to(library / "none.jpg")
    (library / ("n" * 255)).write_text("x")
    (library / ("n" * 200)).mkdir()
    os.mkfifo(library / "pipe.jpg")
    os.close(os.open(bytes(library) + b"/\xff\xfe.jpg", os.O_CREAT))
    (library / "clip.mp4").write_bytes(b"video")
    (library / "clip.mp4.imagekit.json").symlink_to(library / "clip.mp4.imagekit.json")
    (library / "deep.mp4").write_bytes(b"video")
    (library / "deep.mp4.imagekit.json").write_text("[" * 100_000)
    (library / "odd.svg").write_text("<svg width='1e999' height='0'>")
    with ImageKitEmulator(library=library) as ik, requests.Session() as session:
        session.auth = (ik.private_key, "")
        names = {entry["name"] for entry in session.get(ik.url + "/v1/files", timeout=10).json()}
        expected = {"a.jpg", "b.png", "top.webp", "notes.txt", "clip.mp4", "deep.mp4", "odd.svg", "n" * 255}
        assert names == expected
        assert session.get(ik.url + "/", timeout=10).status_code == 200
        for name in ("loop.jpg", "there/a.jpg", "pipe.jpg", "dangling.jpg"):
            target = f"{ik.url}/v1/files/{ik.file_id(name)}/metadata"
            assert session.get(target, timeout=10).status_code == 404
            assert session.get(ik.file_url(name), timeout=10).status_code == 404


def test_a_time_outside_the_calendar_is_limited_to_it():
    assert iso_time(2**60) == "9999-12-31T23:59:59.000Z"
    assert iso_time(-(2**60)) == "0001-01-01T00:00:00.000Z"


def test_listings_are_complete_while_files_are_added_and_removed(ik, get, library: Path):
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            (library / "churn.jpg").write_bytes(OTHER)
            (library / "churn.jpg").unlink()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(50):
            names = {file["name"] for file in get("/v1/files").json()}
            assert names - {"churn.jpg"} == {"a.jpg", "b.png", "top.webp", "notes.txt"}
    finally:
        stop.set()
        thread.join()
