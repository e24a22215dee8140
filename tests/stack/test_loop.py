"""
The quarantine example from upload to approval, in a complete Airflow without manual triggers.

An upload is detected, compared and unpublished. A person approves it, and it is published. The next upload
does not unpublish it again.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.emulator import ImageKitEmulator
from demo.environment import EXAMPLE_DAGS
from tests import pictures
from tests.stack.api import wait_until
from tests.stack.whole_airflow import whole_airflow
from tests.support import AIRFLOW_3

EXAMPLE = EXAMPLE_DAGS / "example_imagekit_quarantine.py"
# Changes to the DAG: it starts unpaused and polls more often than once a minute.
CHANGES = {
    "is_paused_upon_creation=True": "is_paused_upon_creation=False",
    "ImageKitFilesTrigger(": "ImageKitFilesTrigger(poll_interval=5, ",
    "NewFilesSensor(": "NewFilesSensor(poke_interval=5, ",
}
SECONDS = 240

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


class Account:
    """The media library from the view of uploaders and approvers."""

    def __init__(self, imagekit: ImageKitEmulator) -> None:
        self.imagekit = imagekit
        self.client = ImageKitClient(imagekit.private_key, base_url=imagekit.url)

    def upload(self, name: str, number: int, width: int) -> str:
        content = io.BytesIO()
        pictures.scene(number).resize((width, width * 3 // 4)).save(content, "JPEG")
        return str(self.client.upload_file(content.getvalue(), name, folder="/variants")["fileId"])

    def of(self, file_id: str) -> tuple[bool, list[str] | None]:
        """Return whether a file is published and its tags."""
        details: dict[str, Any] = self.client.get_file_details(file_id)
        return details["isPublished"], details["tags"]

    def wait_until(self, file_id: str, published: bool, tags: list[str], what: str) -> None:
        wait_until(lambda: self.of(file_id) == (published, tags), SECONDS, what)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    (tmp_path / "library" / "products").mkdir(parents=True)
    pictures.scene(1).save(tmp_path / "library" / "products" / "original.png")
    source = EXAMPLE.read_text()
    for ours, theirs in CHANGES.items():
        assert ours in source
        source = source.replace(ours, theirs)
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / EXAMPLE.name).write_text(source)
    with ImageKitEmulator(library=tmp_path / "library") as imagekit:
        connection = json.dumps(imagekit.airflow_connection)
        with whole_airflow(tmp_path / "dags", {"imagekit_default": connection}):
            yield Account(imagekit)


def test_an_upload_is_quarantined_approved_and_never_comes_back(account: Account) -> None:
    wait_until(lambda: account.imagekit.requests, SECONDS, "the folder is watched")
    copy, other = account.upload("copy.jpg", 1, 320), account.upload("other.jpg", 2, 320)
    account.wait_until(copy, False, ["quarantine"], "the copy of a catalogue picture is unpublished")
    assert account.of(other) == (True, None)
    account.client.add_tags([copy], ["approved"])
    if not AIRFLOW_3:  # on Airflow 2, approvals take effect with the next upload
        account.upload("next.jpg", 3, 320)
    account.wait_until(copy, True, ["approved"], "the approved picture is published")
    again = account.upload("again.jpg", 1, 200)
    account.wait_until(again, False, ["quarantine"], "the next upload is unpublished")
    assert account.of(copy) == (True, ["approved"])
