"""The documentation's site in a browser, in desktop and phone widths, in the light and the dark theme."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import LAPTOP, NEEDS_BROWSER, PHONE, accessibility_faults, browser, hidden_width, show

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(REPOSITORY / "docs").with_suffix(".html").as_posix()
    for page in (REPOSITORY / "docs").rglob("*.md")
)

pytestmark = [NEEDS_BROWSER, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="needs the dependency group docs")
    built, home = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("airflow")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "docs", str(built)]
    environment = os.environ | {"AIRFLOW_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return built


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_the_screen_and_axe_finds_nothing_serious(page: str, site: Path, driver: Any) -> None:
    driver.get((site / page).as_uri())
    for width in (LAPTOP, PHONE):
        for dark in (False, True):
            show(driver, width=width, dark=dark)
            assert hidden_width(driver) <= 0, f"{width} pixels"
            assert not accessibility_faults(driver), f"{width} pixels, {'dark' if dark else 'light'}"
