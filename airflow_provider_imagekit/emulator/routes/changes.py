"""API endpoints that update, publish and delete single files."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_imagekit.emulator.errors import ApiError, no_such_file
from airflow_provider_imagekit.emulator.library.assets import Asset
from airflow_provider_imagekit.emulator.routes.attributes import coordinates_of, custom_metadata_of, tags_of
from airflow_provider_imagekit.emulator.routes.bodies import json_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.requests import Request

    from airflow_provider_imagekit.emulator.account import Account
    from airflow_provider_imagekit.emulator.routes.files import Api

__all__ = ["Changes"]


class Changes:
    """
    Changes an account's files.

    :param account: the account.
    :param api: finds files and builds their objects.
    """

    def __init__(self, account: Account, api: Api) -> None:
        self._account = account
        self._api = api

    async def update_details(self, request: Request, file_id: str) -> Response:
        """``PATCH /v1/files/{fileId}/details``: change the attributes or the publication of a file."""
        asset = await self._api.asset(file_id)
        self._account.jobs.check(asset.path)
        requested = await json_object(request)
        updated_ms = time.time_ns() // 1_000_000

        def change(known: Asset | None) -> Asset:
            if known is None or not known.versions:
                raise no_such_file()
            fields = self._account.custom_fields.values()
            attributes = replace(known.current.attributes, **_changes(requested, known, fields))
            changed = known.with_current(attributes=attributes, updated_ms=updated_ms)
            return _with_same_publication(changed) if _includes_versions(requested) else changed

        await self._account.run(self._account.library.change, asset.path, change)
        return await self._api.file_details(request, file_id)

    async def delete(self, _request: Request, file_id: str) -> Response:
        """``DELETE /v1/files/{fileId}``: delete a file with all its versions."""
        asset = await self._api.asset(file_id)
        self._account.jobs.check(asset.path)

        def change(known: Asset | None) -> Asset:
            # A file in the library folder stays on disk; it counts as deleted until it changes.
            return Asset(asset.path, known.disk if known else None, ())

        await self._account.run(self._account.library.change, asset.path, change)
        return Response(status_code=204)


def _changes(requested: dict[str, Any], asset: Asset, fields: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "tags" in requested:
        changes["tags"] = tags_of(requested["tags"])
    if "customCoordinates" in requested:
        changes["custom_coordinates"] = coordinates_of(requested["customCoordinates"])
    if "customMetadata" in requested:
        previous = asset.current.attributes.custom_metadata
        merged = previous | custom_metadata_of(requested["customMetadata"], fields)
        changes["custom_metadata"] = {name: value for name, value in merged.items() if value is not None}
    if "description" in requested:
        if not isinstance(requested["description"], str):
            raise ApiError(400, "Your request contains invalid value for description parameter.")
        changes["description"] = requested["description"]
    if "publish" in requested:
        changes["published"] = _publication(requested["publish"])
    return changes


def _publication(publish: Any) -> bool:
    published = publish.get("isPublished") if isinstance(publish, dict) else None
    if not isinstance(published, bool):
        raise ApiError(400, "Your request contains invalid value for publish parameter.")
    return published


def _includes_versions(requested: dict[str, Any]) -> bool:
    publish = requested.get("publish")
    return isinstance(publish, dict) and publish.get("includeFileVersions") is True


def _with_same_publication(asset: Asset) -> Asset:
    published = asset.current.attributes.published
    return replace(
        asset,
        versions=tuple(
            replace(version, attributes=replace(version.attributes, published=published))
            for version in asset.versions
        ),
    )
