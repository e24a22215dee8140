"""Text from servers, proxies and libraries is short, clean and without secrets in errors and logs."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from urllib.parse import quote

import pytest

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.endpoints import mask_signature
from airflow_provider_imagekit.client.settings import Redactor, password_of
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import (
    ImageKitConfigurationError,
    ImageKitError,
    ImageKitInputError,
    ImageKitOversizeError,
    ImageKitResponseError,
)
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.base import label_of
from tests import pictures
from tests.support import Clock, client_of

KEY = "private_AbC+dEf/gHi123456789012345="
BASIC = base64.b64encode(f"{KEY}:".encode()).decode()
FORMS = {
    "unchanged": KEY,
    "without its prefix": KEY.removeprefix("private_"),
    "without its end": KEY.removeprefix("private_").rstrip("="),
    "as a header": f"Basic {BASIC}",
    "as a header, without padding": BASIC.rstrip("="),
    "percent-encoded": quote(KEY, safe=""),
    "percent-encoded twice": quote(quote(KEY, safe=""), safe=""),
    "percent-encoded in lower case": quote(KEY, safe="").lower(),
    "as a header, percent-encoded": quote(BASIC, safe=""),
}
PART = "dEf"


def traceback_with_locals(error: Exception) -> str:
    """Return a traceback with the local variables of all functions except those of this module."""
    lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    return "".join(line for line in lines if "/test_foreign_text.py" not in line)


@pytest.fixture
def client(imagekit: ImageKitEmulator, clock: Clock) -> ImageKitClient:
    imagekit.private_key = KEY
    return client_of(imagekit, clock, max_retries=0)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("status", [200, 302, 400, 403, 404, 429, 502])
@pytest.mark.parametrize("kind", ["message", "help", "text", "header", "location", "json with escapes"])
def test_a_key_repeated_by_the_server_is_in_no_error(
    form: str, status: int, kind: str, client: ImageKitClient, imagekit: ImageKitEmulator
) -> None:
    headers, body = {}, b"<html>no json</html>"
    if kind in {"message", "help"}:
        body = json.dumps({kind: f"You sent {form}", "type": form} if status != 200 else [form]).encode()
    elif kind == "json with escapes":
        escaped = "".join(f"\\u{ord(each):04x}" for each in form)
        body = f'{{"message": "{escaped}"}}'.encode()
    elif kind == "text":
        body = f"Authorization: {form}".encode()
    else:
        headers = {"x-ik-requestId" if kind == "header" else "Location": f"https://{form}@there.example/"}
    imagekit.inject(status=status, body=body, headers=headers)
    try:
        shown = json.dumps(client.get_file_metadata("a" * 24))
    except ImageKitError as error:
        shown = f"{error} {error!r} {json.dumps(error.details())}"
    assert "AbC" not in shown
    assert form.removeprefix("Basic ")[:20] not in shown


def test_a_key_repeated_in_a_successful_response_is_not_in_its_value(
    client: ImageKitClient, imagekit: ImageKitEmulator
) -> None:
    imagekit.inject(status=200, body={"width": 1, "exif": [{KEY: f"Basic {BASIC}"}]})
    assert client.get_file_metadata("a" * 24) == {"width": 1, "exif": [{"***": "Basic ***"}]}


def test_a_long_message_with_control_characters_is_cut_and_on_one_line(
    client: ImageKitClient, imagekit: ImageKitEmulator
) -> None:
    imagekit.inject(status=400, body={"message": "a\r\nERROR forged \x1b[31m\u2028" + "x" * 1_000_000})
    with pytest.raises(ImageKitError) as caught:
        client.get_file_metadata("a" * 24)
    assert len(str(caught.value)) < 1000
    assert not {"\r", "\n", "\x1b", "\u2028"} & set(str(caught.value))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"[" + b"{}," * 1_500_000 + b"{}]", ImageKitOversizeError),
        (b'{"a":' * 60 + b"1" + b"}" * 60, ImageKitResponseError),
        (b'{"a":' * 50_000, ImageKitResponseError),
    ],
    ids=["many values", "deep", "very deep"],
)
def test_a_response_of_many_values_or_levels_is_refused(
    body: bytes, error: type[ImageKitError], client: ImageKitClient, imagekit: ImageKitEmulator
) -> None:
    imagekit.inject(status=200, body=body, times=2)
    for call in (lambda: client.get_file_metadata("a" * 24), lambda: list(client.list_files())):
        with pytest.raises(error):
            call()


@pytest.mark.parametrize(
    "spelling",
    [
        "ik-s=SIG",
        "ik%2Ds=SIG",
        "IK-S=SIG",
        "%69k-s%3DSIG",
        "ik%252Ds%253DSIG",
        "ik%252ds%253dSIG",
        '"ik-s": "SIG"',
    ],
)
def test_a_signature_is_masked_in_every_spelling(spelling: str) -> None:
    shown = mask_signature(f"before {spelling.replace('SIG', '32dbbbfc5f945c04')}&tr=w-1 after")
    assert "32dbb" not in shown
    assert shown.startswith("before ")
    assert shown.endswith("&tr=w-1 after")


def test_urllib3s_lines_have_no_signature(
    client: ImageKitClient, imagekit: ImageKitEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "urllib3.connectionpool"):
        client.get_remote_url_metadata(f"{imagekit.file_url(pictures.ORIGINAL)}?ik%2Ds=32dbbbfc5f945c04")
    assert "/v1/metadata" in caplog.text
    assert "32dbb" not in caplog.text


@pytest.mark.parametrize("port", ["notaport", "99999999", "1"])
def test_a_proxys_password_is_in_no_error(port: str) -> None:
    proxies = {"https": f"http://user:pr0xy-secret@127.0.0.1:{port}"}
    with (
        ImageKitClient(KEY, base_url="https://127.0.0.1:9", proxies=proxies, max_retries=0) as client,
        pytest.raises(ImageKitError) as caught,
    ):
        client.get_file_metadata("a" * 24)
    assert "pr0xy-secret" not in f"{caught.value} {caught.value!r}"


def test_a_password_is_found_in_malformed_addresses_too() -> None:
    assert password_of("redis://:se%20cret@host:port/x") == "se cret"
    assert password_of("user:secret@proxy:notaport") == "secret"
    assert password_of("http://[broken") == ""


@pytest.mark.parametrize("name", ["file_id", "url", "search_query", "path", "path of a file"])
def test_half_a_character_is_refused_clearly(name: str, client: ImageKitClient) -> None:
    value = "https://ik.example/\udc80.jpg"

    def send() -> None:
        if name == "path of a file":
            client.find_file("/\udc80.jpg")
        elif name in {"file_id", "url"}:
            client.get_phash(**{name: value})
        else:
            list(client.list_files(**{name: value}))

    with pytest.raises(
        ImageKitInputError, match=r"(file_id|url|search_query|path) contains an unpaired surrogate"
    ):
        send()


@pytest.mark.parametrize(
    "base_url", ["http://api.example", f"https://{KEY}@api.example", "https://u:pw-secret@h"]
)
def test_a_refused_base_url_shows_no_secret_even_with_locals(base_url: str) -> None:
    with pytest.raises(ImageKitConfigurationError) as caught:
        ImageKitClient(KEY, base_url=base_url)
    shown = traceback_with_locals(caught.value)
    assert "ImageKitConfigurationError" in shown
    assert PART not in shown
    assert "pw-secret" not in shown
    assert repr(ImageKitClient.__new__(ImageKitClient)) == "ImageKitClient()"


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": f"{KEY} and more"},
        {"extra": {"timeout": "soon", "rate_limit_url": "redis://:redis-secret@h"}},
        {"host": "http://api.example"},
    ],
    ids=str,
)
def test_a_configuration_error_shows_no_secret_in_a_traceback_with_locals(
    wrong: dict[str, object], imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = imagekit.airflow_connection | {"password": KEY} | wrong
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(fields))
    try:
        ImageKitHook().get_conn()
    except ImageKitConfigurationError as error:
        shown = traceback_with_locals(error)
    assert "ImageKitConfigurationError" in shown
    assert PART not in shown
    assert "redis-secret" not in shown


def test_the_repr_of_a_redactor_shows_no_secret() -> None:
    assert repr(Redactor(KEY)) == "Redactor()"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://joe:hunter2@shop.example/a.jpg", "https://***@shop.example/a.jpg"),
        ("at https://joe:p@ss@shop.example/a.jpg?b=1,", "at https://***@shop.example/a.jpg?b=1,"),
        ("https://:hunter2@shop.example", "https://***@shop.example"),
        ("?url=https%3A%2F%2Fjoe%3Ap%2540ss%40shop%2Fa@2x", "?url=https%3A%2F%2F***%40shop%2Fa@2x"),
        ("https%3a//joe%3ahunter2%40shop/a", "https%3a//***%40shop/a"),
        ("https%253A%252F%252F%253Ahunter2%2540shop", "https%253A%252F%252F***%2540shop"),
        ("https://joe:hunter2%40shop/a", "https://***%40shop/a"),
        ("https%3A%2F%2Fshop%3A80%2Fa%3Ab%402x.jpg", "https%3A%2F%2Fshop%3A80%2Fa%3Ab%402x.jpg"),
        ("s3://aws_default@bucket/a@2x.jpg", "s3://aws_default@bucket/a@2x.jpg"),
        ("https://ik.imagekit.io/demo/a:b@2x.jpg", "https://ik.imagekit.io/demo/a:b@2x.jpg"),
    ],
)
def test_a_password_in_a_url_is_hidden_and_the_id_of_a_connection_is_not(url: str, shown: str) -> None:
    assert mask_signature(url) == label_of(url) == shown
