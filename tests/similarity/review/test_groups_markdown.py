"""The Markdown table that a reviewer sees."""

from __future__ import annotations

from typing import Any

from markdown_it import MarkdownIt

from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.near_duplicates import find_near_duplicates
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.review.groups_markdown import groups_markdown

URL = "https://ik.imagekit.io/demo"


def row(path: str, *, keep: bool = False, url: str | None = None) -> dict[str, Any]:
    return {"id": path, "keep": keep, "distance": 3, "path": path, "url": url or f"{URL}{path}"}


def test_each_near_duplicate_is_beside_the_picture_to_keep() -> None:
    table = groups_markdown(
        [row("/a.jpg", keep=True), row("/b.jpg"), row("/c.jpg", keep=True), row("/d.jpg")]
    )
    small = "?tr=w-200,h-150,c-at_max"
    assert table.splitlines()[2:] == [
        f"| ![]({URL}/a.jpg{small}) /a.jpg | ![]({URL}/b.jpg{small}) /b.jpg | 3 |",
        f"| ![]({URL}/c.jpg{small}) /c.jpg | ![]({URL}/d.jpg{small}) /d.jpg | 3 |",
    ]


def test_no_near_duplicates_make_no_table() -> None:
    assert groups_markdown([]) == groups_markdown([row("/a.jpg", keep=True)]) == ""


def test_rows_beyond_the_limit_are_counted() -> None:
    table = groups_markdown([row("/a.jpg", keep=True), *(row(f"/{n}.jpg") for n in range(5))], limit=2)
    assert (table.count("| 3 |"), table.splitlines()[-1]) == (2, "and 3 more")


def test_the_rows_of_a_search_are_accepted() -> None:
    records = [HashRecord(name, PHash(2**40 + n), {"path": f"/{name}"}) for n, name in enumerate("ab")]
    assert groups_markdown(find_near_duplicates(records).group_rows()).endswith("| /a | /b | 1 |")


def test_no_file_name_is_read_as_markup() -> None:
    name = "/a|b](x) **c** <img src=x onerror=y> `d` &lt; ![](https://evil.example/x.png)\n| e.jpg"
    table = groups_markdown([row(name, keep=True, url="javascript:alert(1)"), row("/b ).jpg")])
    html = MarkdownIt("commonmark").enable("table").render(table)
    assert (html.count("<tr>"), html.count("<td"), html.count("<img")) == (2, 3, 1)
    assert "<strong>" not in html
    assert "a|b](x) **c** &lt;img src=x onerror=y&gt; `d` &amp;lt;" in html
    assert f'<img src="{URL}/b%20%29.jpg?tr=w-200,h-150,c-at_max"' in html
