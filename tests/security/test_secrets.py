"""The private key is sent only to ImageKit and is in no log, error or URL."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import logging
import re
import secrets
import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import redact

from airflow_provider_imagekit.client import ImageKitClient
from airflow_provider_imagekit.client.settings import key_forms, key_masks
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.triggers.phash import PHashDistanceTrigger
from tests.faults.callers import CALLERS, meet
from tests.faults.callers import connection as faulty_connection
from tests.faults.faults import FAULTS, Fault

PACKAGE = Path(__file__).parents[2] / "airflow_provider_imagekit"

# Faults with a timeout would repeat the same checks slowly.
QUICK = [fault for fault in FAULTS if not fault.timeout]


def send_from_hook() -> None:
    ImageKitHook().test_connection()


def send_from_trigger() -> None:
    async def no_sleep(_: float) -> None:
        """Return at once."""

    trigger = PHashDistanceTrigger(
        imagekit_conn_id="imagekit_default",
        poke_interval=60.0,
        file_id="a" * 24,
        reference_phash="f06830ca9f1e3e90",
        max_distance=8,
    )
    trigger.sleep = no_sleep

    async def fire() -> None:
        await anext(trigger.run())

    asyncio.run(fire())


@pytest.mark.parametrize("fault", QUICK, ids=lambda fault: fault.name)
@pytest.mark.parametrize(
    "caller",
    [
        "FileMetadataOperator",
        "sensor, poke",
        "sensor, after deferral",
        "UploadFileOperator",
        "ImageKitFilesTrigger",
    ],
)
def test_the_key_is_in_no_log_and_no_traceback(
    caller: str,
    fault: Fault,
    written_imagekit: ImageKitEmulator,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(*faulty_connection(written_imagekit))
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    errors: list[BaseException] = []
    meet(fault, caller, written_imagekit, errors=errors)
    output = capfd.readouterr()
    texts = [caplog.text, output.out, output.err]
    for error in errors:
        texts += traceback.format_exception(error)
        texts += [repr(error), json.dumps(getattr(error, "details", dict)(), default=str)]
    everything = "\n".join(texts)
    assert everything
    for secret in (
        written_imagekit.private_key,
        base64.b64encode(f"{written_imagekit.private_key}:".encode()).decode(),
    ):
        assert secret not in everything
    assert caller in CALLERS


def test_the_key_is_only_in_the_authorization_header(connection: str, imagekit: ImageKitEmulator) -> None:
    ImageKitHook(connection).test_connection()
    [request] = imagekit.requests
    encoded = base64.b64encode(f"{imagekit.private_key}:".encode()).decode()
    assert imagekit.private_key not in request.raw_target
    assert [name for name, value in request.headers.items() if encoded in value] == ["authorization"]
    assert not [name for name, value in request.headers.items() if imagekit.private_key in value]


def test_the_key_is_in_no_repr(connection: str, imagekit: ImageKitEmulator) -> None:
    hook = ImageKitHook(connection)
    client = hook.get_conn()
    from airflow_provider_imagekit.hooks.connection import client_settings

    settings = client_settings(hook.get_connection(connection), {"rate_limit_url": "redis://:pw-secret@h"})
    for thing in (hook, client, client._transport, client._calls, client._calls._rate_limiter, settings):
        assert imagekit.private_key not in repr(thing)
        assert "pw-secret" not in repr(thing)


@pytest.mark.parametrize(
    "host", ["http://api.imagekit.io", "http://10.0.0.1", "http://localhost.evil.example"]
)
def test_plain_http_is_refused_except_for_this_machine(
    host: str, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = imagekit.airflow_connection | {"host": host}
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(connection))
    with pytest.raises(ImageKitConfigurationError, match="Use https"):
        ImageKitHook().get_conn()


def test_certificates_are_verified_by_default() -> None:
    assert ImageKitClient("private_x")._transport._settings.verify is True


@pytest.mark.parametrize("send", [send_from_hook, send_from_trigger])
def test_unknown_extra_fields_never_become_headers_or_arguments(
    send: Callable[[], None], imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = {"X-Evil": "1", "headers": {"X-Evil": "1"}, "public_key": "public_evil", "auth": "evil"}
    connection = imagekit.airflow_connection
    connection["extra"] |= strange
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(connection))
    imagekit.inject(status=400)  # ends the wait of a trigger
    send()
    [request] = imagekit.requests
    assert "evil" not in json.dumps(request.headers).lower() + request.raw_target


def test_cookies_of_the_server_are_not_kept(connection: str, imagekit: ImageKitEmulator) -> None:
    client = ImageKitHook(connection).get_conn()
    imagekit.inject(headers={"Set-Cookie": "follow=me; Path=/"}, times=None)
    for _ in range(2):
        list(client.list_files(limit=1))
    assert all("cookie" not in request.headers for request in imagekit.requests)


def test_credentials_of_netrc_and_the_environment_are_not_used(
    connection: str, imagekit: ImageKitEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert ImageKitHook(connection).test_connection()[0]


def test_only_the_transport_sends_requests_and_all_changes_define_whether_they_are_repeatable() -> None:
    sending = [
        path.relative_to(PACKAGE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        if "_pool.urlopen(" in path.read_text("utf-8")
    ]
    assert sending == ["client/transport.py"]
    changes = (PACKAGE / "client" / "changes.py").read_text("utf-8")
    assert changes.count('method="') == changes.count("repeatable=REPEATABLE[")


def test_nothing_of_the_package_turns_on_the_http_debug_output() -> None:
    assert http.client.HTTPConnection.debuglevel == 0
    assert not [path for path in PACKAGE.rglob("*.py") if "debuglevel" in path.read_text("utf-8")]


@pytest.mark.parametrize("field", ["password", "login"])
@pytest.mark.parametrize("send", [send_from_hook, send_from_trigger])
def test_airflow_masks_the_key_its_encoded_form_and_the_password_of_redis(
    send: Callable[[], None], field: str, imagekit: ImageKitEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = imagekit.airflow_connection
    connection[field] = connection.pop("password")
    redis_password = f"redis-password-{secrets.token_hex(4)}"
    connection["extra"]["rate_limit_url"] = f"redis://:{redis_password}@127.0.0.1:1/0"
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(connection))
    imagekit.inject(status=400)  # ends the wait of a trigger
    send()
    encoded = base64.b64encode(f"{imagekit.private_key}:".encode()).decode()
    for secret in (imagekit.private_key, encoded, redis_password):
        assert secret not in str(redact(f"a task prints {secret} here"))


@pytest.mark.parametrize(
    "key", ["private_Abc+9/xYzK1234567890mnopQ=", "private_benchmarkkeyabcdefgh", "private_x", "a/b=", "+"]
)
def test_the_masks_of_a_key_remove_every_spelling_of_it(key: str) -> None:
    forms, masks = key_forms(key), sorted(key_masks(key), key=len)
    assert key in masks
    for form in forms | {quote(form, safe="") for form in forms}:
        left = form
        for mask in masks:
            left = left.replace(mask, "")
        assert re.fullmatch("(private_)?(Og)?(=|%(25)*3D)*", left)  # Og: the colon after it in a header
