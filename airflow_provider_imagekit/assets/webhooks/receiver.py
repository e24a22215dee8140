"""Receives webhooks over HTTP, verifies them and limits their size."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow_provider_imagekit.assets.webhooks.asset_events import UnknownAssetError, report
from airflow_provider_imagekit.assets.webhooks.endpoint import Endpoint, Endpoints
from airflow_provider_imagekit.client.webhooks import MAX_BODY, verify_webhook
from airflow_provider_imagekit.exceptions import (
    ImageKitConfigurationError,
    ImageKitInputError,
    WebhookVerificationError,
)

__all__ = ["Receiver", "airflow_receiver"]

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Response = tuple[int, dict[str, Any]]

_REFUSED: Response = (401, {"detail": "The webhook cannot be verified."})
_TOO_LARGE: Response = (413, {"detail": f"The webhook's body has more than {MAX_BODY} bytes."})


class Receiver:
    """
    An ASGI application that receives webhooks.

    Its log contains the Airflow Connection and the reason of a refusal, but no part of the body.

    :param endpoint_of: returns the secrets and assets of an Airflow Connection.
    :param report: creates the asset events of an event and returns their number.
    """

    def __init__(
        self,
        endpoint_of: Callable[[str], Endpoint],
        report: Callable[[dict[str, Any], Endpoint], int],
    ) -> None:
        self._endpoint_of = endpoint_of
        self._report = report

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Respond to one request (ASGI)."""
        if scope["type"] == "http":
            status, content = await self._respond(scope, receive)
            body = json.dumps(content).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Message, receive: Callable[[], Awaitable[Message]]) -> Response:
        # Some versions of Starlette leave the mount prefix in the path.
        conn_id = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
        if scope["method"] != "POST":
            return 405, {"detail": "Webhooks are sent with POST."}
        body = await _body(scope, receive)
        if body is None:
            return _TOO_LARGE
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return await asyncio.to_thread(self._process, conn_id, headers, body)

    def _process(self, conn_id: str, headers: dict[str, str], body: bytes) -> Response:
        try:
            endpoint = self._endpoint_of(conn_id)
            event = verify_webhook(headers, body, endpoint.secrets)
        except WebhookVerificationError as error:
            log.warning("A webhook for the Airflow Connection %.100r is refused: %s", conn_id, error)
            return _REFUSED
        except (ImageKitConfigurationError, ImageKitInputError) as error:
            log.error("Webhooks for the Airflow Connection %.100r are refused: %s", conn_id, error)
            return _REFUSED
        try:
            count = self._report(event, endpoint)
        except UnknownAssetError as error:
            # Not 2xx, so that ImageKit sends the webhook again.
            log.error("A webhook for the Airflow Connection %.100r is postponed: %s", conn_id, error)
            return 503, {"detail": str(error)}
        return 200, {"asset_events": count}


async def _body(scope: Message, receive: Callable[[], Awaitable[Message]]) -> bytes | None:
    """Return the body; ``None`` as soon as it exceeds the limit."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > MAX_BODY:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body"):
            return bytes(body)


def airflow_receiver() -> Receiver:
    """Return the receiver of Airflow's API server."""
    return Receiver(Endpoints().get, report)
