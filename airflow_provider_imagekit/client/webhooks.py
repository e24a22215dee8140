"""Verifies webhook deliveries in both of ImageKit's signature schemes."""

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

#: Maximum difference between the time of a signature and the clock, in seconds.
TOLERANCE = 300

#: Maximum size of a body in bytes.
MAX_BODY = 5_000_000

_PREFIX = "whsec_"
_HELP = "Use the secret whsec_... that ImageKit showed when the webhook was created."
_IMAGEKIT = re.compile(r"t=([0-9]{1,16}),v1=([0-9a-fA-F]{64})", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Signature:
    """A signature of a delivery: its time, the signed content, and its digests."""

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
    Verify the signature of a webhook delivery and return its event.

    ``x-ik-signature`` and the headers of Standard Webhooks (``webhook-id``, ``webhook-timestamp``,
    ``webhook-signature``) are accepted. Deliveries are not recorded; compare the ``id`` of events to detect
    duplicates.

    :param headers: headers of the request; case-insensitive.
    :param body: the body as received.
    :param secrets: the webhook's secret (``whsec_...``), or several during a rotation.
    :param clock: Unix time in seconds.
    :return: the event: ``id``, ``type``, ``created_at``, ``data``, as values that every database can store.
    :raises WebhookVerificationError: if the signature is missing, wrong or more than 300 seconds off, or
        the body is larger than 5 MB or not a JSON object.
    :raises ImageKitInputError: if there is no secret.
    """
    keys = _keys([secrets] if isinstance(secrets, str) else secrets)
    if len(body) > MAX_BODY:
        raise WebhookVerificationError(f"The webhook's body has {len(body)} bytes; the limit is {MAX_BODY}.")
    signatures = list(_signatures({name.lower(): value for name, value in headers.items()}, body))
    if not signatures:
        raise WebhookVerificationError("The webhook has no readable signature.")
    matching = [signature for signature in signatures if _matches(signature, keys)]
    if not matching:
        raise WebhookVerificationError("The webhook's signature matches none of the secrets.")
    age = min(abs(clock() - signature.made_at) for signature in matching)
    if age > TOLERANCE:
        raise WebhookVerificationError(
            f"The time of the webhook's signature is {age:.0f} seconds off; the limit is {TOLERANCE}.",
            help="Check this machine's clock. The delivery may also be a replay of an old one.",
        )
    return _event(body)


def _keys(secrets: Iterable[str]) -> list[bytes]:
    keys: list[bytes] = []
    for secret in secrets:
        text = secret.strip()
        if text in ("", _PREFIX):
            raise ImageKitInputError("A webhook secret is empty.", help=_HELP)
        # ImageKit's SDK uses the complete text as the key; Standard Webhooks decodes the part after whsec_.
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
    # Compare every pair, so that the duration does not depend on which one matches.
    found = [hmac.compare_digest(digest, each) for digest in signature.digests for each in expected]
    return any(found)


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = load_json(body)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise WebhookVerificationError("The webhook's body is not a JSON object.")
    return event
