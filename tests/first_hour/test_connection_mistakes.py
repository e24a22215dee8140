"""Mistakes in the Airflow Connection: the error names the field and the way out, and contains no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from tests import pictures
from tests.doubles import context
from tests.first_hour.mistakes import metadata, sensor
from tests.first_hour.scene import FAILS_AT_ONCE, RETRIES, Scene, ended, warnings_of

KEY = "Private key (password) of the Airflow Connection"
HOST = "API base URL (host) of the Airflow Connection"
REDIS = "Rate limit URL (rate_limit_url) in the Airflow Connection's extra"
MISTAKES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no key": ({"password": ""}, (f"{KEY} is empty", "Developer options")),
    "the public key": ({"password": "public_abc="}, (f"{KEY} is a public key", "Developer options")),
    "a URL endpoint as host": (
        {"host": "https://ik.imagekit.io/demo"},
        (f"{HOST} is 'https://ik.imagekit.io/demo'", "Leave it empty"),
    ),
    "a port behind the path": (
        {"host": "https://gateway/imagekit:443"},
        (f"{HOST} is 'https://gateway/imagekit:443'", "a host, a port and a path"),
    ),
    "another type": (
        {"conn_type": "http", "password": "their-secret"},
        ("has the type 'http'", "Name a connection of the type imagekit"),
    ),
    "a timeout in words": (
        {"timeout": "soon"},
        ("Timeout in seconds (timeout)", "'soon'", "a number above 0"),
    ),
    "a URL endpoint without a scheme": (
        {"url_endpoint": "ik.imagekit.io/demo"},
        ("URL endpoint (url_endpoint)", "'ik.imagekit.io/demo'", "https://ik.imagekit.io/your_imagekit_id"),
    ),
    "a missing CA bundle": (
        {"verify": "/nowhere/own.pem"},
        (
            "Verify certificates (verify) in the Airflow",
            "'/nowhere/own.pem'",
            "does not exist on this machine",
            "true, false, or the",
        ),
    ),
    "a switch with a typo": ({"verify": "flase"}, ("Verify certificates (verify)", "'flase'", "true, false")),
    "a rate limit URL with http": (
        {"rate_limit_url": "http://user:their-secret@redis:6379/0"},
        (f"{REDIS} is 'http://***@redis:6379/0'", "not a Redis address", "redis://:password@host:6379/0"),
    ),
    "a rate limit URL without a scheme": (
        {"rate_limit_url": "their-secret:6379"},
        (f"{REDIS} has no scheme", "redis://:password@host:6379/0"),
    ),
    "a port of Redis in words": (
        {"rate_limit_url": "redis://:their-secret@redis:port/0?password=their-secret"},
        (f"{REDIS} is 'redis://***@redis:port/0'", "port", "redis://:password@host:6379/0"),
    ),
    "a proxy for no scheme": (
        {"proxies": {"htps": "http://user:their-secret@proxy:3128"}},
        ("Proxies (proxies) in the Airflow", "'htps'", "http, https, all"),
    ),
}
FIELDS = {"host", "password", "conn_type"}


def configure(mistake: dict[str, Any], imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict(imagekit.airflow_connection)
    given |= {name: value for name, value in mistake.items() if name in FIELDS}
    extra = {name: value for name, value in mistake.items() if name not in FIELDS}
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(given | {"extra": extra}))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_connection_is_named_before_the_first_request(
    name: str,
    imagekit: ImageKitEmulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    mistake, says = MISTAKES[name]
    configure(mistake, imagekit, monkeypatch)
    end, text = ended(metadata(file_id=imagekit.file_id(pictures.ORIGINAL)), capsys, caplog)
    assert [part for part in says if part not in text] == [], text
    assert "their-secret" not in text
    assert end == FAILS_AT_ONCE
    assert len(imagekit.requests) == 0
    accepted, message = ImageKitHook().test_connection()
    assert (accepted, message) == (False, text)


def test_the_warning_about_an_unknown_extra_field_suggests_the_nearest(
    imagekit: ImageKitEmulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure({"request_per_second": 5}, imagekit, monkeypatch)
    metadata(file_id=imagekit.file_id(pictures.ORIGINAL)).execute(context())
    [line] = [line for line in warnings_of(capsys, caplog) if "request_per_second" in line]
    assert "Did you mean requests_per_second?" in line


@pytest.mark.parametrize("task", [metadata, "sensor"])
def test_an_unknown_connection_is_named_with_what_to_do(
    task: Any,
    connection: str,
    imagekit: ImageKitEmulator,
    tmp_path: Any,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(imagekit, tmp_path)
    made = (
        sensor(scene, imagekit_conn_id="shop")
        if task == "sensor"
        else task(file_id=scene.file_id, imagekit_conn_id="shop")
    )
    end, text = ended(made, capsys, caplog)
    for part in ("imagekit_conn_id is 'shop'", "of the type imagekit", "AIRFLOW_CONN_SHOP"):
        assert part in text
    assert end == RETRIES
    assert len(imagekit.requests) == 0
