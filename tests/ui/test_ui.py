"""
Airflow's own UI in a headless Chromium: the connection form, its Test button, and a run.

With ``IMAGEKIT_WRITE_SCREENSHOTS`` set, these tests also write the screenshots in ``docs/images/``.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.provider_info import CONNECTION_TYPE
from demo.catalogue import build
from demo.environment import EXAMPLE_DAGS
from demo.stack import AirflowStack
from tests.browser import accessibility_faults
from tests.stack.api import READING_SECONDS, Api, wait_until

webdriver = pytest.importorskip("selenium.webdriver", reason="needs the dependency group test")

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LARGEST_IMAGE = 200_000
PATIENCE = 30
CONNECTION_ID = "imagekit_typed_in"
DAG_ID, TASK_ID = "example_imagekit_file_metadata", "metadata"
REVIEW_DAG_ID = "example_imagekit_review_duplicates"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1100,1250"),
]
STANDARD_LABELS = {"Description", "API base URL (host)", "Private key (password)", "Port"}
HIDDEN_LABELS = {"Login", "Schema", "Host", "Password"}

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


class Browser:
    """A Chromium with a logged-in user."""

    def __init__(self, stack: AirflowStack, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        for flag in [*FLAGS, f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        self._url = stack.url
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(str(shutil.which("chromedriver"))))
        self.driver.implicitly_wait(PATIENCE)
        self.open("/")
        self.find("input[name=username]").send_keys(stack.username)
        self.find("input[name=password]").send_keys(stack.password)
        self.find("button[type=submit]").click()
        wait_until(lambda: "/auth/login" not in self.driver.current_url, PATIENCE, "the login is done")

    def open(self, path: str) -> None:
        self.driver.get(self._url + path)

    def find(self, selector: str):  # type: ignore[no-untyped-def]  # selenium's element
        return self.driver.find_element("css selector", selector)

    def button(self, text: str):  # type: ignore[no-untyped-def]
        return self.driver.find_element("xpath", f"//button[normalize-space(.)='{text}']")

    def text(self) -> str:
        return str(self.find("body").text)

    def shows(self, text: str) -> None:
        wait_until(lambda: text in self.text(), PATIENCE, f"{text!r} is shown")

    def photograph(self, name: str) -> None:
        time.sleep(1)  # wait for animations to end
        if os.environ.get("IMAGEKIT_WRITE_SCREENSHOTS"):
            picture = Image.open(io.BytesIO(base64.b64decode(self.driver.get_screenshot_as_base64())))
            picture.convert("RGB").quantize(128).save(IMAGES / f"{name}.png", optimize=True)


@pytest.fixture(scope="module")
def imagekit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageKitEmulator]:
    library = tmp_path_factory.mktemp("library")
    build(library)
    with ImageKitEmulator(library=library) as imagekit:
        yield imagekit


@pytest.fixture(scope="module")
def stack(imagekit: ImageKitEmulator) -> Iterator[AirflowStack]:
    with AirflowStack(EXAMPLE_DAGS, json.dumps(imagekit.airflow_connection)) as stack:
        yield stack


@pytest.fixture(scope="module")
def browser(stack: AirflowStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("needs chromium and chromium-driver; `make test-stack` installs them where it can")
    browser = Browser(stack, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


def labels(browser: Browser) -> set[str]:
    """Return the labels of the visible fields."""
    return set(browser.find("[role=dialog]").text.splitlines())


def test_the_connection_form_shows_its_fields_and_saves(browser: Browser, imagekit: ImageKitEmulator) -> None:
    browser.open("/connections")
    browser.button("Add Connection").click()
    browser.find("[role=dialog] input[name=connection_id]").send_keys(CONNECTION_ID)
    kind = browser.find("[role=dialog] input[role=combobox]")
    kind.send_keys("ImageKit")
    browser.find("[role=dialog] [role=option], [role=listbox] [role=option]").click()
    browser.shows("Private key (password)")
    assert labels(browser) >= STANDARD_LABELS
    assert not labels(browser) & HIDDEN_LABELS
    host, _, port = imagekit.url.rpartition(":")
    browser.find("input[name=host]").send_keys(host)
    browser.find("input[name=port]").send_keys(port)
    secret = browser.find("input[name=password]")
    assert secret.get_attribute("type") == "password"
    secret.send_keys(imagekit.private_key)
    browser.photograph("connection-form")
    browser.button("Extra Fields").click()
    browser.shows("URL endpoint (url_endpoint)")
    for field in CONNECTION_TYPE["conn-fields"].values():
        assert field["label"] in labels(browser)
        assert " ".join(field["description"].split()) in " ".join(browser.text().split())
    browser.find("input[name=element_requests_per_second]").send_keys("20")
    browser.photograph("connection-form-extra")
    browser.button("Save").click()
    browser.shows("1 Connection")


def test_the_saved_connection_has_the_typed_values(
    browser: Browser, stack: AirflowStack, imagekit: ImageKitEmulator
) -> None:
    saved = Api(stack).call("GET", f"/connections/{CONNECTION_ID}")
    assert saved["conn_type"] == "imagekit"
    assert f"{saved['host']}:{saved['port']}" == imagekit.url
    assert json.loads(saved["extra"])["requests_per_second"] == 20
    assert imagekit.private_key not in json.dumps(saved)


def test_the_test_button_is_green_with_the_right_key(browser: Browser, imagekit: ImageKitEmulator) -> None:
    browser.open("/connections")
    browser.find("button[aria-label='Test Connection']").click()
    browser.shows("accepts the private key.")
    assert browser.find("button[aria-label='Test Connection'] svg").get_attribute("color") == "green"
    browser.photograph("connection-test")


def test_the_test_button_shows_the_error_of_a_wrong_key(browser: Browser, imagekit: ImageKitEmulator) -> None:
    key, imagekit.private_key = imagekit.private_key, "private_another="
    browser.open("/connections")
    browser.find("button[aria-label='Test Connection']").click()
    browser.shows("it must be a private key of this account")
    assert browser.find("button[aria-label='Test Connection'] svg").get_attribute("color") == "red"
    imagekit.private_key = key


def test_a_run_shows_xcom_links_and_rendered_templates_without_the_key(
    browser: Browser, stack: AirflowStack, imagekit: ImageKitEmulator
) -> None:
    api = Api(stack)
    run = api.trigger(DAG_ID)
    wait_until(lambda: api.call("GET", run)["state"] == "success", 180, "the run has succeeded")
    task = f"/dags/{DAG_ID}/runs/{quote(run.rpartition('/')[2], safe='')}/tasks/{TASK_ID}"
    pages = []
    for tab, expected, name in (
        ("xcom", "pHash", "xcom"),
        ("rendered_templates", "file_id", ""),
        ("details", "ImageKit media library", "extra-links"),
        ("", "EXIF tags", "task-log"),
    ):
        browser.open(f"{task}/{tab}".rstrip("/"))
        browser.shows(expected)
        pages.append(browser.driver.page_source)
        if name:
            browser.photograph(name)
    for secret in (imagekit.private_key, base64.b64encode(f"{imagekit.private_key}:".encode()).decode()):
        assert not [page for page in pages if secret in page]


def test_a_person_sees_near_duplicates_side_by_side_and_approves(
    browser: Browser, stack: AirflowStack, imagekit: ImageKitEmulator
) -> None:
    api = Api(stack)
    run = api.trigger(REVIEW_DAG_ID)
    wait_until(
        lambda: api.task(run, "approve")["state"] == "awaiting_input", 180, "the task waits for a reviewer"
    )
    start = time.monotonic()
    page = quote(run.rpartition("/")[2], safe="")
    browser.open(f"/dags/{REVIEW_DAG_ID}/runs/{page}/tasks/approve/required_actions")
    browser.shows("bits apart")
    thumbnails = browser.driver.find_elements("css selector", "td img")
    assert len(thumbnails) >= 2
    wait_until(
        lambda: all(int(thumbnail.get_attribute("naturalWidth")) > 0 for thumbnail in thumbnails),
        PATIENCE,
        "every picture is shown",
    )
    browser.photograph("review")
    time.sleep(max(start + READING_SECONDS - time.monotonic(), 0))
    browser.button("Approve").click()
    wait_until(lambda: api.call("GET", run)["state"] == "success", 60, "the run has succeeded")
    tagged = [file["filePath"] for file in imagekit.files() if "duplicate" in (file["tags"] or ())]
    assert len(tagged) == len(thumbnails) / 2
    assert all(path in browser.text() for path in tagged)


def test_the_link_of_a_search_opens_its_page_from_the_ui(browser: Browser, stack: AirflowStack) -> None:
    api = Api(stack)
    run = api.trigger(REVIEW_DAG_ID)
    wait_until(lambda: api.task(run, "find")["state"] == "success", 180, "the search has succeeded")
    run_id = quote(run.rpartition("/")[2], safe="")
    browser.open(f"/dags/{REVIEW_DAG_ID}/runs/{run_id}/tasks/find/details")
    browser.shows("ImageKit report")
    url = browser.driver.find_element("link text", "ImageKit report").get_attribute("href")
    assert url.startswith("http://127.0.0.1:")
    browser.driver.get(url)
    browser.shows("near-duplicates in")
    assert accessibility_faults(browser.driver) == []


def test_the_screenshots_exist_and_are_small() -> None:
    found = {path.stem: path.stat().st_size for path in IMAGES.glob("*.png")}
    taken = {"connection-form", "connection-form-extra", "connection-test", "extra-links", "review", "xcom"}
    assert taken <= set(found)
    assert max(found.values()) < LARGEST_IMAGE
