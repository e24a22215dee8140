"""Signed URLs: ``ik-s`` is an HMAC-SHA1 of the URL below the endpoint and the expiry time ``ik-t``."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NEVER", "is_signed", "signature"]

#: Expiry that is signed if the URL has none.
NEVER = "9999999999"

_SIGNATURE = re.compile(r"[?&]ik-s=([^&]*)")
_EXPIRY = re.compile(r"[?&]ik-t=([^&]*)")
_SIGNING_PARAMETERS = re.compile(r"(?<=[?&])ik-[st]=[^&]*&?")


def signature(private_key: str, target: str, expiry: str = NEVER) -> str:
    """
    Return the ``ik-s`` of a URL.

    :param private_key: the account's key.
    :param target: the URL after the endpoint and its slash, percent-encoded, with its query but without
        ``ik-s`` and ``ik-t``.
    :param expiry: Unix time in seconds.
    """
    return hmac.new(private_key.encode(), (target + expiry).encode(), hashlib.sha1).hexdigest()


def is_signed(private_key: str, target: str, clock: Callable[[], float] = time.time) -> bool | None:
    """
    Return whether the signature of a URL is valid; ``None`` if the URL is not signed.

    :param private_key: the account's key.
    :param target: the URL after the endpoint and its slash, exactly as sent.
    :param clock: returns Unix time in seconds.
    """
    found = _SIGNATURE.search(target)
    if not found:
        return None
    expiry = _EXPIRY.search(target)
    stated = expiry.group(1) if expiry else NEVER
    if not re.fullmatch(r"\d{1,12}", stated, re.ASCII) or float(stated) < clock():
        return False
    bare = _SIGNING_PARAMETERS.sub("", target).rstrip("?&")
    expected = signature(private_key, bare, stated)
    return hmac.compare_digest(expected.encode(), found.group(1).encode())
