"""Arbitrary responses, events and Connections are accepted or raise documented errors."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_imagekit.client import endpoints
from airflow_provider_imagekit.client.responses import decode, json_safe
from airflow_provider_imagekit.client.retry import RetryLimits
from airflow_provider_imagekit.client.settings import Redactor
from airflow_provider_imagekit.client.transport import check_base_url
from airflow_provider_imagekit.compat import Connection
from airflow_provider_imagekit.exceptions import (
    ImageKitConfigurationError,
    ImageKitError,
    ImageKitInputError,
    ImageKitRateLimitError,
)
from airflow_provider_imagekit.hooks.connection import client_settings
from airflow_provider_imagekit.triggers.event import failed, read_event

REQUESTS = [endpoints.file_metadata("a" * 24), endpoints.list_files()]
LONGEST_RESET_MS = 10**18

texts = st.text(max_size=40)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
bodies = st.binary(max_size=300) | values.map(lambda value: json.dumps(value).encode())
headers = st.dictionaries(
    st.sampled_from(["x-ratelimit-reset", "retry-after", "x-ik-requestid", "location"]), texts
)
extras = st.dictionaries(
    st.sampled_from(
        [
            "timeout",
            "max_retries",
            "max_wait",
            "requests_per_second",
            "rate_limit_url",
            "verify",
            "proxies",
            "allow_http",
        ]
    )
    | texts,
    values,
)


@given(request=st.sampled_from(REQUESTS), status=st.integers(100, 999), headers=headers, body=bodies)
@example(REQUESTS[0], 200, {}, b'{"a": ' + b"9" * 5000 + b"}")  # more digits than Python turns into a number
@example(REQUESTS[0], 200, {}, b"[" * 100_000)
@example(REQUESTS[0], 200, {}, b'{"a": "\\u0000\\ud800"}')
@example(REQUESTS[0], 429, {"x-ratelimit-reset": "1" * 15 + "." + "9" * 400}, b"")
@example(REQUESTS[0], 429, {"x-ratelimit-reset": "\u0663"}, b"")
def test_a_response_is_a_storable_value_or_one_of_our_errors(
    request: endpoints.Request, status: int, headers: dict[str, str], body: bytes
) -> None:
    try:
        value = decode(request, status, headers, body, Redactor("private_of_the_tests"))
    except ImageKitError as error:
        refused(error)
        return
    assert 200 <= status < 300
    assert isinstance(value, request.expects)
    stored = json.dumps(value, allow_nan=False, ensure_ascii=False)
    stored.encode()
    assert "\\u0000" not in stored


def refused(error: ImageKitError) -> None:
    assert str(pickle.loads(pickle.dumps(error))) == read_back(error) == str(error)
    if isinstance(error, ImageKitRateLimitError) and error.reset_ms is not None:
        assert 0 <= error.reset_ms < LONGEST_RESET_MS
    delay = RetryLimits().delay(error, retries=0, waited=0.0, jitter=1.0)
    assert delay is None or 0 <= delay <= RetryLimits().max_wait


def read_back(error: ImageKitError) -> str:
    """Return the text of an error after it has passed through a trigger's event."""
    with pytest.raises(type(error)) as caught:
        read_event(json.loads(json.dumps(failed(error))))
    return str(caught.value)


@given(value=values)
def test_a_value_made_json_safe_is_safe_and_stays_unchanged(value: Any) -> None:
    safe = json_safe(value)
    json.dumps(safe, allow_nan=False, ensure_ascii=False).encode()
    assert json_safe(safe) == safe


@given(
    payload=values | st.fixed_dictionaries({"status": st.sampled_from(["matched", "failed"]), "error": texts})
)
@example({"status": "matched"})
@example({"status": "failed", "error": "ImageKitError"})
@example({"status": "failed", "error": "ImageKitAuthError", "details": {"colour": "red"}})
@example({"status": "failed", "error": "annotations", "details": {}})
def test_an_event_that_our_triggers_do_not_write_raises_one_of_our_errors(payload: Any) -> None:
    with pytest.raises(ImageKitError):
        read_event(payload)


@given(
    extra=extras, host=texts | st.none(), password=texts | st.none(), port=st.none() | st.integers(0, 70_000)
)
@example(extra={}, host="[", password="private_word=", port=None)
@example(extra={}, host="https://[::1", password="private_word=", port=8080)
@settings(deadline=None)
def test_a_connection_is_read_or_refused(
    extra: dict[str, Any], host: str | None, password: str | None, port: int | None
) -> None:
    connection = Connection(conn_id="c", conn_type="imagekit", host=host, password=password, port=port)
    try:
        read = client_settings(connection, extra)
        check_base_url(read.base_url)
    except ImageKitConfigurationError:
        return
    assert read.timeout > 0
    assert read.max_wait >= 0
    assert read.base_url.startswith(("https://", "http://127.", "http://localhost", "http://[::1]"))
    hash(read)


@given(text=texts | values)
def test_a_file_id_or_url_is_sent_or_refused(text: Any) -> None:
    for make in (endpoints.file_metadata, endpoints.remote_url_metadata):
        try:
            target = make(text).target
        except ImageKitInputError:
            continue
        assert target.isascii()
        assert target.startswith("/v1/")
        assert not set(target) & set(" \r\n\t#")
