"""A reviewer decides on the page, and the next search follows the decisions."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.io.tables import read_rows
from airflow_provider_imagekit.operators.duplicates import FindNearDuplicatesOperator
from tests.browser import LAPTOP, NEEDS_BROWSER, PHONE, accessibility_faults, browser, hidden_width, show
from tests.doubles import context

pytestmark = [pytest.mark.slow, NEEDS_BROWSER]

ORIGINAL, COPY, OTHER = "a" * 24, "b" * 24, 'c, "third"'
BUTTONS = ".decide button"


def find(folder: Path, **arguments: Any) -> dict[str, Any]:
    names = ((ORIGINAL, 400), (COPY, 300), (OTHER, 200))
    records = [
        {"fileId": name, "pHash": f"f06830ca9f1e3e9{number}", "path": f"/shop/{number}.jpg", "width": width}
        | {"height": 100, "createdAt": f"2024-01-0{number + 1}T00:00:00Z"}
        for number, (name, width) in enumerate(names)
    ]
    return FindNearDuplicatesOperator(
        task_id="find", records=records, output_path=str(folder), **arguments
    ).execute(context())


def groups(found: dict[str, Any]) -> list[dict[str, Any]]:
    with Path(found["groups_path"]).open("rb") as file:
        return list(read_rows(file, "jsonl"))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("browser")
    with browser(folder / "profile", folder) as driver:
        driver.downloads = folder
        yield driver


def open_page(driver: Any, found: dict[str, Any]) -> None:
    driver.get(Path(found["report_path"]).as_uri())


def press(driver: Any, text: str) -> None:
    """Press a button with the keyboard."""
    driver.find_element("css selector", f"button[aria-label='{text}']").send_keys("\ue007")


def save(driver: Any) -> Path:
    file: Path = driver.downloads / "decisions.csv"
    file.unlink(missing_ok=True)
    driver.find_element("id", "save").send_keys("\ue007")
    for _ in range(300):
        if file.exists():
            return file
        time.sleep(0.1)
    raise TimeoutError("nothing was downloaded")


def test_a_picture_that_a_person_keeps_is_kept_by_the_next_search(driver: Any, tmp_path: Path) -> None:
    found = find(tmp_path / "first")
    assert [row["id"] for row in groups(found) if row["keep"]] == [ORIGINAL]
    open_page(driver, found)
    press(driver, "Keep this one: 1.jpg")
    assert driver.find_element("css selector", "figure.keep .name").text == "1.jpg"
    assert "your decision" in driver.find_element("css selector", "figure.keep").text
    decisions = save(driver)

    [keeper] = [row for row in groups(find(tmp_path / "next", keep_path=str(decisions))) if row["keep"]]
    assert (keeper["id"], keeper["reason"]) == (COPY, "chosen")


def test_a_pair_marked_as_not_duplicates_is_not_in_the_next_search(driver: Any, tmp_path: Path) -> None:
    open_page(driver, find(tmp_path / "first", max_distance=1))
    press(driver, "Not a duplicate: 1.jpg")
    press(driver, "Not a duplicate: 2.jpg")
    decisions = save(driver)
    assert list(csv.reader(decisions.read_text("utf-8").splitlines())) == [
        ["id", "other_id", "decision"],
        [COPY, ORIGINAL, "not_duplicate"],
        [OTHER, ORIGINAL, "not_duplicate"],
    ]

    found = find(tmp_path / "next", max_distance=1, not_duplicates_path=str(decisions))
    assert (found["groups"], found["pairs"]) == (0, 0)


def test_a_decision_can_be_taken_back(driver: Any, tmp_path: Path) -> None:
    open_page(driver, find(tmp_path))
    button = driver.find_element("id", "save")
    assert not button.is_enabled()
    for text in ("Keep this one: 2.jpg", "Not a duplicate: 1.jpg"):
        press(driver, text)
        assert button.text == "Save decisions (1)"
        press(driver, text)
        assert button.text == "Save decisions (0)"
    assert driver.find_element("css selector", "figure.keep .name").text == "0.jpg"


def test_earlier_decisions_are_saved_again_with_the_new_ones(driver: Any, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.csv"
    earlier.write_text(f"id,other_id,decision\n{COPY},,keep\nx,y,not_duplicate\n", "utf-8")
    open_page(driver, find(tmp_path / "a", keep_path=str(earlier), not_duplicates_path=str(earlier)))
    press(driver, "Keep this one: 0.jpg")
    assert save(driver).read_text("utf-8").splitlines()[1:] == [f"{ORIGINAL},,keep", "x,y,not_duplicate"]


def test_the_page_shows_ids_and_hashes_and_links_the_media_library(driver: Any, tmp_path: Path) -> None:
    open_page(driver, find(tmp_path))
    shown = [element.text for element in driver.find_elements("css selector", ".id")]
    assert sorted(shown) == [
        f"{ORIGINAL} f06830ca9f1e3e90 Media library",
        f"{COPY} f06830ca9f1e3e91 Media library",
        f"{OTHER} f06830ca9f1e3e92",
    ]
    link = driver.find_element("link text", "Media library").get_attribute("href")
    assert link == f"https://imagekit.io/dashboard/media-library/detail/{ORIGINAL}"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [LAPTOP, PHONE])
def test_the_page_is_accessible_in_each_theme(driver: Any, tmp_path: Path, width: int, dark: bool) -> None:
    open_page(driver, find(tmp_path))
    show(driver, width=width, dark=dark)
    press(driver, "Keep this one: 1.jpg")
    press(driver, "Not a duplicate: 2.jpg")
    assert accessibility_faults(driver) == []
    assert hidden_width(driver) <= 0
    live = driver.find_elements("css selector", "[aria-live], output, [role=status], [role=alert]")
    assert [element.get_attribute("id") for element in live] == ["place"]


def test_a_keyboard_reaches_every_control_and_turns_pages(driver: Any, tmp_path: Path) -> None:
    open_page(driver, find(tmp_path))
    reached = set()
    for _ in range(20):
        driver.switch_to.active_element.send_keys("\ue004")
        focus = driver.switch_to.active_element
        reached.add(focus.get_attribute("aria-label") or focus.get_attribute("id") or focus.text)
    assert {"sort", "origin", "find", "Media library"} <= reached
    assert {"Keep this one: 0.jpg", "Keep this one: 1.jpg", "Not a duplicate: 2.jpg"} <= reached
