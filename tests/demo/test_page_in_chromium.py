"""The demo's page in a browser: on a laptop and a phone, in light and dark mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from demo.page import as_html
from demo.report import Comparison, Picture, Report, Scenario
from tests.browser import LAPTOP, NEEDS_BROWSER, PHONE, accessibility_faults, browser, hidden_width, show

pytestmark = NEEDS_BROWSER

PREVIEW = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
LAKE = Picture(
    "/landscapes/mountain-lake-before-the-storm.jpg",
    4000,
    3000,
    77_612,
    "jpg",
    "FUJIFILM X-T5",
    "f06830ca9f1e3e90",
    PREVIEW,
)
OTHER = Picture("/variants/" + "x" * 80 + ".png", 10, 20, 300, "png", "", "2222222222222222", PREVIEW)
FILM = Picture("/film.mp4", 0, 0, 0, "", "", "")
COMPARISONS = [
    Comparison(LAKE, LAKE, "itself", 0, 1.0, "similar"),
    Comparison(LAKE, OTHER, "another picture", 30, 1 - 30 / 64, "different"),
    Comparison(LAKE, FILM, "a film", None, None, "undecidable"),
]
RUNS = [
    Scenario("Metadata of a whole folder", "example_imagekit_mapped_listing", "success", 4.2, "12 pictures"),
    Scenario("Publish only what looks right", "example_imagekit_similarity_gate", "failed", 61.25, "why"),
]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("browser")
    page = folder / "index.html"
    report = Report(
        "a local server", 8, pictures=[LAKE, OTHER, FILM], comparisons=COMPARISONS, scenarios=RUNS
    )
    page.write_text(as_html(report), "utf-8")
    with browser(folder / "profile") as driver:
        driver.get(page.as_uri())
        yield driver


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [LAPTOP, PHONE])
def test_the_page_fits_the_screen_and_axe_finds_nothing_serious(driver: Any, width: int, dark: bool) -> None:
    show(driver, width=width, dark=dark)
    assert hidden_width(driver) <= 0
    assert accessibility_faults(driver) == []
