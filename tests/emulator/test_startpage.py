from __future__ import annotations

import json
import re
import shlex
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests

from airflow_provider_imagekit.emulator import ImageKitEmulator

ATTACK = "<img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """Collects the elements, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def scripts(self) -> list[str]:
        found = [tag for tag, _ in self.elements if tag in ("script", "iframe", "object", "embed")]
        for _, attributes in self.elements:
            found += [name for name in attributes if name.startswith("on")]
            found += [value for value in attributes.values() if (value or "").startswith("javascript:")]
        return found


def page_of(ik: ImageKitEmulator, query: str = "") -> Page:
    return Page(requests.get(ik.url + "/" + query, timeout=10).text)


def test_the_start_page_shows_the_library(ik, get):
    page = requests.get(ik.url, timeout=10).text
    phash = get(f"/v1/files/{ik.file_id('folder/a.jpg')}/metadata").json()["pHash"]
    for piece in ("/folder/a.jpg", ik.file_id("folder/a.jpg"), phash, "320 × 200", "notes.txt", "no pHash"):
        assert piece in page
    thumbnails = [urllib.parse.unquote(address) for address in re.findall(r'src="([^"]+)"', page)]
    assert len(thumbnails) == 3
    assert all(requests.get(address, timeout=10).status_code == 200 for address in thumbnails)


def test_the_start_page_has_pages(ik, library: Path):
    assert "<figure>" not in requests.get(ik.url + "/?page=2", timeout=10).text
    assert requests.get(ik.url + "/?page=x", timeout=10).status_code == 200
    for number in range(61):
        (library / f"n{number}.txt").write_text("x")
    targets = [attributes["href"] for tag, attributes in page_of(ik).elements if tag == "a"]
    assert "/?search=&page=2" in targets


@pytest.mark.parametrize(
    "name",
    [
        f"{ATTACK}.txt",
        f"a.{ATTACK}",
        f'"{ATTACK}.jpg',
        "'onclick='alert(1)'.txt",
        "javascript:alert(1)",
        "{{ 7 * 7 }}.txt",
    ],
)
def test_no_markup_of_a_file_name_becomes_an_element(ik, library: Path, name):
    (library / name).write_text("x")
    page = page_of(ik)
    assert page.scripts == []
    assert f"/{name}" in page.text


def test_no_markup_of_a_sidecar_file_becomes_an_element(ik, library: Path, get):
    (library / "clip.mp4").write_bytes(b"video")
    stated = dict.fromkeys(("width", "height", "bitRate", "duration", "audioCodec", "videoCodec"), ATTACK)
    (library / "clip.mp4.imagekit.json").write_text(json.dumps(stated))
    assert page_of(ik).scripts == []
    (listed,) = get("/v1/files?name=clip.mp4").json()
    assert not {"width", "height", "bitRate", "duration"} & set(listed)
    assert listed["videoCodec"] == ATTACK


def test_no_markup_of_a_request_becomes_an_element(ik):
    quoted = urllib.parse.quote(f'"{ATTACK}')
    assert page_of(ik, f"?search={quoted}").scripts == []
    response = requests.get(ik.url, headers={"Host": f'x"{ATTACK}'}, timeout=10)
    assert Page(response.text).scripts == []


def test_the_browser_is_forbidden_to_run_scripts(ik, library: Path):
    (library / "evil.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>')
    policy = requests.get(ik.url, timeout=10).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    delivered = requests.get(ik.file_url("evil.svg"), timeout=10)
    assert delivered.headers["content-security-policy"] == "sandbox"
    assert delivered.headers["x-content-type-options"] == "nosniff"


def test_the_start_page_searches_paths_and_ids(ik):
    found = page_of(ik, "?search=FOLDER/A")
    assert "/folder/a.jpg" in found.text
    assert "/top.webp" not in found.text
    assert "/top.webp" in page_of(ik, f"?search={ik.file_id('top.webp')}").text


def test_the_start_page_shows_the_connection_to_copy(ik):
    command = re.search(r"export AIRFLOW_CONN_IMAGEKIT_DEFAULT=.*", page_of(ik).text)[0]
    assert json.loads(shlex.split(command)[1].partition("=")[2]) == ik.airflow_connection


def test_a_users_private_key_is_not_on_the_start_page(library: Path):
    with ImageKitEmulator(library=library, private_key="private_mine") as ik:
        text = page_of(ik).text
    assert "private_mine" not in text
    assert "YOUR_PRIVATE_KEY" in text


def test_the_start_page_fits_phones_and_dark_mode(ik):
    html = requests.get(ik.url, timeout=10).text
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert "prefers-color-scheme: dark" in html
