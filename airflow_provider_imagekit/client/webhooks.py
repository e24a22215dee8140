"""Verifies that a webhook delivery comes from ImageKit, in both of its signature schemes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_imagekit.client.responses import load_json
from airflow_provider_imagekit.exceptions import ImageKitInputError, WebhookVerificationError

__all__ = ["MAX_BODY", "TOLERANCE", "verify_webhook"]

#: Maximum age of a signature, and how far its time may lie ahead, in seconds.
TOLERANCE = 300

#: Maximum size of a body in bytes.
MAX_BODY = 5_000_000

_PREFIX = "whsec_"
_HELP = "Use the secret whsec_... that ImageKit showed when the webhook was made."
_IMAGEKIT = re.compile(r"t=([0-9]{1,16}),v1=([0-9a-fA-F]{64})", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Signature:
    """A signature as it was sent: when it was made, what it covers, and its bytes."""

    made_at: float
    content: bytes
    digests: tuple[bytes, ...]


def verify_webhook(
    headers: Mapping[str, str],
    body: bytes,
    secrets: str | Sequence[str],
    *,
    clock: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """
    Return the event of a webhook delivery after its signature was verified.

    ``x-ik-signature`` and the headers of Standard Webhooks (``webhook-id``, ``webhook-timestamp``,
    ``webhook-signature``) are accepted. A delivery is not remembered: compare the event's ``id`` to detect
    one that is sent twice.

    :param headers: headers of the request; their case does not matter.
    :param body: the body as received.
    :param secrets: the webhook's secret (``whsec_...``), or several of them while they are rotated.
    :param clock: Unix time in seconds.
    :return: the event: ``id``, ``type``, ``created_at``, ``data``, as values that every database stores.
    :raises WebhookVerificationError: if the signature is missing, wrong or older than 300 seconds, or the
        body is larger than 5 MB or not a JSON object.
    :raises ImageKitInputError: if there is no secret.
    """
    keys = _keys([secrets] if isinstance(secrets, str) else secrets)
    if len(body) > MAX_BODY:
        raise WebhookVerificationError(f"The webhook's body has {len(body)} bytes; {MAX_BODY} are allowed.")
    signatures = list(_signatures({name.lower(): value for name, value in headers.items()}, body))
    if not signatures:
        raise WebhookVerificationError("The webhook has no signature that can be read.")
    matching = [signature for signature in signatures if _matches(signature, keys)]
    if not matching:
        raise WebhookVerificationError("The webhook's signature matches none of the secrets.")
    age = min(abs(clock() - signature.made_at) for signature in matching)
    if age > TOLERANCE:
        raise WebhookVerificationError(
            f"The webhook's signature is {age:.0f} seconds off; {TOLERANCE} are allowed.",
            help="Check this machine's clock. The delivery may be a repeated old one.",
        )
    return _event(body)


def _keys(secrets: Iterable[str]) -> list[bytes]:
    keys: list[bytes] = []
    for secret in secrets:
        text = secret.strip()
        if text in ("", _PREFIX):
            raise ImageKitInputError("A webhook secret is empty.", help=_HELP)
        # ImageKit's client takes the whole text as key; Standard Webhooks decodes the part after whsec_.
        keys.append(text.encode("utf-8", "replace"))
        try:
            keys.append(base64.b64decode(text.removeprefix(_PREFIX), validate=True))
        except (binascii.Error, ValueError):
            continue
    if not keys:
        raise ImageKitInputError("secrets is empty.", help=_HELP)
    return [key for key in keys if key]


def _signatures(headers: Mapping[str, str], body: bytes) -> Iterator[_Signature]:
    if found := _IMAGEKIT.fullmatch(headers.get("x-ik-signature", "").strip()):
        milliseconds, digest = found.groups()
        content = milliseconds.encode() + b"." + body
        yield _Signature(int(milliseconds) / 1000, content, (bytes.fromhex(digest),))
    stated = headers.get("webhook-timestamp", "").strip()
    if _SECONDS.fullmatch(stated) and "webhook-id" in headers:
        identity = headers["webhook-id"].encode("utf-8", "replace")
        content = identity + b"." + stated.encode() + b"." + body
        yield _Signature(float(stated), content, tuple(_digests(headers.get("webhook-signature", ""))))


def _digests(header: str) -> Iterator[bytes]:
    for part in header.split():
        version, _, encoded = part.partition(",")
        if version == "v1":
            try:
                yield base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                continue


def _matches(signature: _Signature, keys: Iterable[bytes]) -> bool:
    expected = [hmac.new(key, signature.content, hashlib.sha256).digest() for key in keys]
    # Every pair is compared, so that the time does not depend on which one matches.
    found = [hmac.compare_digest(digest, wanted) for digest in signature.digests for wanted in expected]
    return any(found)


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = load_json(body)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise WebhookVerificationError("The webhook's body is not a JSON object.")
    return event
