"""``GET /v1/accounts/usage``: five usage counters of the account."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.routes.files import json_response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from airflow_provider_imagekit.emulator.account import Account

__all__ = ["Usage"]

_MAX_DAYS = 90


class Usage:
    """
    Reports an account's usage.

    :param account: the account; counters missing in its ``usage`` are 0, or the size of the library.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    async def usage(self, request: Request) -> Response:
        """``GET /v1/accounts/usage``: return the usage from ``startDate`` to ``endDate``."""
        first, last = (_date(request, name) for name in ("startDate", "endDate"))
        if not 0 <= (last - first).days < _MAX_DAYS:
            raise ApiError(400, "The endDate should be after the startDate, by less than 90 days.")
        stored = await self._account.run(self._stored_bytes)
        return json_response(
            {
                "bandwidthBytes": 0,
                "extensionUnitsCount": 0,
                "mediaLibraryStorageBytes": stored,
                "originalCacheStorageBytes": 0,
                "videoProcessingUnitsCount": 0,
                **self._account.usage,
            }
        )

    def _stored_bytes(self) -> int:
        total = 0
        for asset in self._account.library.assets():
            for version in asset.versions:
                try:
                    total += self._account.measurer.facts(asset, version).size
                except FileNotFoundError:
                    continue
        return total


def _date(request: Request, name: str) -> date:
    text = request.query_params.get(name, "")
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise ApiError(400, f"Your request contains invalid value for {name} parameter.") from None
