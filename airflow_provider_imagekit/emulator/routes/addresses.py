"""Parses delivery URLs into file, version and transformation."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["Address", "below_endpoint"]

_PATH_PREFIX = "tr:"


@dataclass(frozen=True, slots=True)
class Address:
    """
    A parsed delivery URL.

    :param path: decoded path of the file in the media library.
    :param transformation: transformation string from path and query combined; empty if there is none.
    :param version_id: ``ik-obj-version``, if any.
    :param target: the URL after the endpoint and its slash, exactly as sent; this part is signed.
    """

    path: str
    transformation: str
    version_id: str
    target: str

    @classmethod
    def parse(cls, target: str) -> Address:
        """
        Parse the part of a delivery URL after the endpoint.

        :param target: percent-encoded path and query, without the slash after the endpoint.
        """
        raw_path, _, query = target.partition("?")
        first, slash, rest = raw_path.partition("/")
        steps = []
        path = raw_path
        if slash and unquote(first).startswith(_PATH_PREFIX):
            steps.append(unquote(first).removeprefix(_PATH_PREFIX))
            path = rest
        parameters = parse_qsl(query)
        steps += [value for name, value in parameters if name == "tr"]
        version = next((value for name, value in parameters if name == "ik-obj-version"), "")
        return cls("/" + unquote(path).lstrip("/"), ":".join(filter(None, steps)), version, target)


def below_endpoint(url: str, endpoints: tuple[str, ...]) -> str | None:
    """
    Return the part of a URL after the URL endpoint and its slash, exactly as written.

    :param url: absolute URL.
    :param endpoints: URL endpoints of the account, without a trailing slash.
    :return: ``None`` if the URL is not below any of them.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    tail = url.split("://", 1)[1].partition("#")[0]
    for endpoint in endpoints:
        # http and https URLs identify the same picture, as with the real service.
        prefix = endpoint.split("://", 1)[-1] + "/"
        if tail.startswith(prefix):
            return tail[len(prefix) :]
    return None
