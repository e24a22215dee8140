"""The start page in a real browser: light mode, dark mode, and phone width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests.browser import LAPTOP, NEEDS_BROWSER, PHONE, accessibility_faults, browser, hidden_width, show
from tests.emulator.drawing import pictures

pytestmark = [pytest.mark.slow, NEEDS_BROWSER]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("library")
    for name, content in pictures().items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    with ImageKitEmulator(library=folder) as imagekit:
        yield imagekit.url


# The browser closes first and with it its connections to the server.
@pytest.fixture(scope="module")
def driver(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [LAPTOP, PHONE])
def test_the_start_page_is_accessible(driver: Any, address: str, width: int, dark: bool) -> None:
    driver.get(address)
    show(driver, width=width, dark=dark)
    driver.find_element("css selector", "summary").click()
    assert accessibility_faults(driver) == []
    assert hidden_width(driver) <= 0
