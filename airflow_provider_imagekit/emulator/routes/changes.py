"""The API's endpoints that change files: update of details, publication, deletion."""

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
    :param api: how files are found and shown.
    """

    def __init__(self, account: Account, api: Api) -> None:
        self._account = account
        self._api = api

    async def update_details(self, request: Request, file_id: str) -> Response:
        """``PATCH /v1/files/{fileId}/details``: tags, coordinates, metadata, description, publication."""
        asset = await self._api.asset(file_id)
        self._account.jobs.check(asset.path)
        wanted = await json_object(request)
        updated_ms = time.time_ns() // 1_000_000

        def change(known: Asset | None) -> Asset:
            if known is None or not known.versions:
                raise no_such_file()
            fields = self._account.custom_fields.values()
            attributes = replace(known.current.attributes, **_changes(wanted, known, fields))
            changed = known.with_current(attributes=attributes, updated_ms=updated_ms)
            return _published_alike(changed) if _includes_versions(wanted) else changed

        await self._account.run(self._account.library.change, asset.path, change)
        return await self._api.file_details(request, file_id)

    async def delete(self, _request: Request, file_id: str) -> Response:
        """``DELETE /v1/files/{fileId}``: the file with all its versions."""
        asset = await self._api.asset(file_id)
        self._account.jobs.check(asset.path)

        def change(known: Asset | None) -> Asset:
            # A file of the library folder stays there; it is remembered as deleted until it changes.
            return Asset(asset.path, known.disk if known else None, ())

        await self._account.run(self._account.library.change, asset.path, change)
        return Response(status_code=204)


def _changes(wanted: dict[str, Any], asset: Asset, fields: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "tags" in wanted:
        changes["tags"] = tags_of(wanted["tags"])
    if "customCoordinates" in wanted:
        changes["custom_coordinates"] = coordinates_of(wanted["customCoordinates"])
    if "customMetadata" in wanted:
        former = asset.current.attributes.custom_metadata
        merged = former | custom_metadata_of(wanted["customMetadata"], fields)
        changes["custom_metadata"] = {name: value for name, value in merged.items() if value is not None}
    if "description" in wanted:
        if not isinstance(wanted["description"], str):
            raise ApiError(400, "Your request contains invalid value for description parameter.")
        changes["description"] = wanted["description"]
    if "publish" in wanted:
        changes["published"] = _publication(wanted["publish"])
    return changes


def _publication(publish: Any) -> bool:
    published = publish.get("isPublished") if isinstance(publish, dict) else None
    if not isinstance(published, bool):
        raise ApiError(400, "Your request contains invalid value for publish parameter.")
    return published


def _includes_versions(wanted: dict[str, Any]) -> bool:
    publish = wanted.get("publish")
    return isinstance(publish, dict) and publish.get("includeFileVersions") is True


def _published_alike(asset: Asset) -> Asset:
    published = asset.current.attributes.published
    return replace(
        asset,
        versions=tuple(
            replace(version, attributes=replace(version.attributes, published=published))
            for version in asset.versions
        ),
    )
