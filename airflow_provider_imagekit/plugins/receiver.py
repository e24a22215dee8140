"""Receives deliveries over HTTP: verified, bounded, and each event once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow_provider_imagekit.client.webhooks import MAX_BODY, verify_webhook
from airflow_provider_imagekit.exceptions import (
    ImageKitConfigurationError,
    ImageKitInputError,
    WebhookVerificationError,
)
from airflow_provider_imagekit.plugins.asset_events import UnknownAssetError, report
from airflow_provider_imagekit.plugins.endpoint import Endpoint, Endpoints

__all__ = ["Receiver", "airflow_receiver"]

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Answer = tuple[int, dict[str, Any]]

_REFUSED: Answer = (401, {"detail": "The webhook cannot be verified."})
_TOO_LARGE: Answer = (413, {"detail": f"The webhook's body has more than {MAX_BODY} bytes."})


class Receiver:
    """
    An ASGI application that takes deliveries.

    Its log names the Airflow Connection and the reason of a refusal, never anything of the body.

    :param endpoint_of: returns the secrets and assets of an Airflow Connection.
    :param report: turns an event into asset events; returns how many.
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
        """Answer one request (ASGI)."""
        if scope["type"] == "http":
            status, content = await self._answer(scope, receive)
            body = json.dumps(content).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Message, receive: Callable[[], Awaitable[Message]]) -> Answer:
        # Mounted below a prefix, some versions of Starlette leave it in the path.
        conn_id = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
        if scope["method"] != "POST":
            return 405, {"detail": "Webhooks are sent with POST."}
        body = await _body(scope, receive)
        if body is None:
            return _TOO_LARGE
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return await asyncio.to_thread(self._take, conn_id, headers, body)

    def _take(self, conn_id: str, headers: dict[str, str], body: bytes) -> Answer:
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
            # Another status than 2xx, so that ImageKit sends it again.
            log.error("A webhook for the Airflow Connection %.100r is put off: %s", conn_id, error)
            return 503, {"detail": str(error)}
        return 200, {"asset_events": count}


async def _body(scope: Message, receive: Callable[[], Awaitable[Message]]) -> bytes | None:
    """Return the body; ``None`` as soon as it is clear that it is too large."""
    stated = dict(scope["headers"]).get(b"content-length", b"")
    if stated.isdigit() and int(stated[:20]) > MAX_BODY:
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
