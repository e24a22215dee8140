"""Headless Chromium for tests, and accessibility checks with axe."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="needs the dependency group test")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
NEEDS_BROWSER = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER), reason="needs chromium and chromium-driver; `make test` installs them"
)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
)
#: Screen widths of a small phone and of a laptop, in pixels.
PHONE, LAPTOP = 390, 1280

_AXE = "axe-playwright-python"  # only its JavaScript file is used
_RUN = "const done = arguments[arguments.length - 1]; axe.run().then(done, (error) => done(String(error)));"


@contextmanager
def browser(profile: Path, downloads: Path | None = None) -> Iterator[Any]:
    """Yield a Selenium driver of a new Chromium."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={LAPTOP},900"):
        options.add_argument(flag)
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(CHROMEDRIVER)))
    try:
        driver.set_script_timeout(120)
        yield driver
    finally:
        driver.quit()


def show(driver: Any, *, width: int = LAPTOP, dark: bool = False) -> None:
    """Set the screen width and the light or dark colour scheme of the page."""
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def hidden_width(driver: Any) -> int:
    """Return the width in pixels by which the page exceeds the screen."""
    return int(driver.execute_script("return document.documentElement.scrollWidth - innerWidth"))


def accessibility_faults(driver: Any) -> list[str]:
    """Return the serious and critical violations that axe reports for the current page."""
    script = importlib.metadata.distribution(_AXE).locate_file("axe_playwright_python/axe.min.js")
    driver.execute_script(Path(str(script)).read_text("utf-8"))
    found = driver.execute_async_script(_RUN)
    assert isinstance(found, dict), found
    assert found["passes"], "axe checked nothing"
    return [
        f"{fault['id']}: {node['html']:.200} {node['failureSummary']}"
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]
