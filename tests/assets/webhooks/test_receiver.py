"""The webhook receiver over HTTP: verification, size limit and caching."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from typing import Any

import pytest

from airflow_provider_imagekit.client.webhooks import MAX_BODY, verify_webhook
from airflow_provider_imagekit.emulator.webhooks.deliveries import SCHEMES, signatures
from airflow_provider_imagekit.exceptions import ImageKitConfigurationError, WebhookVerificationError
from airflow_provider_imagekit.library.arrivals import event_of
from tests.odd_events import odd_event
from tests.support import AIRFLOW_3

if not AIRFLOW_3:
    pytest.skip("The receiver needs Airflow 3.", allow_module_level=True)

from airflow_provider_imagekit.assets.webhooks.asset_events import UnknownAssetError, arrival_of
from airflow_provider_imagekit.assets.webhooks.endpoint import Endpoint, Endpoints
from airflow_provider_imagekit.assets.webhooks.receiver import Receiver

OLD, NEW = "whsec_b2xkLXNlY3JldA==", "whsec_bmV3LXNlY3JldA=="
EVENT = {"id": "1", "type": "file.created", "created_at": "2026-03-01T00:00:00.000Z", "data": {"fileId": "a"}}


class Airflow:
    """Replaces Airflow behind the receiver: its secrets and the reported events."""

    def __init__(self, *secrets: str) -> None:
        self.secrets = secrets or (OLD,)
        self.events: list[dict[str, Any]] = []
        self.known = True
        self.receiver = Receiver(self.endpoint_of, self.report)

    def endpoint_of(self, conn_id: str) -> Endpoint:
        if conn_id == "broken":
            raise ImageKitConfigurationError("webhook_secrets is empty.")
        if conn_id != "imagekit_default":
            raise WebhookVerificationError("It does not receive webhooks.")
        return Endpoint(tuple(self.secrets), {"pictures": "/"})

    def report(self, event: dict[str, Any], _endpoint: Endpoint) -> int:
        if not self.known:
            raise UnknownAssetError("There is no asset 'pictures'.")
        self.events.append(event)
        return 1

    def post(
        self,
        body: bytes,
        headers: dict[str, str],
        *,
        conn_id: str = "imagekit_default",
        method: str = "POST",
        chunk: int = 65536,
    ) -> tuple[int, dict[str, Any]]:
        """Send a request in chunks, as a server does; return the response and the number of bytes read."""
        pieces = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]
        self.read = 0
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            piece = pieces[self.read]
            self.read += 1
            return {"type": "http.request", "body": piece, "more_body": self.read < len(pieces)}

        async def send(message: Any) -> None:
            sent.append(message)

        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": method,
            "root_path": "/imagekit/webhooks",
            "path": f"/imagekit/webhooks/{conn_id}",
            "headers": raw,
        }
        asyncio.run(self.receiver(scope, receive, send))
        return sent[0]["status"], json.loads(sent[1]["body"])


def signed(event: Any = EVENT, secret: str = OLD, scheme: str = "imagekit") -> tuple[bytes, dict[str, str]]:
    body = json.dumps(event).encode()
    return body, signatures(scheme, secret, body)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signed_delivery_reaches_airflow(scheme: str) -> None:
    airflow = Airflow()
    assert airflow.post(*signed(scheme=scheme)) == (200, {"asset_events": 1})
    assert airflow.events == [EVENT]


def test_secrets_are_rotated_without_a_refused_delivery() -> None:
    airflow = Airflow(OLD)
    steps = [((OLD,), (OLD,)), ((OLD, NEW), (OLD, NEW)), ((NEW,), (NEW,))]
    for secrets, senders in steps:
        airflow.secrets = secrets
        for sender in senders:
            for scheme in SCHEMES:
                assert airflow.post(*signed(secret=sender, scheme=scheme))[0] == 200
    assert airflow.post(*signed(secret=OLD))[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ik-signature": "t=1,v1=00"},
        signatures("imagekit", NEW, json.dumps(EVENT).encode()),
        signatures("imagekit", OLD, b"another body"),
        signatures("standard", OLD, json.dumps(EVENT).encode(), time.time() - 400),
        # Far in the past or future, since the test may run minutes after this line.
        signatures("imagekit", OLD, json.dumps(EVENT).encode(), time.time() + 86_400),
    ],
    ids=["none", "short", "another secret", "another body", "too old", "too new"],
)
def test_a_wrong_signature_is_401_and_leaves_a_log_line_without_the_body(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    airflow = Airflow()
    body = json.dumps(EVENT).encode()
    with caplog.at_level(logging.DEBUG, "airflow_provider_imagekit"):
        status, response = airflow.post(body, headers)
    assert (status, airflow.events, len(caplog.records)) == (401, [], 1)
    assert "created" not in caplog.text + str(response)
    assert OLD not in caplog.text + str(response)


@pytest.mark.parametrize("conn_id", ["other", "", "broken", "a/b", "x" * 5000, "a\nb"])
def test_a_connection_without_webhooks_is_refused_like_a_wrong_signature(conn_id: str) -> None:
    airflow = Airflow()
    refused = airflow.post(json.dumps(EVENT).encode(), {})
    assert airflow.post(*signed(), conn_id=conn_id) == refused
    assert airflow.events == []


def test_a_large_body_is_413_before_it_is_read() -> None:
    airflow = Airflow()
    body = b"x" * 50_000_000
    assert airflow.post(body, {"content-length": str(len(body))})[0] == 413
    assert airflow.read == 0
    assert airflow.post(body, {})[0] == 413
    assert airflow.read * 65536 <= MAX_BODY + 65536
    assert airflow.post(body[:MAX_BODY], {})[0] == 401


def test_an_unknown_asset_is_503_so_that_imagekit_sends_again() -> None:
    airflow = Airflow()
    airflow.known = False
    assert airflow.post(*signed())[0] == 503
    airflow.known = True
    assert airflow.post(*signed())[0] == 200


def test_other_methods_are_405() -> None:
    assert Airflow().post(b"", {}, method="GET")[0] == 405


def test_a_hundred_thousand_broken_deliveries_end_in_a_refusal() -> None:
    choose = random.Random(7)
    body, good = signed()
    standard = signatures("standard", OLD, body)
    refused = 0
    for _ in range(100_000):
        headers = dict(choose.choice((good, standard)))
        broken = bytearray(body)
        if choose.random() < 0.5:
            name = choose.choice(list(headers))
            value = headers[name]
            place = choose.randrange(len(value))
            piece = chr(choose.randrange(256)) * choose.randrange(3)
            headers[name] = value[:place] + piece + value[place + 1 :]
        else:
            broken[choose.randrange(len(broken))] ^= 1 << choose.randrange(8)
        try:
            verify_webhook(headers, bytes(broken), [NEW, OLD])
        except WebhookVerificationError:
            refused += 1
    # A blank around a value, or the same character, leaves the request valid.
    assert refused > 98_000


@pytest.mark.slow
def test_thousands_of_signed_events_of_any_form_get_a_response() -> None:
    airflow, choose = Airflow(), random.Random(7)
    arrivals = 0
    for _ in range(4_000):
        event = odd_event(choose)
        assert airflow.post(*signed(event))[0] == 200
        [taken] = airflow.events
        airflow.events.clear()
        arrival = arrival_of(taken)
        arrivals += arrival is not None
        payload = json.dumps(event_of([arrival] if arrival else []), allow_nan=False)
        assert "\\ud800" not in payload
        assert arrival is None or len(arrival.digest) == 8
    assert 1_000 < arrivals < 3_500


def test_a_connection_is_read_once_a_second_and_its_errors_are_remembered() -> None:
    now, reads = [0.0], []

    def read(conn_id: str) -> dict[str, Any]:
        reads.append(conn_id)
        if len(reads) == 1:
            raise LookupError(conn_id)
        return {"webhook_secrets": f"{OLD}, {NEW}", "webhook_assets": '{"pictures": "/a"}'}

    endpoints = Endpoints(read, clock=lambda: now[0])
    now[0] = 10.0
    for _ in range(2):
        with pytest.raises(WebhookVerificationError, match="LookupError"):
            endpoints.get("imagekit_default")
    now[0] = 11.5
    for _ in range(2):
        endpoint = endpoints.get("imagekit_default")
        assert (endpoint.secrets, dict(endpoint.assets)) == ((OLD, NEW), {"pictures": "/a"})
        assert OLD not in repr(endpoint)
    assert len(reads) == 2
    with pytest.raises(WebhookVerificationError):
        endpoints.get("another")
    assert len(reads) == 2


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ({}, "webhook_secrets"),
        ({"webhook_secrets": "secret", "webhook_assets": {"a": "/"}}, "webhook_secrets"),
        ({"webhook_secrets": OLD}, "webhook_assets"),
        ({"webhook_secrets": [OLD, "x"], "webhook_assets": {"a": "/"}}, "webhook_secrets"),
        ({"webhook_secrets": OLD, "webhook_assets": "pictures"}, "webhook_assets"),
    ],
)
def test_invalid_fields_are_named_without_secrets(extra: dict[str, Any], problem: str) -> None:
    with pytest.raises(ImageKitConfigurationError, match=problem) as refused:
        Endpoints(lambda _: extra, clock=lambda: 10.0).get("imagekit_default")
    assert "secret" not in str(refused.value).lower().replace("webhook_secret", "").replace(
        "webhook secret", ""
    )
