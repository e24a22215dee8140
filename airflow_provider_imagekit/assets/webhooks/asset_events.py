"""Creates asset events from verified webhook events, each once and only if no watcher has reported it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from airflow_provider_imagekit import compat
from airflow_provider_imagekit.exceptions import ImageKitError
from airflow_provider_imagekit.library.arrivals import (
    CHANGED,
    CURSOR_KEY,
    DELETED,
    NEW,
    REPORTED_KEY,
    Arrival,
    Cursor,
    digest_of,
    event_of,
    milliseconds,
)

if TYPE_CHECKING:
    from airflow_provider_imagekit.assets.webhooks.endpoint import Endpoint

__all__ = ["UnknownAssetError", "arrival_of", "report"]

#: Number of an asset's newest events that are searched for a repeated delivery.
_MAX_REMEMBERED: Final = 1000

# Maximum lengths of the texts that an asset event copies from a delivery.
_MAX_ID: Final = 100
_MAX_PATH: Final = 1000

_KINDS: Final = {
    "file.created": NEW,
    "upload.pre-transform.success": NEW,
    "file-version.created": CHANGED,
    "file.updated": CHANGED,
    "file.deleted": DELETED,
}
# SQLite has no row locks, so this lock at least serializes the threads of one process.
_lock = threading.Lock()


class UnknownAssetError(ImageKitError):
    """Raised for a webhook whose asset is not in any DAG."""

    retryable = True


def report(event: Mapping[str, Any], endpoint: Endpoint) -> int:
    """
    Create the asset events of a webhook event, all or none.

    :param event: the verified event.
    :param endpoint: the assets that receive events.
    :return: number of asset events created; 0 for an event that is known or from another folder.
    :raises UnknownAssetError: if an asset is not known to Airflow.
    """
    arrival = arrival_of(event)
    with _lock, compat.create_session() as session:
        return sum(
            _report_to(session, name, event, arrival)
            for name, folder in endpoint.assets.items()
            if arrival is None or not arrival.path or _is_within(arrival.path, folder)
        )


def arrival_of(event: Mapping[str, Any]) -> Arrival | None:
    """Return the file of an event; ``None`` if the event does not concern a file."""
    kind, data = _KINDS.get(str(event.get("type"))), event.get("data")
    if kind is None or not isinstance(data, Mapping) or not data.get("fileId"):
        return None
    file_id = str(data["fileId"])[:_MAX_ID]
    if kind == DELETED:
        return Arrival(kind, file_id)
    version = data.get("versionInfo")
    version_id = str((version.get("id") if isinstance(version, Mapping) else None) or file_id)[:_MAX_ID]
    moment = data.get("updatedAt") or event.get("created_at")
    try:
        updated = milliseconds(moment)
    except (ValueError, OverflowError):
        updated = 0
    return Arrival(kind, file_id, version_id, str(data.get("filePath") or "")[:_MAX_PATH], updated)


def _report_to(session: Any, name: str, event: Mapping[str, Any], arrival: Arrival | None) -> int:
    asset = _locked_asset(session, name)
    state = _State(session, asset)
    identity = digest_of("event", json.dumps(event.get("id")))
    # A changed version is reported for each of ImageKit's events; an upload once, by webhook or watcher.
    digests = {identity} | ({arrival.digest} if arrival and event["type"] != "file.updated" else set())
    if digests & state.reported():
        return 0
    webhook = {"event": identity, **{key: str(event.get(key))[:100] for key in ("id", "type", "created_at")}}
    extra = {"from_trigger": False, "payload": event_of([arrival] if arrival else []), "webhook": webhook}
    compat.asset_manager.register_asset_change(
        asset=asset, extra=extra, session=session, source_is_api=True, api_user_teams=set()
    )
    state.add({identity} | ({arrival.digest} if arrival else set()))
    return 1


def _locked_asset(session: Any, name: str) -> Any:
    model = compat.AssetModel
    query = select(model).where(model.name == name, model.active.has())
    asset = session.scalar(query.with_for_update(key_share=True, of=model))
    if asset is None:
        raise UnknownAssetError(
            f"There is no asset {name!r}.",
            help="Check webhook_assets in the Airflow Connection; a DAG must have the asset in its schedule.",
        )
    return asset


class _State:
    """
    The events of an asset that the receiver and a watcher have reported.

    They are kept in the asset's state store. Before Airflow 3.3 they are read from the asset's events.

    :param session: a database session that holds the asset's lock.
    :param asset: the asset.
    """

    def __init__(self, session: Any, asset: Any) -> None:
        self._session = session
        self._asset_id = asset.id
        self._backend: Any = None
        self._scope: Any = None
        if hasattr(compat, "get_state_backend"):
            self._backend = compat.get_state_backend()
            self._scope = compat.AssetScope(asset_id=asset.id)

    def reported(self) -> set[str]:
        """Return the digests of reported events and file versions."""
        return {*self._own(), *self._of_watcher(), *_digests(self._newest_events())}

    def add(self, digests: Iterable[str]) -> None:
        """Store digests and drop the oldest."""
        if self._backend is not None:
            kept = [*self._own(), *sorted(digests)][-2 * _MAX_REMEMBERED :]
            self._backend.set(self._scope, REPORTED_KEY, json.dumps(kept), session=self._session)

    def _own(self) -> list[str]:
        found = self._get(REPORTED_KEY)
        return found if isinstance(found, list) else []

    def _of_watcher(self) -> set[str]:
        found = self._get(CURSOR_KEY)
        return set(Cursor.from_json(found).reported) if isinstance(found, dict) else set()

    def _get(self, key: str) -> Any:
        text = self._backend.get(self._scope, key, session=self._session) if self._backend else None
        return json.loads(text) if text else None

    def _newest_events(self) -> list[Any]:
        # With a state store, they cover the second between a watcher's event and its cursor.
        event = compat.AssetEvent
        count = 20 if self._backend else _MAX_REMEMBERED
        query = select(event.extra).where(event.asset_id == self._asset_id)
        return list(self._session.scalars(query.order_by(event.timestamp.desc()).limit(count)))


def _digests(extras: Iterable[Any]) -> Iterable[str]:
    for extra in extras:
        if not isinstance(extra, Mapping):
            continue
        webhook = extra.get("webhook")
        if isinstance(webhook, Mapping):
            yield str(webhook.get("event"))
        payload = extra.get("payload")
        for file in (payload.get("files") or ()) if isinstance(payload, Mapping) else ():
            if isinstance(file, Mapping):
                yield digest_of(str(file.get("fileId")), str(file.get("versionId") or ""))


def _is_within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"/{folder.strip('/')}/".replace("//", "/"))
