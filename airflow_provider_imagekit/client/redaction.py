"""Makes foreign text fit for errors and logs: without secrets and control characters, and short."""

from __future__ import annotations

import base64
import json
import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from airflow_provider_imagekit.client.endpoints import mask_signature

__all__ = ["LONGEST_TEXT", "Redactor", "key_forms", "key_masks", "password_of"]

#: Maximum characters of a foreign text in an error.
LONGEST_TEXT = 500

_HIDDEN = "***"
_PREFIX = "private_"
# Shorter ones would hide ordinary words.
_SHORTEST_SECRET = 6
_SHORTEST_PART = 16
_CREDENTIALS = re.compile(r"[^\s/@'\"<>]+:[^\s/@'\"<>]+@")
_ESCAPED = (b"\\u", b"\\/")


class Redactor:
    """
    Removes the secrets of one account from texts.

    :param private_key: the account's private key.
    :param passwords: other secrets, such as those of proxies.
    """

    def __init__(self, private_key: str, passwords: Iterable[str] = ()) -> None:
        forms = {*key_forms(private_key), *(each for word in passwords for each in (word, quote(word)))}
        ordered = sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)) or "(?!)", re.IGNORECASE)
        words = {_longest_word(form).lower().encode() for form in ordered}
        self._traces = [word for word in words if not any(part != word and part in word for part in words)]

    def __repr__(self) -> str:
        return "Redactor()"

    def hide(self, text: str) -> str:
        """Return a text without the secrets, otherwise as it was."""
        return self._pattern.sub(_HIDDEN, text)

    def text(self, foreign: object, longest: int = LONGEST_TEXT) -> str:
        """
        Return a foreign text as errors and logs may hold it.

        :param foreign: a text of a server, a proxy or a library; of unknown length and content.
        :param longest: maximum characters.
        """
        # Hidden before it is cut: half a secret would not be found.
        text = _printable(self.hide(_printable(str(foreign)[: 4 * LONGEST_TEXT])))
        text = _CREDENTIALS.sub(f"{_HIDDEN}@", mask_signature(text))
        return text if len(text) <= longest else f"{text[: longest - 1]}…"

    def value(self, value: Any, body: bytes) -> Any:
        """
        Return a JSON value without the secrets.

        :param value: a value of JSON types.
        :param body: what it was read from; a look at it spares the walk through most values.
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
    """Return the spellings in which a private key travels or is written down."""
    words = {private_key}
    part = private_key.removeprefix(_PREFIX)
    if len(part) >= _SHORTEST_PART:
        words |= {part, part.rstrip("=")}
    encoded = {
        form
        for text in (f"{private_key}:", private_key)
        for form in _base64(text.encode("utf-8", "surrogatepass"))
    }
    return {form for word in words | encoded for form in _spellings(word)} - {""}


def key_masks(private_key: str) -> set[str]:
    """
    Return the key, and the fewest texts that stand in all its spellings, also in those encoded once more.

    Who hides these hides the spellings: what is left of one is the prefix, a colon or padding.
    """
    forms = key_forms(private_key)
    forms |= {quote(form, safe="") for form in forms}
    inner = {form for form in forms if len(form) >= _SHORTEST_PART}
    return {form for form in forms if not any(other in form for other in inner - {form})} | {private_key}


def password_of(address: str) -> str:
    """Return the password in an address, decoded; empty if there is none, however wrong the address is."""
    try:
        return unquote(urlsplit(address if "://" in address else f"//{address}").password or "")
    except ValueError:
        return ""


def _base64(raw: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(raw).decode()
        yield text
        yield text.rstrip("=")


def _spellings(word: str) -> Iterator[str]:
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


class _SignatureFilter(logging.Filter):
    """Masks URL signatures in the lines of urllib3, which logs each request's whole target."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask_signature(record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_SignatureFilter())
