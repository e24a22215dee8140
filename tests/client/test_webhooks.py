from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_imagekit.client.webhooks import MAX_BODY, verify_webhook
from airflow_provider_imagekit.exceptions import ImageKitInputError, WebhookVerificationError

SECRET, OTHER = "whsec_dGVzdCBzZWNyZXQ=", "whsec_bmV4dA=="
NOW = 1_760_000_000
EVENT = {"id": "evt_1", "type": "file.created", "created_at": "2026-01-01T00:00:00.000Z", "data": {}}
BODY = json.dumps(EVENT).encode()


def by_imagekit(body: bytes = BODY, secret: str = SECRET, at: float = NOW) -> dict[str, str]:
    stamp = str(int(at * 1000))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-IK-Signature": f"t={stamp},v1={digest}"}


def by_standard(
    body: bytes = BODY, key: bytes = SECRET.encode(), at: float = NOW, before: str = ""
) -> dict[str, str]:
    digest = hmac.new(key, b"msg_1.%d." % at + body, hashlib.sha256).digest()
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": f"{at:.0f}",
        "Webhook-Signature": f"{before}v1,{base64.b64encode(digest).decode()}",
    }


def verified(headers: dict[str, str], body: bytes = BODY, secrets: Any = SECRET, now: float = NOW) -> Any:
    return verify_webhook(headers, body, secrets, clock=lambda: now)


def test_a_recorded_signature_of_each_scheme_is_accepted() -> None:
    # Signatures made the same way were accepted by unwrap() of imagekitio 5.11 with standardwebhooks.
    body = b'{"id":"evt_1"}'
    digest = "e8e1c6d6d0857b718021f3136ba7e14f0828bb42d7d7d238c51079200cd5100f"
    assert verified(
        {
            "webhook-id": "msg_1",
            "webhook-timestamp": "1760000000",
            "webhook-signature": "v1,wZCch2vPLALdg3Un44hRmaXCmr6/SOExSt6qw4XtYeM=",
        },
        body,
    ) == {"id": "evt_1"}
    assert verified({"x-ik-signature": f"t=1760000000000,v1={digest}"}, body) == {"id": "evt_1"}


@pytest.mark.parametrize(
    "headers",
    [
        by_imagekit(),
        by_standard(),
        by_standard(key=base64.b64decode(SECRET.removeprefix("whsec_"))),
        by_standard(before="v1,AAAA v2,x v1,%% "),
        by_imagekit() | by_standard(key=b"wrong"),
    ],
)
def test_a_signed_delivery_returns_its_event(headers: dict[str, str]) -> None:
    assert verified(headers) == EVENT


@pytest.mark.parametrize("sign", [by_imagekit, by_standard])
def test_a_delivery_is_accepted_under_each_secret_while_they_are_rotated(sign: Any) -> None:
    assert verified(sign(), secrets=[OTHER, SECRET]) == EVENT
    with pytest.raises(WebhookVerificationError, match="matches none of the secrets"):
        verified(sign(), secrets=[OTHER])


@pytest.mark.parametrize("sign", [by_imagekit, by_standard])
@pytest.mark.parametrize(("seconds", "accepted"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_signature_holds_for_300_seconds(sign: Any, seconds: int, accepted: bool) -> None:
    if accepted:
        assert verified(sign(), now=NOW + seconds) == EVENT
    else:
        with pytest.raises(WebhookVerificationError, match="301 seconds off; the limit is 300"):
            verified(sign(), now=NOW + seconds)


@pytest.mark.parametrize("sign", [by_imagekit, by_standard])
def test_a_changed_body_or_header_is_refused(sign: Any) -> None:
    with pytest.raises(WebhookVerificationError):
        verified(sign(), BODY + b" ")
    for name, value in sign().items():
        with pytest.raises(WebhookVerificationError):
            verified({**sign(), name: value[:-2] + ("00" if value[-2:] != "00" else "11")})


@pytest.mark.parametrize(
    ("body", "text"),
    [(b"[]", "not a JSON object"), (b"{", "not a JSON object"), (b"[" * 100_000, "not a JSON object")],
)
def test_a_signed_body_that_is_not_an_event_is_refused(body: bytes, text: str) -> None:
    with pytest.raises(WebhookVerificationError, match=text):
        verified(by_imagekit(body), body)


def test_a_large_body_is_refused_unread() -> None:
    with pytest.raises(WebhookVerificationError, match="bytes; the limit is 5000000"):
        verified({}, bytes(MAX_BODY + 1))


@pytest.mark.parametrize("secrets", ["", [], [""], [SECRET, " "], "whsec_"])
def test_a_missing_secret_is_refused(secrets: Any) -> None:
    with pytest.raises(ImageKitInputError, match="empty"):
        verified(by_imagekit(), secrets=secrets)


def test_no_refusal_shows_secret_signature_or_body() -> None:
    headers = by_imagekit(secret=OTHER)
    with pytest.raises(WebhookVerificationError) as refused:
        verified(headers)
    text = f"{refused.value!r} {refused.value}"
    assert not any(part in text for part in (SECRET, headers["X-IK-Signature"], "evt_1"))


NAMES = ["x-ik-signature", "webhook-id", "webhook-timestamp", "webhook-signature", "X-Other"]
VALUES = st.text() | st.from_regex(r"t=[0-9]+,v1=[0-9a-f]{64}") | st.from_regex(r"(v1,[A-Za-z0-9+/=]+ ?)+")


@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.binary(max_size=200), st.text(min_size=1))
def test_any_delivery_without_the_secret_is_refused(
    headers: dict[str, str], body: bytes, secret: str
) -> None:
    with pytest.raises((WebhookVerificationError, ImageKitInputError)):
        verified(headers, body, secret)
