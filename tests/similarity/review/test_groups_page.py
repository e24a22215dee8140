from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.groups import Group, Member, Origin
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.review.groups_page import write_groups_page

URL = "https://ik.imagekit.io/demo/shop/shoe.jpg"
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--",
    "<img src=x onerror=alert(1)>",
    "\u2028",
    "@@DATA@@",
    "&lt;",
]


class Elements(HTMLParser):
    """Collect the elements of a page and the text of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.title = ""
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "title":
            self.title += data


def group(name: str = "shoe", distance: int = 3, **attributes) -> Group:
    attributes = {
        "url": URL,
        "filePath": "/shop/shoe.jpg",
        "width": 40,
        "height": 30,
        "size": 999,
        **attributes,
    }
    keeper = Member(HashRecord(name, PHash(7), attributes), Origin.NEW, 0)
    copy = Member(HashRecord(f"{name}-copy", PHash(0xF07), {"url": URL}), Origin.KNOWN, distance)
    return Group(keeper, (copy,), "most pixels")


def page_of(groups: list[Group], **options) -> str:
    file = io.BytesIO()
    assert write_groups_page(file, groups, **options) == len(file.getvalue())
    return file.getvalue().decode()


NAMES = ("id", "name", "url", "thumbnail", "phash", "distance", "origin", "bytes")


def data_of(page: str) -> dict:
    """Return the page's data as its script reads it."""
    *lines, last = Elements(page).scripts[0].split("\n")
    data = json.loads(last)

    def picture(row: list) -> dict:
        shown = dict(zip(NAMES, row, strict=False)) | {"values": row[len(NAMES) :]}
        thumbnail = (
            f"{shown['url']}?tr={data['thumbnail']}" if shown["thumbnail"] == 1 else shown["thumbnail"]
        )
        return shown | {"origin": data["origins"][shown["origin"]], "thumbnail": thumbnail}

    groups = []
    for reason, *rows in map(json.loads, lines):
        keeper, *members = map(picture, rows)
        groups.append({"reason": reason, "keeper": keeper, "members": members})
    assert all(len(column) == len(groups) for column in data["index"])
    return data | {"groups": groups}


class TestData:
    def test_a_picture_has_the_properties_that_a_person_compares(self):
        data = data_of(page_of([group(createdAt="2024-05-06T07:08:09.123Z", format="jpg")]))
        [shown] = data["groups"]
        assert shown["reason"] == "most pixels"
        assert shown["keeper"] == {
            "id": "shoe",
            "name": "shoe.jpg",
            "url": URL,
            "thumbnail": f"{URL}?tr=w-480,h-360,c-at_max",
            "phash": "0000000000000007",
            "distance": 0,
            "origin": "new",
            "bytes": 999,
            "values": ["40 × 30", "999", "jpg", "2024-05-06 07:08Z", "/shop"],
        }
        assert (shown["members"][0]["distance"], shown["members"][0]["origin"]) == (3, "known")
        assert data["labels"] == ["Dimensions", "File size", "Format", "Created", "Folder"]

    def test_further_columns_are_compared(self):
        data = data_of(page_of([group(hasColorProfile=False)], fields=["hasColorProfile", "tags"]))
        assert data["labels"][-2:] == ["hasColorProfile", "tags"]
        assert data["groups"][0]["keeper"]["values"][-2:] == ["False", ""]

    def test_the_thumbnails_box_can_be_chosen(self):
        data = data_of(page_of([group()], thumbnail=(64, 48)))
        assert data["groups"][0]["keeper"]["thumbnail"].endswith("?tr=w-64,h-48,c-at_max")

    @pytest.mark.parametrize("url", [None, "", "javascript:alert(1)", "file:///etc/passwd"])
    def test_without_a_web_url_there_is_no_link_and_no_picture(self, url):
        keeper = data_of(page_of([group(url=url)]))["groups"][0]["keeper"]
        assert keeper["url"] is keeper["thumbnail"] is None

    def test_without_a_url_imagekits_own_thumbnail_is_used(self):
        thumbnail = f"{URL}?tr=n-ik_ml_thumbnail"
        keeper = data_of(page_of([group(url=None, thumbnail=thumbnail)]))["groups"][0]["keeper"]
        assert (keeper["url"], keeper["thumbnail"]) == (None, thumbnail)


class TestEscaping:
    @pytest.mark.parametrize("text", HOSTILE)
    @pytest.mark.parametrize("where", ["name", "filePath", "format", "createdAt", "url", "title", "note"])
    def test_no_value_becomes_markup(self, where, text):
        options = {where: text} if where in ("title", "note") else {}
        attributes = {} if options or where == "name" else {where: text}
        page = page_of([group(text if where == "name" else "shoe", **attributes)], **options)
        clean = page_of([group()])
        assert [tag for tag, _ in Elements(page).tags] == [tag for tag, _ in Elements(clean).tags]
        data_of(page)

    @given(st.text())
    def test_any_name_is_read_back_unchanged(self, name):
        assert data_of(page_of([group(name)]))["groups"][0]["keeper"]["id"] == name

    def test_the_title_is_text(self):
        assert Elements(page_of([], title="a < b & c")).title == "a < b & c"


class TestPage:
    def test_it_needs_no_other_file(self):
        for tag, attributes in Elements(page_of([group()])).tags:
            assert tag not in ("link", "iframe", "object", "embed", "img")
            assert "src" not in attributes
            assert not [name for name in attributes if name.startswith("on")]

    def test_only_its_own_script_may_run(self):
        elements = Elements(page_of([group()]))
        [policy] = [
            attributes["content"]
            for tag, attributes in elements.tags
            if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
        ]
        digest = base64.b64encode(hashlib.sha256(elements.scripts[1].encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}';" in policy
        assert policy.startswith("default-src 'none'")

    def test_the_script_writes_no_markup(self):
        script = Elements(page_of([])).scripts[1]
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)

    def test_ten_thousand_groups_are_written_quickly(self):
        begin = time.perf_counter()
        page = page_of([group(f"shoe{number}") for number in range(10_000)])
        assert time.perf_counter() - begin < 10
        assert len(data_of(page)["groups"]) == 10_000
        assert len(page) < 10_000_000

    def test_a_page_without_groups_is_valid(self):
        assert data_of(page_of([]))["groups"] == []
