"""Registration of webhooks and delivery of signed events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from imagekitio import ImageKit

from airflow_provider_imagekit.client.webhooks import verify_webhook
from airflow_provider_imagekit.emulator import ImageKitEmulator, RateLimit, RateLimits
from tests.emulator.drawing import draw, encode
from tests.receiver import Receiver

ALL_FILE_EVENTS = ["file.created", "file.updated", "file.deleted", "file-version.created"]
HOOKS = "/v1/accounts/webhooks"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def call(ik: ImageKitEmulator, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, ik.url + path, auth=(ik.private_key, ""), timeout=10, **options)


def register(ik: ImageKitEmulator, endpoint: str, events: list[str], **more: Any) -> dict[str, Any]:
    response = call(ik, "POST", HOOKS, json={"endpoint": endpoint, "events": events, **more})
    assert response.status_code == 201, response.text
    return response.json()


def upload(ik: ImageKitEmulator, name: str = "new.jpg", seed: int = 1, **fields: str) -> dict[str, Any]:
    fields = {"fileName": name, "useUniqueFileName": "false", **fields}
    response = call(
        ik, "POST", "/api/v1/files/upload", data=fields, files={"file": (name, encode(draw(seed=seed)))}
    )
    assert response.status_code == 200, response.text
    return response.json()


def kinds(receiver: Receiver) -> list[str]:
    return [json.loads(body)["type"] for _, body in receiver.deliveries]


def test_changes_of_a_file_are_sent_as_signed_events(ik, receiver):
    secret = register(ik, receiver.url, ALL_FILE_EVENTS)["secret"]
    file_id = upload(ik)["fileId"]
    upload(ik, seed=2)
    call(ik, "PATCH", f"/v1/files/{file_id}/details", json={"tags": ["a"]})
    call(ik, "DELETE", f"/v1/files/{file_id}")
    events = [verify_webhook(headers, body, secret) for headers, body in receiver.wait_for(4)]
    assert [event["type"] for event in events] == [
        "file.created", "file-version.created", "file.updated", "file.deleted",
    ]  # fmt: skip
    assert len({event["id"] for event in events}) == 4
    assert events[2]["data"]["tags"] == ["a"]
    assert events[1]["data"]["versionInfo"]["id"] != events[0]["data"]["versionInfo"]["id"]
    assert events[3]["data"] == {"fileId": file_id}


@pytest.mark.parametrize("scheme", ["imagekit", "standard"])
def test_each_scheme_alone_is_a_signature_that_is_accepted(library: Path, receiver, scheme):
    with ImageKitEmulator(library=library, webhook_schemes=[scheme]) as ik:
        secret = register(ik, receiver.url, ["file.created"])["secret"]
        upload(ik)
        [(headers, body)] = receiver.wait_for(1)
    assert ("x-ik-signature" in headers, "webhook-id" in headers) == (
        scheme == "imagekit", scheme == "standard",
    )  # fmt: skip
    assert verify_webhook(headers, body, secret)["data"]["name"] == "new.jpg"


def test_the_vendors_client_accepts_the_standard_signature(ik, receiver):
    secret = register(ik, receiver.url, ["file.created"])["secret"]
    upload(ik)
    [(headers, body)] = receiver.wait_for(1)
    with ImageKit(private_key=ik.private_key, base_url=ik.url) as sdk:
        event = sdk.webhooks.unwrap(body.decode(), headers=headers, key=secret)
    assert (event.type, event.data.name) == ("file.created", "new.jpg")


def test_a_pre_transformation_is_reported_with_its_metadata(ik, receiver):
    register(ik, receiver.url, ["upload.pre-transform.success"])
    upload(ik, transformation='{"pre": "w-50"}', responseFields="metadata")
    [(_, body)] = receiver.wait_for(1)
    event = json.loads(body)
    assert (event["data"]["metadata"]["width"], event["request"]["transformation"]) == (50, "w-50")


def test_a_delivery_is_repeated_with_the_same_event_until_it_is_accepted(library):
    with (
        Receiver(500, 503) as receiver,
        ImageKitEmulator(library=library, webhook_retry_seconds=0.01) as ik,
    ):
        secret = register(ik, receiver.url, ["file.created"])["secret"]
        upload(ik)
        deliveries = receiver.wait_for(3)
        upload(ik, "other.jpg")
        assert len(receiver.wait_for(4)) == 4
    events = [verify_webhook(headers, body, secret) for headers, body in deliveries[:3]]
    assert events[0] == events[1] == events[2]
    assert len({headers["webhook-id"] for headers, _ in deliveries[:3]}) == 1


def test_a_delivery_that_is_never_accepted_is_given_up(library):
    with (
        Receiver(*[500] * 6) as receiver,
        ImageKitEmulator(library=library, webhook_retry_seconds=0.001) as ik,
    ):
        register(ik, receiver.url, ["file.created"])
        upload(ik)
        receiver.wait_for(6)
        upload(ik, "other.jpg")
        bodies = [json.loads(body)["data"]["name"] for _, body in receiver.wait_for(7)]
    assert bodies == ["new.jpg"] * 6 + ["other.jpg"]


def test_an_unreachable_endpoint_delays_no_other_webhook(library, receiver):
    with ImageKitEmulator(library=library) as ik:
        register(ik, "http://127.0.0.1:9/", ["file.created"])
        register(ik, receiver.url, ["file.created"])
        upload(ik)
        receiver.wait_for(1)


def test_only_subscribed_and_enabled_events_are_sent(ik, receiver):
    off = register(ik, receiver.url + "&off", ALL_FILE_EVENTS, enabled=False)
    register(ik, receiver.url, ["file.deleted"])
    file_id = upload(ik)["fileId"]
    call(ik, "DELETE", f"/v1/files/{file_id}")
    receiver.wait_for(1)
    assert kinds(receiver) == ["file.deleted"]
    call(ik, "PATCH", f"{HOOKS}/{off['id']}", json={"enabled": True})
    upload(ik)
    receiver.wait_for(2)
    assert kinds(receiver) == ["file.deleted", "file.created"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"endpoint": "http://127.0.0.1/"},
        {"endpoint": "ftp://127.0.0.1/", "events": ["file.created"]},
        {"endpoint": "http://127.0.0.1:x/", "events": ["file.created"]},
        {"endpoint": "http://[x/", "events": ["file.created"]},
        {"endpoint": "http://127.0.0.1/ a", "events": ["file.created"]},
        {"endpoint": "https://elsewhere.example/", "events": ["file.created"]},
        {"endpoint": "http://127.0.0.1/", "events": []},
        {"endpoint": "http://127.0.0.1/", "events": ["file.eaten"]},
        {"endpoint": "http://127.0.0.1/", "events": ["file.created"], "enabled": "yes"},
    ],
)
def test_an_invalid_webhook_is_refused(ik, body):
    assert call(ik, "POST", HOOKS, json=body).status_code == 400
    assert call(ik, "GET", HOOKS).json() == []


def test_an_account_has_three_webhooks_at_most_and_a_named_host_is_allowed(library):
    with ImageKitEmulator(library=library, webhook_hosts=["airflow"]) as ik:
        for number in range(3):
            register(ik, f"http://airflow/{number}", ["file.created"])
        body = {"endpoint": "http://airflow/3", "events": ["file.created"]}
        assert call(ik, "POST", HOOKS, json=body).status_code == 400


def test_writes_have_a_separate_rate_limit(library):
    limits = RateLimits(write=(RateLimit(1, 60_000),))
    with ImageKitEmulator(library=library, rate_limits=limits) as ik:
        tags = {"fileIds": [ik.file_id("top.webp")], "tags": ["a"]}
        statuses = [call(ik, "POST", "/v1/files/addTags", json=tags).status_code for _ in range(2)]
        assert statuses == [200, 429]
        assert [call(ik, "GET", "/v1/files").status_code for _ in range(3)] == [200] * 3
