"""Webhooks create asset events in Airflow's database, each once and only if no watcher has reported it."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_imagekit import compat
from airflow_provider_imagekit.client.webhooks import verify_webhook
from airflow_provider_imagekit.emulator.webhooks.deliveries import signatures
from airflow_provider_imagekit.library.arrivals import CURSOR_KEY, REPORTED_KEY, Cursor, digest_of, iso
from tests.odd_events import odd_event
from tests.support import AIRFLOW_3

if not AIRFLOW_3:
    pytest.skip("The receiver needs Airflow 3.", allow_module_level=True)

from airflow_provider_imagekit.assets.webhooks.asset_events import UnknownAssetError, arrival_of, report
from airflow_provider_imagekit.assets.webhooks.endpoint import Endpoint
from airflow_provider_imagekit.assets.webhooks.plugin import ImageKitWebhooksPlugin

HAS_STATE = hasattr(compat, "get_state_backend")
ALL = Endpoint(("whsec_x",), {"pictures": "/"})
START = 1_800_000_000_000


@pytest.fixture
def asset(airflow_database: None) -> Iterator[int]:
    """An asset in the schedule of a DAG."""
    from airflow.models.asset import AssetActive, AssetEvent, AssetModel

    with compat.create_session() as session:
        model = AssetModel(name="pictures", uri="x-test://pictures", group="asset", extra={})
        session.add(model)
        session.flush()
        session.add(AssetActive.for_asset(model))
        asset_id = model.id
    yield asset_id
    with compat.create_session() as session:
        session.query(AssetEvent).delete()
        session.query(AssetActive).delete()
        session.delete(session.get(AssetModel, asset_id))


def created(
    number: int = 1, kind: str = "file.created", event: str | None = None, **data: Any
) -> dict[str, Any]:
    file = {
        "fileId": f"{number:024x}",
        "filePath": f"/in/{number}.jpg",
        "versionInfo": {"id": f"{number:024x}"},
        "updatedAt": iso(START + number),
        **data,
    }
    return {"id": event or f"{kind}-{number}", "type": kind, "created_at": iso(START), "data": file}


def events_of(asset_id: int) -> list[dict[str, Any]]:
    event = compat.AssetEvent
    with compat.create_session() as session:
        rows = session.query(event).filter(event.asset_id == asset_id).order_by(event.id)
        return [row.extra for row in rows]


def state_of(asset_id: int, key: str, value: Any = None) -> Any:
    backend, scope = compat.get_state_backend(), compat.AssetScope(asset_id=asset_id)
    if value is not None:
        backend.set(scope, key, json.dumps(value))
    return json.loads(backend.get(scope, key) or "null")


def test_an_upload_becomes_an_asset_event_in_the_watchers_form(asset: int) -> None:
    assert report(created(), ALL) == 1
    [found] = events_of(asset)
    extra, moment = found["payload"], iso(START + 1)
    assert (extra["from"], extra["to"], extra["count"], extra["new"]) == (moment, moment, 1, 1)
    assert extra["files"] == [
        {"kind": "new", "fileId": f"{1:024x}", "versionId": f"{1:024x}", "filePath": "/in/1.jpg"}
    ]
    assert found["webhook"]["id"] == "file.created-1"


def test_a_repeated_delivery_is_one_event_even_if_concurrent(asset: int) -> None:
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(report(created(), ALL))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(counts), len(counts), len(events_of(asset))) == (1, 8, 1)


def test_two_events_of_an_upload_are_one_and_changes_are_all_reported(asset: int) -> None:
    assert report(created(), ALL) == 1
    assert report(created(kind="upload.pre-transform.success"), ALL) == 0
    assert report(created(kind="file.updated"), ALL) == 1
    assert report(created(kind="file.updated", event="again"), ALL) == 1
    assert report(created(kind="file-version.created", versionInfo={"id": "v2"}), ALL) == 1
    assert [sum(event["payload"][kind] for event in events_of(asset)) for kind in ("new", "changed")] == [
        1,
        3,
    ]


def test_a_deletion_and_an_event_without_a_file_are_reported(asset: int) -> None:
    assert report({"id": "1", "type": "file.deleted", "data": {"fileId": "a"}}, ALL) == 1
    assert report({"id": "2", "type": "folder.created", "data": {"folderId": "b"}}, ALL) == 1
    first, second = events_of(asset)
    assert (first["payload"]["deleted"], first["payload"]["files"]) == (
        1,
        [{"kind": "deleted", "fileId": "a"}],
    )
    assert (second["payload"]["count"], second["webhook"]["type"]) == (0, "folder.created")


def test_a_folder_gets_only_its_own_files(asset: int) -> None:
    inside = Endpoint(("whsec_x",), {"pictures": "in"})
    outside = Endpoint(("whsec_x",), {"pictures": "/i"})
    assert (report(created(1), outside), report(created(2), inside)) == (0, 1)


def test_an_unknown_asset_is_an_error_and_creates_no_events(asset: int) -> None:
    both = Endpoint(("whsec_x",), {"pictures": "/", "unknown": "/"})
    with pytest.raises(UnknownAssetError, match="unknown"):
        report(created(), both)
    assert events_of(asset) == []
    assert report(created(), ALL) == 1


@pytest.mark.skipif(not HAS_STATE, reason="needs Airflow 3.3")
def test_a_file_that_the_watcher_reported_is_not_reported_again(asset: int) -> None:
    digest = digest_of(f"{1:024x}", f"{1:024x}")
    state_of(asset, CURSOR_KEY, Cursor(START, START, {digest: START}).to_json())
    assert (report(created(1), ALL), report(created(2), ALL)) == (0, 1)


def test_a_file_that_the_watcher_just_reported_is_not_reported_again(asset: int) -> None:
    files = [{"kind": "new", "fileId": f"{1:024x}", "versionId": f"{1:024x}", "filePath": "/in/1.jpg"}]
    with compat.create_session() as session:
        session.add(
            compat.AssetEvent(asset_id=asset, extra={"from_trigger": True, "payload": {"files": files}})
        )
    assert report(created(1), ALL) == 0


@pytest.mark.skipif(not HAS_STATE, reason="needs Airflow 3.3")
def test_the_watcher_finds_the_files_that_the_webhook_reported(asset: int) -> None:
    report(created(), ALL)
    assert digest_of(f"{1:024x}", f"{1:024x}") in state_of(asset, REPORTED_KEY)
    for number in range(2, 30):
        report(created(number), ALL)
    assert len(state_of(asset, REPORTED_KEY)) == 58


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": "file.created"},
        {"type": "file.created", "data": []},
        {"type": ["file.created"], "data": {"fileId": "a"}},
    ],
    ids=str,
)
def test_an_event_in_another_form_has_no_file(event: dict[str, Any]) -> None:
    assert arrival_of(event) is None


def test_unusual_values_do_no_harm() -> None:
    odd = {"fileId": 7, "filePath": "x" * 10**6, "versionInfo": "v", "updatedAt": "yesterday"}
    arrival = arrival_of({"type": "file.created", "data": odd})
    assert arrival is not None
    assert (arrival.file_id, arrival.version_id, arrival.updated_ms, len(arrival.path)) == ("7", "7", 0, 1000)


def test_signed_events_of_any_form_are_in_the_database_or_none_at_all(asset: int) -> None:
    choose, secret, stored = random.Random(11), ALL.secrets[0], 0
    for number in range(200):
        body = json.dumps(odd_event(choose) | {"id": number}).encode()
        stored += report(verify_webhook(signatures("standard", secret, body), body, secret), ALL)
    assert len(events_of(asset)) == stored > 50


def test_airflows_api_server_mounts_it_and_finds_the_connection(
    asset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    secret = "whsec_c2lnbmluZy1rZXk="
    extra = {"webhook_secrets": secret, "webhook_assets": {"pictures": "/in"}}
    connection = {"conn_type": "imagekit", "password": "private_x", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_IMAGEKIT_DEFAULT", json.dumps(connection))
    [mounted] = ImageKitWebhooksPlugin.fastapi_apps
    app = FastAPI()
    app.mount(mounted["url_prefix"], mounted["app"])
    body = json.dumps(created()).encode()
    with TestClient(app) as api:
        url = "/imagekit/webhooks/imagekit_default"
        response = api.post(url, content=body, headers=signatures("standard", secret, body))
        assert (response.status_code, response.json()) == (200, {"asset_events": 1})
        assert api.post(url, content=body).status_code == 401
        assert api.get(url).status_code == 405
    assert len(events_of(asset)) == 1
