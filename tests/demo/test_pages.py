"""The local server for the reports of ``make airflow``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from demo.pages import served

RUN = "manual__2026-01-01T00:00:00+00:00"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "secret.html").write_text("secret", "utf-8")
    with served(tmp_path / "reports") as address:
        (tmp_path / "reports" / RUN).mkdir()
        (tmp_path / "reports" / RUN / "groups.html").write_text("<p>é", "utf-8")
        (tmp_path / "reports" / RUN / "threshold.md").write_text("é", "utf-8")
        yield address


@pytest.mark.parametrize(
    ("name", "kind"), [("groups.html", "text/html"), ("threshold.md", "text/plain; charset=utf-8")]
)
def test_a_report_is_shown_and_not_saved(address: str, name: str, kind: str) -> None:
    response = requests.get(f"{address}/{RUN}/{name}", timeout=10)
    assert response.status_code == 200
    assert response.headers["content-type"] == kind
    assert response.content.decode().endswith("é")


@pytest.mark.parametrize("path", ["/../secret.html", "/%2e%2e/secret.html", "/none.html"])
def test_files_outside_the_folder_are_not_served(address: str, path: str) -> None:
    request = requests.Request("GET", address).prepare()
    request.url = address + path  # requests itself would normalize it
    with requests.Session() as session:
        assert session.send(request, timeout=10).status_code == 404


def test_host_names_of_other_machines_are_refused(address: str) -> None:
    page = f"{address}/{RUN}/groups.html"
    assert requests.get(page, headers={"Host": "localhost:80"}, timeout=10).status_code == 200
    assert requests.get(page, headers={"Host": "attacker.example"}, timeout=10).status_code == 403
    assert requests.get(page, headers={"Host": ""}, timeout=10).status_code == 403


def test_the_server_listens_only_on_this_machine_and_stops(tmp_path: Path) -> None:
    with served(tmp_path) as address:
        assert address.startswith("http://127.0.0.1:")
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=10)
