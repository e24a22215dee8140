from __future__ import annotations

import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.emulator.drawing import draw, encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = b"secret"


def ask(ik: ImageKitEmulator, request: bytes) -> bytes:
    """Send raw bytes and return the first bytes of the response."""
    host, _, port = ik.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(65536)


def raw_get(ik: ImageKitEmulator, target: str) -> bytes:
    return ask(ik, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageKitEmulator]:
    root = tmp_path_factory.mktemp("served")
    (root / "a.jpg").write_bytes(encode(draw(64, 48)))
    with ImageKitEmulator(library=root) as emulator:
        yield emulator
        assert 500 not in {request.status for request in emulator.requests}


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "folder/../../secret.txt",
        "tr:w-1/../../secret.txt",
        "%2fetc/passwd",
        "/etc/passwd",
        "..%5csecret.txt",
        "secret.txt%00.jpg",
        "link.txt",
        "linked/secret.txt",
        ".hidden",
        "folder",
        "folder/",
        "",
        "%ff%fe",
    ],
)
def test_no_path_leads_out_of_the_library(library: Path, path):
    outside = library.parent / "outside"
    outside.mkdir()
    for folder in (library.parent, outside):
        (folder / "secret.txt").write_bytes(SECRET)
    (library / "link.txt").symlink_to(library.parent / "secret.txt")
    (library / "linked").symlink_to(outside)
    (library / ".hidden").write_bytes(SECRET)
    with ImageKitEmulator(library=library) as ik:
        response = raw_get(ik, f"/demo/{path}")
        assert response.startswith((b"HTTP/1.1 404", b"HTTP/1.1 401"))
        assert SECRET not in response
        assert {file["name"] for file in ik.files()} == {"a.jpg", "b.png", "top.webp", "notes.txt"}


def test_a_link_inside_the_library_is_followed(ik, get, library: Path):
    (library / "same.jpg").symlink_to(library / "folder" / "a.jpg")
    assert get(ik.file_url("same.jpg")).content == get(ik.file_url("folder/a.jpg")).content
    assert "same.jpg" in {file["name"] for file in ik.files()}


def test_it_listens_on_the_loopback_address_only(ik):
    assert ik.url.startswith("http://127.0.0.1:")


def test_an_oversized_picture_is_refused_without_decoding(ik, get, library: Path):
    header = b"GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02D\x01\x00;"
    (library / "bomb.gif").write_bytes(header)
    assert get(f"/v1/files/{ik.file_id('bomb.gif')}/metadata").status_code == 400
    assert get(ik.url_endpoint + "/tr:w-10/bomb.gif").status_code in (200, 400)


def test_an_upload_without_end_is_cut_off(ik):
    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="fileName"\r\n\r\n'
        while True:
            yield bytes(1_000_000)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with contextlib.suppress(requests.ConnectionError):  # the connection may close before the error is read
        url = ik.url + "/api/v1/files/upload"
        requests.post(url, auth=(ik.private_key, ""), data=endless(), headers=headers, timeout=30)
    assert ik.requests[-1].status == 400


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=x", "text/plain", ""]
)
@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\n\r\n\r\n--x--", b"{" * 1000])
def test_a_broken_form_is_refused(ik, content_type, body):
    headers = {"Content-Type": content_type} if content_type else {}
    response = requests.post(
        ik.url + "/api/v1/files/upload", auth=(ik.private_key, ""), data=body, headers=headers, timeout=10
    )
    assert response.status_code == 400


def test_many_threads_get_correct_responses(ik):
    def work(_: int) -> tuple[int, bytes]:
        with requests.Session() as session:
            session.auth = (ik.private_key, "")
            responses = [
                session.get(f"{ik.url}/v1/files/{ik.file_id(name)}/metadata", timeout=30)
                for name in ("folder/a.jpg", "folder/b.png", "top.webp") * 3
            ]
        return len([response for response in responses if response.status_code == 200]), responses[0].content

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(work, range(32)))
    assert set(results) == {(9, results[0][1])}
    assert len(ik.requests) == 32 * 9


targets = st.text(st.sampled_from("/v1filesmetadtr:w-,.?&=%2eEF0a9_~+;[]{}\"'<>()\\é\x00\n "), max_size=80)
lead_ins = st.sampled_from(
    [
        "",
        "/",
        "/v1/files/",
        "/v1/files?",
        "/v1/files?searchQuery=",
        "/v1/metadata?url=",
        "/demo/",
        "/demo/tr:",
        "/demo/a.jpg?tr=",
        "/demo/a.jpg?ik-s=",
        "/api/v1/files/upload",
        "/?page=",
        "/v1/metadata?url=http://127.0.0.1/demo/",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD"]),
    lead_ins,
    targets,
    st.binary(max_size=50),
)
def test_no_request_returns_500(served, method, lead_in, target, body):
    url = served.url + (lead_in + target if (lead_in + target).startswith("/") else "/" + lead_in + target)
    response = requests.request(method, url, auth=(served.private_key, ""), data=body, timeout=10)
    assert response.status_code < 500


numbers = st.sampled_from(
    [
        "0",
        "1",
        "7",
        "64",
        "0.5",
        "N3",
        "4999",
        "iw",
        "ih_div_2",
        "cw_mul_3",
        "iar",
        "ch_sub_99",
        "iw_pow_9",
        "ih_mod_0",
    ]
)
plausible = st.one_of(
    st.tuples(st.sampled_from(["w", "h", "x", "y", "xc", "yc", "rt", "dpr", "q", "bl"]), numbers),
    st.tuples(st.just("ar"), st.sampled_from(["4-3", "1_9", "iar_div_2"])),
    st.tuples(st.just("c"), st.sampled_from(["force", "at_max", "at_least", "maintain_ratio_no_enlarge"])),
    st.tuples(
        st.just("cm"), st.sampled_from(["extract", "pad_extract", "pad_resize", "pad_resize_no_enlarge"])
    ),
    st.tuples(st.just("fo"), st.sampled_from(["top", "bottom_right", "custom", "auto"])),
    st.tuples(st.just("f"), st.sampled_from(["jpg", "png", "webp", "gif", "auto"])),
    st.tuples(st.just("bg"), st.sampled_from(["FF0000", "00FF0040", "red", "dominant"])),
    st.tuples(st.sampled_from(["md", "cp", "orig"]), st.sampled_from(["true", "false"])),
    st.tuples(st.just("fl"), st.sampled_from(["h", "h_v"])),
).map("-".join)
transformations = st.lists(st.lists(plausible, max_size=5).map(",".join), max_size=3).map(":".join)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(transformations)
def test_no_transformation_returns_500(served, transformation):
    response = requests.get(f"{served.url_endpoint}/a.jpg", params={"tr": transformation}, timeout=30)
    assert response.status_code in (200, 400)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 5000))
def test_no_upload_returns_500(served, noise, at):
    whole = encode(draw(64, 48))
    content = whole[:at] + noise + whole[at + len(noise) :]
    form = {
        "file": ("x", content),
        "fileName": (None, "fuzz.jpg"),
        "useUniqueFileName": (None, "false"),
        "responseFields": (None, "metadata"),
    }
    url = served.url + "/api/v1/files/upload"
    response = requests.post(url, auth=(served.private_key, ""), files=form, timeout=10)
    assert response.status_code in (200, 400)
