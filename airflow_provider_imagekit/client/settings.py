"""Settings of a client, and the masking of their secrets in untrusted text."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from airflow_provider_imagekit.client.endpoints import DEFAULT_BASE_URL, mask_signature
from airflow_provider_imagekit.provider_info import CONNECTION_FIELDS

__all__ = [
    "LONGEST_TEXT",
    "ClientSettings",
    "Redactor",
    "is_loopback",
    "key_forms",
    "key_masks",
    "password_of",
]

#: Maximum number of characters of untrusted text in an error.
LONGEST_TEXT = 500

_HIDDEN = "***"
_PREFIX = "private_"
# Masking shorter secrets would mask ordinary words.
_MIN_SECRET_LENGTH = 6
_MIN_PART_LENGTH = 16
_CREDENTIALS = re.compile(r"[^\s/@'\"<>]+:[^\s/@'\"<>]+@")
_ESCAPED = (b"\\u", b"\\/")


def _default(name: str) -> Any:
    return CONNECTION_FIELDS[name]["default"]


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """
    Settings of a client; hashable. The defaults are those of the Airflow Connection's fields.

    :param private_key: the account's private key.
    :param base_url: address of the API; plain http requires a loopback address or ``allow_http``.
    :param timeout: maximum seconds until the complete response has arrived, connecting included; see
        :class:`~airflow_provider_imagekit.client.deadline.DeadlineAdapter`.
    :param max_retries: maximum retries of a request after connection errors, timeouts, 408, 429 and 5xx.
    :param max_wait: maximum total seconds that one call waits for rate limits and between tries.
    :param requests_per_second: steady rate for all clients of the process with this key; ``None``: no limit.
    :param writes_per_second: steady rate of requests that write, which are counted separately so that reads
        do not wait for them; ``None``: no limit.
    :param rate_limit_url: address of a Redis that shares the rate and the pauses after 429 with other
        processes and machines; ``None``: this process only.
    :param verify: whether to verify certificates, or the path of a CA bundle.
    :param allow_http: whether plain http to another machine is allowed, where the network can read the key.
    :param drop_personal_data: whether operators keep coordinates, serial numbers and people's names out of
        XCom and tables; the client itself returns ImageKit's values unchanged.
    :param proxies: proxy addresses by scheme, as a mapping or as pairs; empty: those of the environment.
    """

    private_key: str = field(repr=False)
    base_url: str = field(default=DEFAULT_BASE_URL, repr=False)  # a mistyped one may contain a key
    timeout: float = _default("timeout")
    max_retries: int = _default("max_retries")
    max_wait: float = _default("max_wait")
    requests_per_second: float | None = _default("requests_per_second")
    writes_per_second: float | None = _default("writes_per_second")
    rate_limit_url: str | None = field(default=_default("rate_limit_url"), repr=False)
    verify: bool | str = _default("verify")
    allow_http: bool = _default("allow_http")
    drop_personal_data: bool = _default("drop_personal_data")
    proxies: tuple[tuple[str, str], ...] = field(default=_default("proxies"), repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "proxies", tuple(sorted(dict(self.proxies or ()).items())))


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is a loopback address."""
    return host == "localhost" or host == "[::1]" or bool(re.fullmatch(r"127(\.[0-9]{1,3}){3}", host))


class Redactor:
    """
    Masks the secrets of one account in texts.

    :param private_key: the account's private key.
    :param passwords: other secrets, such as those of proxies.
    """

    def __init__(self, private_key: str, passwords: Iterable[str] = ()) -> None:
        forms = {*key_forms(private_key), *(each for word in passwords for each in (word, quote(word)))}
        ordered = sorted((form for form in forms if len(form) >= _MIN_SECRET_LENGTH), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)) or "(?!)", re.IGNORECASE)
        words = {_longest_word(form).lower().encode() for form in ordered}
        self._traces = [word for word in words if not any(part != word and part in word for part in words)]

    def __repr__(self) -> str:
        return "Redactor()"

    def hide(self, text: str) -> str:
        """Return a text with the secrets masked, otherwise unchanged."""
        return self._pattern.sub(_HIDDEN, text)

    def text(self, untrusted: object, max_length: int = LONGEST_TEXT) -> str:
        """
        Return an untrusted text in a form that is safe for errors and logs.

        :param untrusted: a text from a server, a proxy or a library, of unknown length and content.
        :param max_length: maximum number of characters.
        """
        # Mask first, then cut: a truncated secret would not be recognized.
        text = _printable(self.hide(_printable(str(untrusted)[: 4 * LONGEST_TEXT])))
        text = _CREDENTIALS.sub(f"{_HIDDEN}@", mask_signature(text))
        return text if len(text) <= max_length else f"{text[: max_length - 1]}…"

    def value(self, value: Any, body: bytes) -> Any:
        """
        Return a JSON value with the secrets masked.

        :param value: a value of JSON types.
        :param body: the body it was decoded from; values are walked only if it may contain a secret.
        """
        lowered = body.lower()
        if any(trace in lowered for trace in (*self._traces, *_ESCAPED)):
            return self._walk(value)
        return value

    def _walk(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, dict):
            return {self.hide(key): self._walk(item) for key, item in value.items()}
        return [self._walk(item) for item in value] if isinstance(value, list) else value


def key_forms(private_key: str) -> set[str]:
    """Return the encodings in which a private key may appear."""
    words = {private_key}
    part = private_key.removeprefix(_PREFIX)
    if len(part) >= _MIN_PART_LENGTH:
        words |= {part, part.rstrip("=")}
    encoded = {
        form
        for text in (f"{private_key}:", private_key)
        for form in _base64(text.encode("utf-8", "surrogatepass"))
    }
    return {form for word in words | encoded for form in _encodings(word)} - {""}


def key_masks(private_key: str) -> set[str]:
    """
    Return the key and a minimal set of texts of which every encoding of the key contains at least one.

    Encodings that are percent-encoded once more count, too. After these texts are masked, only the prefix, a
    colon or padding can remain of an encoding.
    """
    forms = key_forms(private_key)
    forms |= {quote(form, safe="") for form in forms}
    inner = {form for form in forms if len(form) >= _MIN_PART_LENGTH}
    return {form for form in forms if not any(other in form for other in inner - {form})} | {private_key}


def password_of(address: str) -> str:
    """Return the decoded password in an address; empty if it has none or cannot be parsed."""
    try:
        return unquote(urlsplit(address if "://" in address else f"//{address}").password or "")
    except ValueError:
        return ""


def _base64(raw: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(raw).decode()
        yield text
        yield text.rstrip("=")


def _encodings(word: str) -> Iterator[str]:
    yield word
    yield quote(word, safe="")
    yield quote_plus(word, safe="/")
    yield quote(quote(word, safe=""), safe="")
    yield json.dumps(word)[1:-1].replace("/", "\\/")


def _longest_word(form: str) -> str:
    return max(re.findall("[A-Za-z0-9]+", form), key=len, default=form)


def _printable(text: str) -> str:
    shown = (" " if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else each for each in text)
    return " ".join("".join(shown).split())
