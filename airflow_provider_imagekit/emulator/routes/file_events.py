"""Sends webhook events for changes of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.routes.objects import file_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_imagekit.emulator.account import Account
    from airflow_provider_imagekit.emulator.library.assets import Asset

__all__ = ["FileEvents"]


class FileEvents:
    """
    Sends the event of each change that is made through the API.

    :param account: the account.
    :param url_endpoint: returns the URL endpoint for file URLs.
    """

    def __init__(self, account: Account, url_endpoint: Callable[[], str]) -> None:
        self._account = account
        self._url_endpoint = url_endpoint

    def changed(self, before: Asset | None, after: Asset) -> None:
        """Send the event of a change; a file without versions does not exist."""
        existing, exists = before if before and before.versions else None, bool(after.versions)
        if existing and not exists:
            self._account.webhooks.emit("file.deleted", lambda: {"fileId": after.id})
        elif exists:
            self._account.webhooks.emit(_kind(existing, after), lambda: self._object(after))

    def _object(self, asset: Asset) -> dict[str, Any]:
        facts = self._account.measurer.facts(asset, asset.current)
        return file_object(asset, asset.current, facts, self._url_endpoint())


def _kind(before: Asset | None, after: Asset) -> str:
    if before is None:
        return "file.created"
    return "file.updated" if before.current.number == after.current.number else "file-version.created"
