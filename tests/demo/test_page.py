from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from demo.page import as_html, bits_of
from demo.report import Comparison, Picture, Report, Scenario, as_text

PREVIEW = "data:image/png;base64,iVBORw0KGgo="
HOSTILE = "/a/<script>alert('1')</script>\"&.jpg"
MUG = Picture("/shop/mug.jpg", 720, 480, 77_612, "jpg", "Canon EOS R6", "f06830ca9f1e3e90", PREVIEW)
OTHER = Picture(HOSTILE, 10, 20, 300, "png", "", "2222222222222222")
NO_HASH = Picture("/film.mp4", 0, 0, 0, "", "", "")


@pytest.fixture
def report() -> Report:
    return Report(
        source="a local server",
        max_distance=8,
        pictures=[MUG, OTHER, NO_HASH],
        comparisons=[
            Comparison(MUG, OTHER, "resized: <b>half</b>", 30, 1 - 30 / 64, "different"),
            Comparison(MUG, MUG, "itself", 0, 1.0, "similar"),
            Comparison(MUG, NO_HASH, "a film", None, None, "undecidable"),
        ],
        scenarios=[Scenario("One <file>", "example", "failed", 1.25, "the reason & more")],
    )


class Tags(HTMLParser):
    """Collects all tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_texts_are_escaped(report: Report) -> None:
    page = as_html(report)
    assert "script" not in {tag for tag, _ in Tags(page).tags}
    assert "&lt;script&gt;" in page
    assert "resized: &lt;b&gt;half&lt;/b&gt;" in page
    assert "the reason &amp; more" in page


def test_the_page_loads_nothing_from_elsewhere(report: Report) -> None:
    tags = Tags(as_html(report)).tags
    addresses = [value for _, attrs in tags for name, value in attrs.items() if name in {"src", "href"}]
    assert addresses
    assert all(str(address).startswith("data:image/") for address in addresses)
    assert "link" not in {tag for tag, _ in tags}
    assert "@import" not in as_html(report)


def test_the_highlighted_squares_are_the_bits_that_differ(report: Report) -> None:
    cards = re.findall(r"<article.*?</article>", as_html(report), re.DOTALL)
    assert [card.count('class="differs"') for card in cards] == [30, 0, 0]
    assert [card.count("<rect") for card in cards] == [64, 64, 64]


def test_a_picture_without_preview_or_hash_is_shown_too(report: Report) -> None:
    page = as_html(report)
    assert "no preview" in page
    assert "is undecidable" in page


def test_bits_are_read_first_digit_first() -> None:
    assert bits_of("8000000000000001") == [True] + [False] * 62 + [True]
    assert bits_of("") == []


def test_the_tables_show_the_same_results(report: Report) -> None:
    text = as_text(report)
    assert re.search(r"/shop/mug\.jpg +720 x 480 +78 kB +jpg +Canon EOS R6 +f06830ca9f1e3e90", text)
    assert re.search(r"resized +30 +53\.1% +x different", text)
    assert re.search(r"a film +- +- +\? undecidable", text)
    assert re.search(r"example +1\.2 s +failed +the reason & more", text)


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS R6", "Canon EOS R6"),
        ("NIKON CORPORATION", "NIKON Z 6_2", "NIKON Z 6_2"),
        ("FUJIFILM", "X-T5", "FUJIFILM X-T5"),
        (None, "X-T5", "X-T5"),
        (None, None, ""),
    ],
)
def test_the_maker_is_named_once(make: str | None, model: str | None, camera: str) -> None:
    assert Picture.of("/a.jpg", {"exif": {"image": {"Make": make, "Model": model}}}).camera == camera


@pytest.mark.parametrize("metadata", [{}, {"exif": None}, {"exif": {"image": None}, "pHash": None}])
def test_every_key_of_the_metadata_may_be_missing(metadata: dict[str, object]) -> None:
    assert Picture.of("/a.jpg", metadata) == Picture("/a.jpg", 0, 0, 0, "", "", "")
