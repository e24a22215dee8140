from __future__ import annotations

import base64
import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.emulator.drawing import draw, encode

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = encode(draw(seed=31), quality=80)
OTHER = encode(draw(seed=37), quality=80)


@pytest.fixture
def upload(ik):
    def upload(file: object = ("x.jpg", PICTURE), **fields: object) -> requests.Response:
        named = {"fileName": "new.jpg", "useUniqueFileName": "false", **fields}
        files = {name: (None, value) for name, value in named.items() if value is not None} | {"file": file}
        files = {name: value for name, value in files.items() if value is not None}
        return requests.post(
            f"{ik.url}/api/v1/files/upload", auth=(ik.private_key, ""), files=files, timeout=10
        )

    return upload


@pytest.fixture
def send(ik):
    def send(method: str, path: str, body: object = None) -> requests.Response:
        return requests.request(method, ik.url + path, auth=(ik.private_key, ""), json=body, timeout=10)

    return send


def test_an_uploaded_picture_is_served_like_any_other(ik, get, upload):
    response = upload(folder="/made/today", responseFields="metadata,tags", tags="one,two")
    assert response.status_code == 200
    file = response.json()
    assert (file["filePath"], file["fileType"], file["width"]) == ("/made/today/new.jpg", "image", 320)
    assert file["tags"] == ["one", "two"]
    assert file["metadata"] == get(f"/v1/files/{file['fileId']}/metadata").json()
    assert get(file["url"]).content == PICTURE
    assert get("/v1/files?path=/made/today").json()[0]["fileId"] == file["fileId"]
    assert {item["folderPath"] for item in get("/v1/files?type=folder").json()} == {
        "/folder",
        "/made",
        "/made/today",
    }


@pytest.mark.parametrize("form", ["plain", "data"])
def test_a_file_may_come_as_base64(get, upload, form):
    text = base64.b64encode(PICTURE).decode()
    file = (None, text if form == "plain" else f"data:image/jpeg;base64,{text}")
    assert get(upload(file).json()["url"]).content == PICTURE


def test_a_file_may_come_from_a_url_of_the_account(ik, get, upload):
    source = ik.url_endpoint + "/tr:w-60/folder/a.jpg"
    assert get(upload((None, source)).json()["url"]).content == get(source).content


@pytest.mark.parametrize("url", ["https://example.com/a.jpg", "http://127.0.0.1:1/demo/folder/a.jpg"])
def test_a_url_of_another_server_is_never_fetched(upload, url):
    assert upload((None, url)).status_code == 400


def test_a_body_may_come_in_chunks(ik, get):
    boundary = "frontier"
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
    head = part % ("fileName", "") + "chunked.jpg\r\n" + part % ("file", '; filename="x"')
    body = [head.encode(), PICTURE[:500], PICTURE[500:], f"\r\n--{boundary}--\r\n".encode()]
    response = requests.post(
        f"{ik.url}/api/v1/files/upload",
        auth=(ik.private_key, ""),
        data=iter(body),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        timeout=10,
    )
    assert ik.requests[-1].headers["transfer-encoding"] == "chunked"
    assert get(response.json()["url"]).content == PICTURE


def test_a_picture_may_be_transformed_before_it_is_kept(upload):
    file = upload(transformation='{"pre": "w-30,h-20", "post": []}', responseFields="metadata").json()
    assert (file["width"], file["height"], file["metadata"]["width"]) == (30, 20, 30)


