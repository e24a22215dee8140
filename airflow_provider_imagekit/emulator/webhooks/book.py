"""Registered webhooks of an account; routes events to the subscribed ones."""

from __future__ import annotations

import base64
import secrets
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EVENT_TYPES", "MAX_WEBHOOKS", "Webhook", "WebhookBook", "timestamp"]

Webhook = dict[str, Any]

#: Maximum number of webhooks of an account.
MAX_WEBHOOKS = 3

EVENT_TYPES = (
    "video.transformation.accepted", "video.transformation.ready", "video.transformation.error",
    "upload.pre-transform.success", "upload.pre-transform.error",
    "upload.post-transform.success", "upload.post-transform.error",
    "file.created", "file.updated", "file.deleted", "file-version.created", "file-version.deleted",
    "folder.created", "folder.updated", "folder.deleted",
)  # fmt: skip


class WebhookBook:
    """
    Stores an account's webhooks and passes events to the subscribed ones; thread-safe.

    :param deliver: sends an event to a webhook; the event is built in the sending thread.
    """

    def __init__(self, deliver: Callable[[Webhook, Callable[[], dict[str, Any]]], None]) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._webhooks: dict[str, Webhook] = {}

    def all(self) -> list[Webhook]:
        """Return all webhooks in order of creation."""
        with self._lock:
            return list(self._webhooks.values())

    def get(self, webhook_id: str) -> Webhook | None:
        """Return the webhook with this id, if it exists."""
        return self._webhooks.get(webhook_id)

    def add(self, endpoint: str, events: list[str], *, enabled: bool) -> Webhook:
        """Register a webhook and return it with its secret."""
        now = timestamp()
        webhook: Webhook = {
            "id": secrets.token_hex(12),
            "endpoint": endpoint,
            "events": events,
            "enabled": enabled,
            "secret": f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
            "createdAt": now,
            "updatedAt": now,
        }
        with self._lock:
            self._webhooks[webhook["id"]] = webhook
        return webhook

    def change(self, webhook_id: str, changes: Webhook) -> Webhook:
        """Change a webhook and return it."""
        with self._lock:
            changed = {**self._webhooks[webhook_id], **changes, "updatedAt": timestamp()}
            self._webhooks[webhook_id] = changed
        return changed

    def remove(self, webhook_id: str) -> None:
        """Remove a webhook."""
        with self._lock:
            del self._webhooks[webhook_id]

    def emit(self, kind: str, data: Callable[[], dict[str, Any]], **more: Any) -> None:
        """
        Send an event to the webhooks that are subscribed to its type.

        :param kind: one of :data:`EVENT_TYPES`.
        :param data: returns the event's data; called in the sending thread.
        :param more: additional keys of the event.
        """
        head = {"id": str(uuid.uuid4()), "type": kind, "created_at": timestamp(), **more}
        for webhook in self.all():
            if webhook["enabled"] and kind in webhook["events"]:
                self._deliver(webhook, lambda: {**head, "data": data()})


def timestamp() -> str:
    """Return the current time in ImageKit's format."""
    moment = datetime.fromtimestamp(time.time(), tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
