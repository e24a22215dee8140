"""``/v1/accounts/webhooks``: the account's webhooks."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.responses import Response

from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.routes.bodies import json_object, text_of
from airflow_provider_imagekit.emulator.routes.files import json_response
from airflow_provider_imagekit.emulator.webhooks.book import EVENT_TYPES, MAX_WEBHOOKS, Webhook

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_imagekit.emulator.account import Account

__all__ = ["Webhooks"]


class Webhooks:
    """
    Creates, lists, changes and deletes an account's webhooks.

    :param account: the account.
    """

    def __init__(self, account: Account) -> None:
        self._book = account.webhooks
        self._hosts = account.webhook_hosts

    async def list_webhooks(self, _request: Request) -> Response:
        """``GET``: list all webhooks."""
        return json_response(self._book.all())

    async def create(self, request: Request) -> Response:
        """``POST``: create a webhook; the response contains its secret."""
        body = await json_object(request)
        endpoint, events = self._endpoint(body), _events(body)
        enabled = _enabled(body) if "enabled" in body else True
        self._check_unique(endpoint)
        if len(self._book.all()) >= MAX_WEBHOOKS:
            raise ApiError(400, f"You can create up to {MAX_WEBHOOKS} webhooks.")
        return json_response(self._book.add(endpoint, events, enabled=enabled), 201)

    async def get(self, _request: Request, webhook_id: str) -> Response:
        """``GET``: return one webhook."""
        return json_response(self._webhook(webhook_id))

    async def update(self, request: Request, webhook_id: str) -> Response:
        """``PATCH``: change the endpoint or the events of a webhook, enable it or disable it."""
        body = await json_object(request)
        webhook = self._webhook(webhook_id)
        changes: dict[str, Any] = {}
        if "endpoint" in body:
            changes["endpoint"] = self._endpoint(body)
            if changes["endpoint"] != webhook["endpoint"]:
                self._check_unique(changes["endpoint"])
        if "events" in body:
            changes["events"] = _events(body)
        if "enabled" in body:
            changes["enabled"] = _enabled(body)
        return json_response(self._book.change(webhook_id, changes))

    async def delete(self, _request: Request, webhook_id: str) -> Response:
        """``DELETE``: delete a webhook."""
        self._webhook(webhook_id)
        self._book.remove(webhook_id)
        return Response(status_code=204)

    def _webhook(self, webhook_id: str) -> Webhook:
        webhook = self._book.get(webhook_id)
        if webhook is None:
            raise ApiError(404, "No webhook found with this id.")
        return webhook

    def _check_unique(self, endpoint: str) -> None:
        if any(webhook["endpoint"] == endpoint for webhook in self._book.all()):
            raise ApiError(400, "A webhook with this endpoint already exists.")

    def _endpoint(self, body: dict[str, Any]) -> str:
        endpoint = text_of(body, "endpoint")
        if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
            raise _bad_endpoint()
        try:
            parts = urlsplit(endpoint)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise _bad_endpoint() from None
        if parts.scheme not in ("http", "https") or not host:
            raise _bad_endpoint()
        # A test server must not send requests to arbitrary hosts that a client specifies.
        if host not in self._hosts and not _is_loopback(host):
            raise ApiError(400, f"This server sends webhooks to itself and to webhook_hosts, not to {host}.")
        return endpoint


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bad_endpoint() -> ApiError:
    return ApiError(400, "Your request contains invalid value for endpoint parameter.")


def _events(body: dict[str, Any]) -> list[str]:
    events = body.get("events")
    if not isinstance(events, list) or not events or not all(event in EVENT_TYPES for event in events):
        raise ApiError(400, "Your request contains invalid value for events parameter.")
    return list(dict.fromkeys(events))


def _enabled(body: dict[str, Any]) -> bool:
    if not isinstance(body["enabled"], bool):
        raise ApiError(400, "Your request contains invalid value for enabled parameter.")
    return body["enabled"]
