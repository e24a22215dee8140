"""Checks private keys and remembers expired ones."""

from __future__ import annotations

import base64
import binascii

from airflow_provider_imagekit.emulator.errors import EXPIRED_KEY, NO_KEY, WRONG_KEY, ApiError

__all__ = ["DEFAULT_PRIVATE_KEY", "Keyring"]

#: Has the form of real keys and contains characters that connection URIs tend to lose. It is not a secret.
DEFAULT_PRIVATE_KEY = "private_emulator+key/for=tests="


class Keyring:
    """
    The account's valid private key and its expired ones.

    :param private_key: the valid key.
    """

    def __init__(self, private_key: str) -> None:
        self._valid = _checked(private_key)
        self._expired: set[str] = set()

    @property
    def valid(self) -> str:
        """Return the key that is currently accepted."""
        return self._valid

    @property
    def is_default(self) -> bool:
        """Return whether the key is the published default, which is not a secret."""
        return self._valid == DEFAULT_PRIVATE_KEY

    def rotate(self, private_key: str) -> None:
        """Accept another key from now on; requests with the previous one are refused as expired."""
        previous, self._valid = self._valid, _checked(private_key)
        self._expired.add(previous)
        self._expired.discard(private_key)

    def check(self, authorization: str | None) -> None:
        """
        Check the credentials of a request.

        ``Basic base64(key:anything)`` and ``Basic key`` are both documented; the password is ignored.

        :param authorization: value of the ``Authorization`` header.
        :raises ApiError: 401 if the key is missing, 403 if it is wrong or expired.
        """
        keys = _presented_keys(authorization or "")
        if not keys:
            raise ApiError(401, NO_KEY)
        if self._valid in keys:
            return
        if self._expired.intersection(keys):
            raise ApiError(403, EXPIRED_KEY)
        raise ApiError(403, WRONG_KEY)


def _checked(private_key: str) -> str:
    if not private_key.strip():
        raise ValueError("The private key is empty.")
    if not private_key.isascii() or not private_key.isprintable() or " " in private_key:
        raise ValueError("The private key contains blanks or characters that are not allowed in a key.")
    return private_key


def _presented_keys(authorization: str) -> list[str]:
    scheme, _, credentials = authorization.strip().partition(" ")
    credentials = credentials.strip()
    if scheme.lower() != "basic" or not credentials:
        return []
    keys = [credentials]
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return keys
    user, colon, _ = decoded.partition(":")
    if colon and not user:
        return []
    return [*keys, user]