def test_a_name_gets_a_suffix_unless_disabled(upload):
    names = {upload(useUniqueFileName=None).json()["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("new_") and name.endswith(".jpg") for name in names)


def test_names_and_folders_are_cleaned(upload):
    file = upload(fileName="../my photo+1.jpg", folder="../Ünter//x y").json()
    assert file["filePath"] == "/__/_nter/x_y/_._my_photo_1.jpg"


def test_an_overwritten_file_keeps_its_id_and_gets_a_version(ik, get, upload):
    first = upload(tags="a").json()
    second = upload(("x.jpg", OTHER)).json()
    assert first["fileId"] == second["fileId"]
    assert [file["versionInfo"]["name"] for file in (first, second)] == ["Version 1", "Version 2"]
    newest, oldest = get(f"/v1/files/{first['fileId']}/versions").json()
    assert (newest["type"], oldest["type"]) == ("file", "file-version")
    assert (newest["tags"], oldest["tags"]) == (None, ["a"])
    assert get(newest["url"]).content == OTHER
    assert get(oldest["url"]).content == PICTURE
    one = get(f"/v1/files/{first['fileId']}/versions/{oldest['versionInfo']['id']}").json()
    assert one == oldest
    assert get(f"/v1/files/{first['fileId']}/versions/{'0' * 24}").status_code == 404
    assert get(f"/v1/files/{first['fileId']}/versions/first").status_code == 400
    assert [item["name"] for item in get("/v1/files?type=file-version").json()] == ["new.jpg"]
    assert get("/v1/metadata", params={"url": oldest["url"]}).json()["size"] == len(PICTURE)


def test_attributes_are_kept_when_overwriting_if_requested(upload):
    upload(tags="a", customMetadata='{"brand": "x"}', customCoordinates="1,2,3,4")
    fields = {"responseFields": "tags,customMetadata,customCoordinates"}
    kept = upload(overwriteTags="false", overwriteCustomMetadata="false", **fields).json()
    assert (kept["tags"], kept["customMetadata"], kept["customCoordinates"]) == (["a"], {"brand": "x"}, None)
    gone = upload(**fields).json()
    assert (gone["tags"], gone["customMetadata"]) == (None, {})


@pytest.mark.parametrize(
    ("file", "fields", "message"),
    [
        (None, {}, "Your request is missing file parameter."),
        (("x", b"y"), {"fileName": ""}, "Your request is missing fileName parameter."),
        (("x", b"y"), {"signature": "s"}, "Your request contains both signature and basic auth parameter."),
        (
            ("x", b"y"),
            {"tags": "x" * 501},
            "Combined length of all tags should be less than or equal to 500.",
        ),
        (("x", b"y"), {"tags": "50%"}, "% is not allowed"),
        (("x", b"y"), {"customMetadata": "{"}, "Invalid custom metadata."),
        (("x", b"y"), {"customMetadata": '{"a": {"b": 1}}'}, "Invalid custom metadata."),
        (("x", b"y"), {"customCoordinates": "1,2"}, "customCoordinates"),
        (("x", b"y"), {"overwriteFile": "yes"}, "overwriteFile"),
        (("x", PICTURE), {"transformation": '{"pre": "w-x"}'}, "the transformation field is invalid"),
        (("x", PICTURE), {"transformation": '{"pre": 1}'}, "the transformation field is invalid"),
        (("x", b"y"), {"transformation": '{"pre": "w-9"}'}, "supported only for image and video files"),
        ((None, "no base64!"), {}, "invalid file parameter"),
        (("x", b"y"), {"fileName": "a.jpg", "folder": "/folder", "overwriteFile": "false"}, "already exists"),
        (("x", bytes(26 * 1024**2)), {}, "The file size exceeds limits."),
    ],
)
def test_a_bad_upload_is_refused_and_changes_nothing(get, upload, file, fields, message):
    before = get("/v1/files?type=all").json()
    response = upload(file, **fields)
    assert (response.status_code, message in response.json()["message"]) == (400, True), response.text
    assert get("/v1/files?type=all").json() == before


def test_an_upload_needs_the_key(ik):
    response = requests.post(f"{ik.url}/api/v1/files/upload", files={"file": b"x"}, timeout=10)
    assert response.status_code == 401


def test_details_are_updated(ik, get, send):
    path = f"/v1/files/{ik.file_id('folder/a.jpg')}/details"
    before = get(path).json()
    changes = {"tags": ["x", "y"], "customCoordinates": "1,2,30,40", "description": "d"}
    changed = send("PATCH", path, {**changes, "customMetadata": {"a": 1, "b": "c"}})
    assert changed.status_code == 200
    assert changed.json() == get(path).json()
    assert changed.json()["tags"] == ["x", "y"]
    assert changed.json()["updatedAt"] > before["updatedAt"]
    assert changed.json()["createdAt"] == before["createdAt"]
    unset = send(
        "PATCH", path, {"tags": None, "customMetadata": {"a": None}, "customCoordinates": None}
    ).json()
    assert (unset["tags"], unset["customMetadata"], unset["customCoordinates"]) == (None, {"b": "c"}, None)
    assert unset["description"] == "d"


@pytest.mark.parametrize(
    "body", [{"tags": "x"}, {"customMetadata": []}, {"publish": {}}, {"customCoordinates": 5}, []]
)
def test_a_bad_update_is_refused(ik, send, body):
    response = send("PATCH", f"/v1/files/{ik.file_id('folder/a.jpg')}/details", body)
    assert response.status_code == 400


def test_an_unpublished_file_is_not_delivered(ik, get, send):
    path = f"/v1/files/{ik.file_id('folder/a.jpg')}/details"
    assert send("PATCH", path, {"publish": {"isPublished": False}}).json()["isPublished"] is False
    assert get(ik.file_url("folder/a.jpg")).status_code == 404
    assert get("/v1/metadata", params={"url": ik.file_url("folder/a.jpg")}).status_code == 404
    assert get(f"/v1/files/{ik.file_id('folder/a.jpg')}/metadata").status_code == 200
    send("PATCH", path, {"publish": {"isPublished": True, "includeFileVersions": True}})
    assert get(ik.file_url("folder/a.jpg")).status_code == 200


def test_a_deleted_file_is_gone_but_stays_in_the_folder(ik, get, send, library: Path):
    file_id = ik.file_id("folder/a.jpg")
    assert send("DELETE", f"/v1/files/{file_id}").status_code == 204
    assert get(f"/v1/files/{file_id}/metadata").status_code == 404
    assert get(ik.file_url("folder/a.jpg")).status_code == 404
    assert "a.jpg" not in {file["name"] for file in ik.files()}
    assert send("DELETE", f"/v1/files/{file_id}").status_code == 404
    assert (library / "folder" / "a.jpg").exists()
    (library / "folder" / "a.jpg").write_bytes(OTHER)
    assert get(ik.file_url("folder/a.jpg")).content == OTHER


def test_an_upload_over_a_file_on_disk_does_not_change_the_disk(ik, get, upload, library: Path):
    original = (library / "folder" / "a.jpg").read_bytes()
    upload(fileName="a.jpg", folder="folder")
    assert get(ik.file_url("folder/a.jpg")).content == PICTURE
    newest, oldest = get(f"/v1/files/{ik.file_id('folder/a.jpg')}/versions").json()
    assert (get(newest["url"]).content, get(oldest["url"]).content) == (PICTURE, original)
    assert (library / "folder" / "a.jpg").read_bytes() == original
    (library / "folder" / "a.jpg").write_bytes(OTHER)
    assert get(ik.file_url("folder/a.jpg")).content == OTHER


def test_changes_persist_in_a_state_folder(library: Path, tmp_path: Path):
    state = tmp_path / "state"
    with ImageKitEmulator(library=library, state=state) as ik:
        auth = (ik.private_key, "")
        form = {"file": ("x", PICTURE), "fileName": (None, "kept.jpg"), "useUniqueFileName": (None, "false")}
        requests.post(f"{ik.url}/api/v1/files/upload", auth=auth, files=form, timeout=10)
        path = f"{ik.url}/v1/files/{ik.file_id('top.webp')}"
        requests.patch(f"{path}/details", auth=auth, json={"tags": ["t"]}, timeout=10)
        requests.delete(f"{ik.url}/v1/files/{ik.file_id('notes.txt')}", auth=auth, timeout=10)
        before = [{**file, "url": "", "thumbnail": ""} for file in ik.files()]
    with ImageKitEmulator(library=library, state=state) as ik:
        assert [{**file, "url": "", "thumbnail": ""} for file in ik.files()] == before
        assert requests.get(ik.file_url("kept.jpg"), timeout=10).content == PICTURE
    with ImageKitEmulator(library=library) as ik:
        assert {file["name"] for file in ik.files()} == {"a.jpg", "b.png", "top.webp", "notes.txt"}


def test_a_removed_upload_leaves_nothing_in_the_state_folder(library: Path, tmp_path: Path):
    state = tmp_path / "state"
    with ImageKitEmulator(library=library, state=state) as ik:
        form = {"file": ("x", PICTURE), "fileName": (None, "new.jpg")}
        auth = (ik.private_key, "")
        file = requests.post(f"{ik.url}/api/v1/files/upload", auth=auth, files=form, timeout=10).json()
        assert (
            requests.delete(f"{ik.url}/v1/files/{file['fileId']}", auth=auth, timeout=10).status_code == 204
        )
    (database,) = state.iterdir()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM blob").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM asset").fetchone() == (0,)


@pytest.mark.parametrize("description", [True, 1, None, ["a"]])
def test_a_description_that_is_not_a_text_is_refused(ik, send, description):
    path = f"/v1/files/{ik.file_id('top.webp')}/details"
    assert send("PATCH", path, {"description": description}).status_code == 400
    assert send("PATCH", path, {"description": "text"}).json()["description"] == "text"
